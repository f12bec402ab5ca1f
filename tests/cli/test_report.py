"""``kafka-lab report`` in attempts' folders as checks leave them."""

from __future__ import annotations

import json
from pathlib import Path

from kafka_lab.api import CheckResult, Outcome, Verdict

from .conftest import Tool


def attempt(tool: Tool, name: str, verdict: bool = True) -> Path:
    folder = tool.home / "attempts" / name
    folder.mkdir(parents=True)
    (folder / "events.jsonl").write_text('{"t":0.1,"kind":"note","text":"begun"}\n')
    if verdict:
        check = CheckResult("a", "A.", Outcome.PASSED, 1)
        made = Verdict(
            "x", "python", Outcome.PASSED, (check,), 1, "embedded", "4.3.1", name, 1.0, 1.0
        )
        (folder / "verdict.json").write_text(json.dumps(made.to_json()))
    return folder


def test_it_prints_where_the_latest_is(tool: Tool) -> None:
    assert tool.call("report").code == 2
    old, new = attempt(tool, "20260101-000000-old"), attempt(tool, "20260202-000000-new")
    (new / "report.html").write_text("already there")
    done = tool.call("report")
    assert (done.code, done.out.strip()) == (0, str(new / "report.html"))
    assert (new / "report.html").read_text() == "already there"
    # One of an earlier kafka-lab has none yet: it is made now.
    done = tool.call("report", "20260101")
    assert (done.code, done.out.strip()) == (0, str(old / "report.html"))
    assert "A." in (old / "report.html").read_text()
    assert tool.call("report", "../..").code == 2


def test_an_attempt_without_a_verdict(tool: Tool) -> None:
    attempt(tool, "20260101-000000-cut", verdict=False)
    done = tool.call("report")
    assert done.code == 2
    assert "has no verdict" in done.err


def test_a_verdict_that_is_no_verdict(tool: Tool) -> None:
    folder = attempt(tool, "20260101-000000-odd")
    (folder / "verdict.json").write_text('{"checks": 3')
    assert tool.call("report").code == 2


def test_events_that_are_gone(tool: Tool) -> None:
    (attempt(tool, "20260101-000000-odd") / "events.jsonl").unlink()
    done = tool.call("report")
    assert done.code == 2
    assert "no events.jsonl" in done.err
