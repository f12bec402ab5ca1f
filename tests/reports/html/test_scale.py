"""Much may happen: the page stays small, and what matters stays visible."""

from __future__ import annotations

import re

from kafka_lab.api import Finding
from kafka_lab.reports.html.page import render
from kafka_lab.reports.html.reading import read

from .story import Told, place, verdict

MOST_BYTES = 3_000_000
MOST_NODES = 40_000


def checked(text: str) -> None:
    assert len(text.encode()) < MOST_BYTES
    assert text.count("<") / 2 < MOST_NODES


def test_a_hundred_thousand_records_in_as_many_requests() -> None:
    told = Told()
    count = 100_000
    told.events[2]["topics"] = {"in": 1, "out": 8}
    for n in range(count):
        lane = ["out", n % 8]
        told.ask(
            2.0 + n * 0.0005,
            "Produce",
            {"base_offsets": [[*lane, n // 8]]},
            partitions=[lane],
            records=[1],
        )
    twice = Finding(
        "duplicate",
        "twice",
        {"cases": [{"id": "t", "places": [place("out", 3, 4000), place("out", 3, 4001)]}]},
    )
    text = render(read(told.events), verdict(twice), {})
    checked(text)
    # All are accounted for, and the two that matter have marks of their own.
    in_table = re.findall(r"<td>out-\d</td><td class=\"number\">([\d,]+)</td>", text)
    assert sum(int(n.replace(",", "")) for n in in_table) == count
    assert text.count("out-3@4000, finding 1: duplicate") >= 2
    assert text.count('class="tie"') == 2


def test_a_hundred_thousand_findings_cases_and_partitions() -> None:
    told = Told()
    told.events[2]["topics"] = {"in": 1, "out": 2000}
    for n in range(2000):
        told.ask(
            2.0 + n * 0.01,
            "Produce",
            {"base_offsets": [["out", n, 0]]},
            partitions=[["out", n]],
            records=[50],
        )
    cases = [{"id": f"t-{n}", "places": [place("out", n % 2000, n % 50)]} for n in range(100)]
    many = [Finding("unexpected", "x" * 1000, {"count": 100_000, "cases": cases})] * 30
    text = render(
        read(told.events), verdict(*many), {f"program-{n}.log": "y" * 9000 for n in range(40)}
    )
    checked(text)
    assert "of 100,000" in text


def test_many_programs_faults_and_transactions() -> None:
    told = Told()
    for n in range(300):
        told.add(1.0, "role", program=f"p{n}", principal=f"program-{n}")
        told.add(1.0 + n / 100, "program-start", program=f"p{n}", pid=n)
        told.principal = f"program-{n}"
        for k in range(20):
            told.ask(
                2.0 + n / 100 + k,
                "Produce",
                {"base_offsets": [["out", 0, n * 20 + k]]},
                partitions=[["out", 0]],
                records=[1],
                transactional_id=f"tx-{n}-{k}",
            )
        told.add(
            3.0 + n / 100, "fault", fault="kill", program=f"p{n}", when="before", api="Produce"
        )
        told.add(3.1 + n / 100, "program-exit", program=f"p{n}", pid=n, code=-9)
    told.events.sort(key=lambda e: e["t"])
    checked(render(read(told.events), verdict(), {}))
