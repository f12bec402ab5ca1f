"""What the commands did, and the alarm: a right outcome, and its bends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kafka_lab.api import Record

from .conftest import Day


def codes(found: list[Any]) -> list[str]:
    return list(dict.fromkeys(f.code for f in found))


class Told:
    """A queue of four letters, two of which were put back by their error and one by its key."""

    def __init__(self, grader: Any, day: Day) -> None:
        self.grader, self.day = grader, day
        letter = grader.commands.Letter
        self.chosen = [
            letter(day.order(422, 200, key=b"a"), "http-422", 1),
            letter(day.order(key=b"b", value=None), "http-422", 2),
        ]
        self.by_key = letter(day.order(key=b"c"), "http-503", 3)
        self.other = letter(day.order(key=None, value=b"n"), "no-key", 0)
        letters = [*self.chosen, self.by_key, self.other]
        self.desk = grader.commands.Desk(
            day.history, letters, self.chosen, self.by_key, self.chosen[0]
        )
        desk = self.desk
        desk.kills = ["retry_1", "reprocessed"]
        desk.worked = desk.new_letter = True
        retry = [self.copy(x, n) for n, x in enumerate(self.chosen)]
        for name in ("inspect", "reprocess-until-retry_1", "reprocess-until-reprocessed"):
            self.run(name, [])
        self.run("reprocess-again", retry)
        retry = [*retry, self.copy(self.by_key, 2)]
        self.run("reprocess-key", retry)
        self.run("inspect-selection", retry)
        self.run("reprocess-once-more", [*retry, self.copy(self.chosen[0], 3)])
        desk.runs["inspect"].lines = [x.line(False) for x in letters]
        again = {**self.chosen[0].line(False), "attempts": 2}
        desk.runs["inspect-selection"].lines = [*(x.line(True) for x in self.chosen), again]

    def copy(self, letter: Any, offset: int) -> Record:
        return Record("retry_1", 0, offset, letter.order.key, letter.order.value)

    def run(self, name: str, retry: list[Record]) -> None:
        self.desk.runs[name] = self.grader.commands.Run(name, 0, [], "")
        self.desk.put_back[name] = retry

    def twice(self, name: str, *letters: Any) -> None:
        """From this run on these letters are there once more."""
        names = list(self.desk.put_back)
        for later in names[names.index(name) :]:
            self.desk.put_back[later] = [
                *self.desk.put_back[later],
                *(self.copy(x, 9) for x in letters),
            ]

    def findings(self) -> list[str]:
        outcome, desk = self.grader.outcome, self.desk
        return codes(
            [
                *outcome.inspected(desk),
                *outcome.put_back(desk),
                *outcome.as_before(desk.history, [*desk.selected, desk.by_key]),
                *outcome.once(desk),
            ]
        )


@pytest.fixture
def told(grader: Any, day: Day) -> Told:
    return Told(grader, day)


def test_a_right_outcome(told: Told) -> None:
    assert told.findings() == []


def test_one_letter_twice_after_kills_is_right(told: Told) -> None:
    told.twice("reprocess-again", told.chosen[1])
    assert told.findings() == []


def _line(told: Told, run: str, number: int, **fields: Any) -> None:
    told.desk.runs[run].lines[number] |= fields


BENDS: dict[str, tuple[Callable[[Told], object], list[str]]] = {
    "a line is missing": (lambda t: t.desk.runs["inspect"].lines.pop(), ["inspection"]),
    "a line too many": (
        lambda t: t.desk.runs["inspect"].lines.append({"key": "x"}),
        ["inspection"],
    ),
    "a number as text": (lambda t: _line(t, "inspect", 0, attempts="1"), ["inspection"]),
    "true is no number": (lambda t: _line(t, "inspect", 0, attempts=True), ["inspection"]),
    "not marked": (
        lambda t: _line(t, "inspect-selection", 1, reprocessed=False),
        ["inspection"],
    ),
    "looking writes": (
        lambda t: t.desk.put_back["inspect"].append(t.copy(t.other, 8)),
        ["inspect-changes"],
    ),
    "it hangs": (lambda t: setattr(t.desk.runs["inspect"], "code", None), ["no-end"]),
    "it fails": (lambda t: setattr(t.desk.runs["reprocess-again"], "code", 1), ["exit-code"]),
    "one left out": (lambda t: t.desk.put_back["reprocess-key"].pop(), ["not-put-back"]),
    "not selected": (
        lambda t: t.day.history.records["retry_1"].append(t.copy(t.other, 8)),
        ["not-selected"],
    ),
    "not handled": (lambda t: setattr(t.desk, "worked", False), ["not-handled"]),
    "all of it twice after kills": (
        lambda t: t.twice("reprocess-again", *t.chosen),
        ["put-back-twice"],
    ),
    "twice without a kill": (
        lambda t: t.twice("reprocess-once-more", t.chosen[1]),
        ["put-back-twice"],
    ),
    "never noted": (lambda t: t.desk.kills.clear(), ["no-request"]),
    "not a second time": (lambda t: setattr(t.desk, "new_letter", False), ["not-put-back"]),
}


@pytest.mark.parametrize("bend", BENDS)
def test_each_bend_has_its_finding(told: Told, bend: str) -> None:
    change, expected = BENDS[bend]
    change(told)
    assert told.findings() == expected


def test_another_value_is_no_order(told: Told) -> None:
    name = "reprocess-key"
    told.desk.put_back[name] = [
        Record(r.topic, r.partition, r.offset, r.key, b"") if r.key == b"b" else r
        for r in told.desk.put_back[name]
    ]
    assert told.findings() == ["corrupt"]


def test_a_new_letter_still_says_where_it_came_from_first(told: Told, day: Day) -> None:
    day.bury(told.chosen[0].order)
    assert told.findings() == []
    day.write("dead_letters", told.chosen[0].order, ("dlq-topic", "retry_1"))
    assert told.findings() == ["wrong-header"]


def alarm(grader: Any, day: Day, **fields: Any) -> Any:
    right = {
        "scraped": True,
        "counts": {"before": 0.0, "after": 2.0},
        "letters": {"before": 0, "after": 2},
        "fired": True,
        "ended": True,
    }
    return grader.alarm.Alarm(day.history, **right | fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"scraped": False}, ["no-metrics"]),
        ({"counts": {"before": None}}, ["no-metric"]),
        ({"counts": {"before": 2.0}}, ["wrong-count"]),
        ({"counts": {"before": 0.0, "after": 1.0}}, ["wrong-count"]),
        ({"counts": {"before": 0.0}}, ["no-dead-letter"]),
        ({"complaint": "no YAML"}, ["bad-rules"]),
        ({"early": ["DeadLetters"]}, ["false-alarm"]),
        ({"early": ["Another"]}, []),
        ({"fired": False, "ended": False}, ["no-alert"]),
        ({"ended": False}, ["endless-alert"]),
    ],
)
def test_metric_and_alert(
    grader: Any, day: Day, fields: dict[str, Any], expected: list[str]
) -> None:
    found = alarm(grader, day, **fields)
    assert codes(grader.ringing.metric(found) + grader.ringing.alert(found)) == expected


def test_only_json_lines_of_an_inspection_count(grader: Any, tmp_path: Any) -> None:
    path = tmp_path / "out"
    path.write_bytes(
        b'starting\n{"key": "a"}\n[1]\n  {"key": 1}\n{broken\n\xff\n{"a"' + b"x" * 9000
    )
    assert grader.commands._lines(path) == [{"key": "a"}, {"key": 1}]
