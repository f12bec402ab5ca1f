"""The picture is drawn from the events and the findings: change one, and it changes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from kafka_lab.api import Finding, Outcome
from kafka_lab.reports.html.axis import Axis
from kafka_lab.reports.html.marks import wrongs
from kafka_lab.reports.html.page import render
from kafka_lab.reports.html.reading import read
from kafka_lab.reports.html.scenes import scenes

from .story import TWICE, Told, duplicate, place, verdict

Event = dict[str, Any]


def page(events: list[Event], *findings: Finding, **logs: str) -> str:
    outcome = Outcome.FAILED if findings else Outcome.PASSED
    return render(read(events), verdict(*findings, outcome=outcome), logs)


def pictures(text: str) -> list[str]:
    return re.findall(r'<svg viewBox="0 0 1200.*?</svg>', text, re.DOTALL)


def of(events: list[Event], kind: str, number: int = 0, **fields: Any) -> Event:
    found = [
        e for e in events if e["kind"] == kind and all(e.get(k) == v for k, v in fields.items())
    ]
    return found[number]


def test_the_duplicate_is_marked_tied_and_linked_both_ways() -> None:
    text = page(duplicate(), TWICE)
    assert len(pictures(text)) == 3  # close-up, the whole attempt, the scene
    ids = set(re.findall(r'\bid="([^"]+)"', text))
    links = re.findall(r'href="#([^"]+)"', text)
    assert set(links) <= ids
    closeup, _, scene = pictures(text)
    for picture in (closeup, scene):
        assert picture.count('class="wrong"') == 2
        assert picture.count('class="tie"') == 1
        assert 'href="#f1"' in picture
        assert "answer to EndTxn held back" in picture
    # From the finding to the marks in the scene.
    table = text[text.index("Expected and seen") :]
    for offset in (0, 2):
        (anchor,) = re.findall(rf'href="#([^"]+)">out-0@{offset}<', table)
        assert f'id="{anchor}"' in scene
    assert "one record" in table
    assert "2 records" in table


def test_the_closeup_leaves_out_what_is_far_away() -> None:
    closeup = pictures(page(duplicate(), TWICE))[0]
    assert "@4" not in closeup
    assert "4.1" in closeup
    assert "InitProducerId" in closeup
    assert "exit code" not in closeup


CHANGES: dict[str, Callable[[list[Event]], Any]] = {
    "a fault at another time": lambda e: of(e, "fault").update(t=2.5),
    "a fault of another kind": lambda e: of(e, "fault").update(fault="kill"),
    "a fault at another request": lambda e: of(e, "fault").update(api="Produce"),
    "no fault": lambda e: e.remove(of(e, "fault")),
    "a record at another offset": lambda e: of(e, "response", api="Produce").update(
        base_offsets=[["uuid-out", 1, 7]]
    ),
    "a record that was aborted": lambda e: of(e, "read", 1)["markers"][0].__setitem__(2, 0),
    "a transaction that was aborted": lambda e: of(e, "request", 2, api="EndTxn").update(
        committed=True
    ),
    "another offset committed": lambda e: of(e, "request", api="TxnOffsetCommit").update(
        offsets=[["in", 0, 9]]
    ),
    "a request that was refused": lambda e: of(e, "response", api="EndTxn").update(error=51),
    "a process that ended well": lambda e: of(e, "program-exit").update(code=0),
    "a process that started later": lambda e: of(e, "program-start").update(t=1.5),
    "an input that nobody read": lambda e: e.remove(of(e, "read")),
    "another value": lambda e: of(e, "read")["shown"].__setitem__(0, [0, "k", "other"]),
    "a hold without an end": lambda e: e.remove(of(e, "release")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_one_event_altered_alters_the_picture(name: str) -> None:
    if name == "another value":
        events = duplicate()
        events.remove(of(events, "read"))
        before = [*events, {**of(duplicate(), "read"), "ranges": [[0, 0, 1, -1, 0, 0]]}]
    else:
        before = duplicate()
    import copy

    after = copy.deepcopy(before)
    CHANGES[name](after)
    assert after != before
    assert pictures(page(after, TWICE)) != pictures(page(before, TWICE))


def test_the_same_events_make_the_same_page() -> None:
    assert page(duplicate(), TWICE) == page(duplicate(), TWICE)


def test_a_finding_altered_alters_the_picture_and_a_pass_marks_nothing() -> None:
    other = Finding("duplicate", "x", {"cases": [{"id": "t", "places": [place("out", 0, 4)]}]})
    assert pictures(page(duplicate(), other)) != pictures(page(duplicate(), TWICE))
    text = page(duplicate())
    assert 'class="wrong"' not in text
    assert len(pictures(text)) == 2


def test_an_input_that_was_lost_is_marked_where_it_was_sent() -> None:
    lost = Finding("lost", "x", {"count": 1, "cases": [{"id": "t", "sent": place("in", 0, 1)}]})
    assert "in-0@1, finding 1: lost" in pictures(page(duplicate(), lost))[-1]


def test_a_record_that_nobody_saw_is_named_and_not_drawn() -> None:
    ghost = Finding("unexpected", "x", {"cases": [{"id": "t", "places": [place("out", 0, 99)]}]})
    text = page(duplicate(), ghost)
    assert '<span class="place">out-0@99</span>' in text
    assert "1 of the records named were never seen" in text


def test_a_moment_that_a_finding_names() -> None:
    finding = Finding(
        "offsets-missing",
        "x",
        {"cases": [{"transactional_id": "tx", "began": 4.1, "ended": 4.112, "topics": ["out"]}]},
    )
    story = read(duplicate())
    (scene,) = scenes(story, wrongs(verdict(finding)))
    assert len(scene.wrongs) == 1
    assert 'class="moment"' in page(duplicate(), finding)


def test_the_table_has_columns_for_what_is_known() -> None:
    where = {"id": "t", **place("out", 0, 0)}
    assert '<th scope="col">Expected' not in page(duplicate(), Finding("own", "x", where))
    told = page(duplicate(), Finding("own", "x", {"cases": [where | {"expected": 3, "seen": 4}]}))
    assert "<td>3</td><td>4</td>" in told


def test_findings_without_any_data() -> None:
    text = page(duplicate(), Finding("odd", "something is odd"), TWICE)
    assert "something is odd" in text
    assert 'id="f2"' in text


def test_scenes_are_what_shares_topics() -> None:
    told = Told("left-first")
    told.add(1.0, "topics", topics={"a": 1, "b": 1}, ids={})
    told.add(1.0, "topics", topics={"c": 1, "spare": 1}, ids={})
    for number, name in enumerate(("left-second", "right"), 1):
        told.add(1.0, "role", program=name, principal=f"program-{number}")
        told.add(1.1, "program-start", program=name, pid=number)
    for principal, topic in (("program-0", "a"), ("program-1", "a"), ("program-2", "c")):
        told.principal = principal
        told.ask(
            2.0, "Produce", {"base_offsets": [[topic, 0, 0]]}, partitions=[[topic, 0]], records=[1]
        )
    found = scenes(read(told.events), [])
    assert [(s.title, s.programs) for s in found] == [
        ("left", ["left-first", "left-second"]),
        ("right", ["right"]),
    ]
    # A topic that nobody touched is with those that were made with it.
    assert ("spare", 0) in found[1].lanes


def test_a_broker_that_dies_has_a_gap_and_its_namesake_has_none() -> None:
    events = duplicate()
    events.insert(3, {"t": 0.6, "kind": "cluster", "name": "west", "brokers": [1], "version": "4"})
    events.append({"t": 3.0, "kind": "fault", "fault": "broker-kill", "broker": 1})
    one = pictures(page(events))[-1]
    assert "kill -9 of broker 1" in one
    assert one.count('class="broker"') == 2
    events.append({"t": 3.5, "kind": "fault", "fault": "broker-start", "broker": 1})
    assert pictures(page(events))[-1].count('class="broker"') == 3
    events[-2]["cluster"] = events[-1]["cluster"] = "west"
    other = pictures(page(events))[-1]
    assert "kill -9 of west/broker 1" in other
    assert other.count('class="broker"') == 3


def test_an_attempt_that_broke_at_once_has_a_page() -> None:
    assert "No program ran." in page([{"t": 0.0, "kind": "attempt", "id": "a"}])
    assert "No program ran." in page([])


# -- hostile ----------------------------------------------------------------------------------

EVIL = '</style></script><img src=x onerror=alert(1)>"\x1b[31m\u202e\x00{{7*7}}]]>'


def test_what_a_program_made_is_text() -> None:
    events = duplicate()
    for event in events:
        if event["kind"] == "topics":
            event["topics"] = {EVIL: 1, "in": 1, "out": 2}
        if event.get("program"):
            event["program"] = EVIL
        if event.get("transactional_id"):
            event["transactional_id"] = EVIL
        if event["kind"] == "read":
            event["shown"] = [[0, EVIL, EVIL]]
    cases = [{"id": EVIL, "times": 2, "places": [place("out", 0, 0), place(EVIL, 0, 2)]}]
    text = page(events, Finding(EVIL, EVIL, {"cases": cases}), **{EVIL: EVIL})
    assert "<img" not in text
    assert "onerror=alert(1)&gt;" in text
    assert text.count("<script>") == text.count("</script>") == 1
    assert text.count("</style>") == 1
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", text)
    assert "\\x1b[31m" in text
    assert "{{7*7}}" in text


def test_pictures_are_well_formed() -> None:
    for picture in pictures(page(duplicate(), TWICE)):
        ET.fromstring(picture)


def test_it_names_nothing_to_fetch_and_forbids_it() -> None:
    text = page(duplicate(), TWICE)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[1]
    assert "unsafe" not in policy[1]
    assert not re.search(r"\b(?:src|srcset|action|data)\s*=|url\(|@import|https?:", text)
    assert not re.search(r"\bstyle=|\bon[a-z]+=", text)


# -- the axis -----------------------------------------------------------------------------------


def test_the_axis_keeps_the_order_and_tells_neighbours_apart() -> None:
    times = [0.0, 0.001, 0.002, 5.0, 5.0005, 60.0]
    axis = Axis(times, 100.0, 1100.0)
    places = [axis.x(t) for t in times]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (100.0, 1100.0)
    assert all(b - a > 5 for a, b in pairwise(places))
    assert axis.x(-1) == 100.0
    assert axis.x(99) == 1100.0
    assert places[2] < axis.x(2.5) < places[3]
    assert [round(w[2], 3) for w in axis.waits(0.3, 1)] == [4.998, 54.999]


@pytest.mark.parametrize("times", [[], [3.0], [3.0, 3.0]])
def test_an_axis_of_one_moment(times: list[float]) -> None:
    assert Axis(times, 100.0, 1100.0).x(3.0) == 100.0
