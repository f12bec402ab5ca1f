"""What becomes of orders: a right history has no finding, each bend of it has its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kafka_lab.api import Finding
from kafka_lab.services.http_endpoint import Behaviour

from .conftest import Day


def full(day: Day) -> Day:
    """One order of each kind, all handled as the brief has it."""
    for order in (
        day.order(key=b"plain"),
        day.order(key=b"gone", value=None),
        day.order(503, 200, key=b"flaky"),
        day.order(500, 502, 504, key=b"dies"),
        day.order(503, 422, key=b"late"),
        day.order(422, key=b"wrong"),
        day.order(key=None, value=b"no key"),
    ):
        day.handle(order)
    return day


def everything(grader: Any, history: Any) -> list[str]:
    """The codes of all checks over an ordinary history."""
    found: list[Finding] = [
        *grader.faulty.gone(history),
        *grader.judge.handed_over(history),
        *grader.judge.retried(history),
        *grader.judge.permanent(history),
        *grader.postmark.kept(history),
        *grader.postmark.marked(history),
        *grader.offsets.committed_early(history),
        *grader.faulty.stopped(history),
    ]
    return list(dict.fromkeys(f.code for f in found))


def test_a_right_day_has_no_finding(grader: Any, day: Day) -> None:
    assert everything(grader, full(day).history) == []


def record(day: Day, kind: str, key: bytes | None) -> int:
    return next(n for n, r in enumerate(day.history.records[kind]) if r.key == key)


def change(day: Day, kind: str, key: bytes | None, **fields: Any) -> None:
    at = record(day, kind, key)
    day.history.records[kind][at] = replace(day.history.records[kind][at], **fields)


def headers(day: Day, key: bytes, **texts: str) -> None:
    """Change headers of a dead letter; underscores stand for hyphens."""
    at = record(day, "dead_letters", key)
    new = {name.replace("_", "-"): text.encode() for name, text in texts.items()}
    kept = day.history.records["dead_letters"][at].headers
    change(day, "dead_letters", key, headers=tuple((k, new.get(k, v)) for k, v in kept))


def order(day: Day, key: bytes) -> Any:
    return next(o for o in day.history.orders if o.key == key)


def calls(day: Day, key: bytes) -> list[int]:
    return [n for n, c in enumerate(day.history.calls) if c.order is order(day, key)]


def recall(day: Day, key: bytes, number: int, **fields: Any) -> None:
    at = calls(day, key)[number]
    day.history.calls[at] = replace(day.history.calls[at], **fields)


def forget(day: Day, kind: str, key: bytes | None) -> None:
    del day.history.records[kind][record(day, kind, key)]


def never_asked(day: Day) -> None:
    for at in reversed(calls(day, b"plain")):
        del day.history.calls[at]


BENDS: dict[str, tuple[Callable[[Day], object], list[str]]] = {
    "lost": (never_asked, ["lost", "committed-early"]),
    "taken twice": (lambda d: d.ask(order(d, b"plain"), Behaviour()), ["duplicate"]),
    "another body": (lambda d: recall(d, b"plain", 0, body=b"w"), ["wrong-request"]),
    "PUT for a tombstone": (lambda d: recall(d, b"gone", 0, method="PUT"), ["wrong-request"]),
    "named by the retry topic": (
        lambda d: recall(d, b"flaky", 1, origin="retry_1/0/0"),
        ["wrong-request"],
    ),
    "asked for nobody": (
        lambda d: recall(d, b"plain", 0, order=None, path="/shipments/x"),
        ["lost", "wrong-request", "committed-early"],
    ),
    "once more": (lambda d: d.ask(order(d, b"dies"), Behaviour(503)), ["attempts"]),
    "a permanent one retried": (
        lambda d: d.write("retry_1", order(d, b"wrong")),
        ["permanent-retried"],
    ),
    "too early": (lambda d: recall(d, b"flaky", 1, at=d.history.calls[2].at + 0.1), ["too-early"]),
    "on the spot": (
        lambda d: forget(d, "retry_1", b"flaky"),
        ["not-in-retry-topic", "committed-early"],
    ),
    "no letter": (
        lambda d: forget(d, "dead_letters", b"wrong"),
        ["not-dead-lettered", "committed-early"],
    ),
    "two letters": (lambda d: d.bury(order(d, b"wrong")), ["duplicate"]),
    "a letter of a good one": (
        lambda d: d.bury(order(d, b"plain")),
        ["unexpected-letter"],
    ),
    "null becomes empty": (
        lambda d: change(d, "dead_letters", b"wrong", value=b""),
        ["corrupt"],
    ),
    "timestamp": (
        lambda d: change(d, "dead_letters", b"dies", timestamp=1235),
        ["wrong-timestamp"],
    ),
    "a header lost": (
        lambda d: change(
            d,
            "dead_letters",
            b"dies",
            headers=d.history.records["dead_letters"][record(d, "dead_letters", b"dies")].headers[
                1:
            ],
        ),
        ["corrupt"],
    ),
    "where it came last": (lambda d: headers(d, b"dies", dlq_topic="retry_2"), ["wrong-header"]),
    "another error": (lambda d: headers(d, b"dies", dlq_error="http-500"), ["wrong-header"]),
    "attempts off": (lambda d: headers(d, b"dies", dlq_attempts="2"), ["wrong-header"]),
    "not stopped": (lambda d: d.history.stops.update(service=None), ["no-stop"]),
    "stopped badly": (lambda d: d.history.stops.update(service=-15), ["exit-code"]),
}


@pytest.mark.parametrize("bend", BENDS)
def test_each_bend_has_its_finding(grader: Any, day: Day, bend: str) -> None:
    change_, codes = BENDS[bend]
    change_(full(day))
    assert everything(grader, day.history) == codes


def test_order_within_a_key(grader: Any, day: Day) -> None:
    first, second = day.order(key=b"k", value=b"1"), day.order(key=b"k", value=b"2")
    second.version = 2
    day.ask(second, Behaviour())
    day.ask(first, Behaviour())
    assert [f.code for f in grader.judge.handed_over(day.history)] == ["reordered"]


def test_after_a_kill_one_more_of_each_is_right(grader: Any, day: Day) -> None:
    full(day)
    dies = order(day, b"dies")
    day.ask(dies, Behaviour(503))
    day.bury(dies)
    headers(day, b"dies", dlq_attempts="4")
    day.history.kills = ["after dead_letters"]
    assert grader.faulty.after_crashes(day.history) == []
    assert [f.code for f in grader.postmark.marked(day.history, slack=1)] == []
    day.bury(dies)
    assert [f.code for f in grader.faulty.after_crashes(day.history)] == ["duplicate"]


def test_a_fault_that_was_not_reached(grader: Any, day: Day) -> None:
    for what in ("courier", "commit", "retry_1", "dead_letters"):
        day.history.missed = what
        assert [f.code for f in grader.faulty.gone(day.history)] == ["no-request"]


# -- offsets ----------------------------------------------------------------------------------


def test_a_commit_before_the_courier_said_yes(grader: Any, day: Day) -> None:
    plain = day.order()
    day.commit("orders", 1)
    day.ask(plain, Behaviour(), 0.1)
    (found,) = grader.offsets.committed_early(day.history)
    assert found.code == "committed-early"
    assert "o-1" in found.message


def test_a_commit_before_the_acknowledgement(grader: Any, day: Day) -> None:
    flaky = day.order(503, 200)
    day.ask(flaky, Behaviour(503))
    day.write("retry_1", flaky)
    day.commit("orders", 1)
    assert grader.offsets.committed_early(day.history) == []
    day.history.requests[-2].answered = day.time + 1  # the write's answer came later
    assert [f.code for f in grader.offsets.committed_early(day.history)] == ["committed-early"]


def test_a_retry_may_be_quicker_than_the_acknowledgement_of_its_record(
    grader: Any, day: Day
) -> None:
    flaky = day.order(503, 200)
    day.ask(flaky, Behaviour(503))
    day.write("retry_1", flaky)
    day.history.requests[-1].answered = day.time + 1
    day.ask(flaky, Behaviour(), 0.5)
    day.commit("retry_1", 1)
    assert grader.offsets.committed_early(day.history) == []


def test_a_commit_of_what_only_waits(grader: Any, day: Day) -> None:
    flaky = day.order(503, 200)
    day.ask(flaky, Behaviour(503))
    day.write("retry_1", flaky)
    day.commit("orders", 1)
    day.commit("retry_1", 1)
    day.ask(flaky, Behaviour(), 0.5)
    assert [f.code for f in grader.offsets.committed_early(day.history)] == ["committed-early"]


# -- waiting ----------------------------------------------------------------------------------

TURNS = ("parked", "went on", "shared", "went on together")


def waits(day: Day) -> Any:
    slow = day.order(503, 200)
    day.ask(slow, Behaviour(503))
    day.write("retry_1", slow)
    day.commit("orders", 1)
    day.history.reached = set(TURNS)
    return slow


def test_waiting_is_right(grader: Any, day: Day) -> None:
    waits(day)
    assert grader.faulty.waiting(day.history) == []


@pytest.mark.parametrize("turn", TURNS)
def test_a_turn_that_was_not_taken(grader: Any, day: Day, turn: str) -> None:
    waits(day)
    day.history.reached.discard(turn)
    (found,) = grader.faulty.waiting(day.history)
    assert (found.code, found.data["turn"]) == ("blocked", turn)


def test_what_waits_is_dropped_or_done_too_early(grader: Any, day: Day) -> None:
    slow = waits(day)
    day.history.committed["retry_1", 0] = 1
    assert [f.code for f in grader.faulty.waiting(day.history)] == ["retry-dropped"]
    day.ask(slow, Behaviour())
    assert [f.code for f in grader.faulty.waiting(day.history)] == ["too-early"]
