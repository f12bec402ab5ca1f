"""What the pictures show, in words: for who cannot see them, and for looking things up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kafka_lab.reports.html import words
from kafka_lab.reports.html.marks import Case, Place, Wrong
from kafka_lab.reports.html.model import Story
from kafka_lab.reports.html.scenes import Scene

MOST_ROWS = 200
MOST_CASES = 20


@dataclass(frozen=True)
class Row:
    """One line: when, who, what; the number of the finding that it belongs to, or 0."""

    t: float
    who: str
    what: str
    finding: int = 0


def rows(story: Story, scene: Scene, requests: bool) -> tuple[list[Row], int]:
    """What happened in a scene, in order, and how many lines were left out."""
    found = [Row(life.start, life.program, "starts") for life in scene.lives]
    found += [
        Row(life.end, life.program, words.ending(life))
        for life in scene.lives
        if life.end is not None
    ]
    for fault in scene.faults:
        who = fault.program or "harness"
        found.append(Row(fault.t, who, f"fault: {words.fault(fault)}"))
        if fault.until is not None:
            found.append(Row(fault.until, who, words.release(fault)))
    for number, place in _named(scene):
        run = story.run_at(*place)
        if run is not None:
            who = story.roles.get(run.principal, "harness")
            what = f"record {_name(place)}; {words.STATES[run.state]}"
            found.append(Row(run.t, who, what, number))
    if requests:
        named = story.roles
        found += [
            Row(a.t, named.get(a.principal, a.principal), words.request(a)) for a in scene.asked
        ]
    else:
        found += [
            Row(t.ended, story.roles.get(t.principal, t.principal), words.txn(t))
            for t in scene.txns
            if t.ended is not None
        ]
    found = [r for r in found if scene.start <= r.t <= scene.end]
    kept = sorted(found, key=lambda r: (not r.finding, "fault" not in r.what, r.t))[:MOST_ROWS]
    return sorted(kept, key=lambda r: r.t), len(found) - len(kept)


def _named(scene: Scene) -> list[tuple[int, Place]]:
    return [(w.number, p) for w in scene.wrongs for c in w.cases for p in (*c.places, *c.sources)]


def _name(place: Place) -> str:
    return f"{place[0]}-{place[1]}@{place[2]}"


def partitions(story: Story, scene: Scene) -> tuple[list[tuple[str, int, str, str]], int]:
    """Of each partition: its records, how they ended, the offset committed last."""
    last: dict[tuple[str, int], int] = {}
    for commit in scene.commits:
        last[commit.topic, commit.partition] = commit.offset
    found = []
    for lane in scene.lanes:
        runs = scene.runs.get(lane, [])
        if not runs and lane not in last:
            continue
        states: dict[str, int] = {}
        for run in runs:
            states[run.state] = states.get(run.state, 0) + run.count
        said = ", ".join(f"{n:,} {words.STATES[s]}" for s, n in states.items())
        offset = str(last[lane]) if lane in last else "none"
        found.append((f"{lane[0]}-{lane[1]}", sum(states.values()), said, offset))
    return found[:MOST_ROWS], max(0, len(found) - MOST_ROWS)


_EXPECTED = {
    "lost": ("one record", "none"),
    "duplicate": ("one record", "{times} records"),
    "too-many-duplicates": ("fewer repetitions", "{times} records"),
    "unexpected": ("no record", "{times} records"),
    "aborted-read": ("no record: it was aborted", "{times} records"),
    "torn": ("both records of the pair", "one of them"),
    "not-transactional": ("a record inside a transaction", "one outside"),
    "offsets-ahead": (
        "a record that is done before it is passed over",
        "committed offset {committed}",
    ),
    "offsets-behind": ("the offset behind what is done", "committed offset {committed}"),
    "offsets-outside-transaction": ("offsets sent with the transaction", "a plain OffsetCommit"),
    "offsets-missing": ("the consumed offset in the transaction", "none"),
}


@dataclass(frozen=True)
class Compared:
    """Expected and seen, for one case. ``places`` are the records that it is about."""

    name: str
    expected: str
    seen: str
    places: list[Place]


def compared(wrong: Wrong) -> list[Compared]:
    """The table of a finding; empty when it says nothing that a table could hold."""
    made = []
    for case in wrong.cases[:MOST_CASES]:
        expected, seen = _sides(wrong.finding.code, case.facts)
        if not (expected or seen or case.places):
            continue
        made.append(Compared(_of(case), expected, seen, case.places[:10]))
    return made


def _sides(code: str, facts: Mapping[str, Any]) -> tuple[str, str]:
    if "expected" in facts or "seen" in facts:
        return str(facts.get("expected", "")), str(facts.get("seen", ""))
    expected, seen = _EXPECTED.get(code, ("", ""))
    known = {"times": facts.get("times", "some"), "committed": facts.get("committed", "?")}
    return expected, seen.format(**known)


def _of(case: Case) -> str:
    for key in ("id", "key", "lane", "name", "transactional_id", "principal"):
        if case.facts.get(key) is not None:
            return str(case.facts[key])
    return ""
