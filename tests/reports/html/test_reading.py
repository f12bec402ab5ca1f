"""What the events tell, put together."""

from __future__ import annotations

from typing import Any

import pytest

from kafka_lab.reports.html.reading import read

from .story import Told, duplicate


def test_records_have_their_offset_time_and_end() -> None:
    story = read(duplicate())
    runs = [(r.first, r.t, r.principal, r.state) for r in story.runs["out", 0]]
    assert runs == [
        (0, 2.002, "program-0", "committed"),
        (2, 4.102, "program-0", "committed"),
        (4, 5.002, "program-0", "aborted"),
    ]
    # What the harness sent did not pass the relay: it is known since it was read.
    assert [(r.first, r.last, r.t, r.principal) for r in story.runs["in", 0]] == [(0, 1, 1.1, "")]


def test_transactions_offsets_faults_and_processes() -> None:
    story = read(duplicate())
    assert [(t.outcome, t.began) for t in story.txns] == [
        ("committed", 2.0),
        ("committed", 4.1),
        ("aborted", 5.0),
    ]
    assert [(c.topic, c.partition, c.offset, c.transactional) for c in story.commits] == [
        ("in", 0, 1, True),
        ("in", 0, 1, True),
        ("in", 0, 2, True),
    ]
    (fault,) = story.faults
    assert (fault.kind, fault.api, fault.t, fault.until, fault.dropped) == (
        "hold",
        "EndTxn",
        2.013,
        4.5,
        True,
    )
    (life,) = story.lives
    assert (life.start, life.end, life.code, life.killed) == (1.0, 6.01, -9, True)


def test_a_transaction_that_nobody_ended_is_aborted_by_the_next_start() -> None:
    told = Told()
    told.ask(
        2.0,
        "Produce",
        {"base_offsets": [["out", 0, 0]]},
        transactional_id="tx",
        partitions=[["out", 0]],
        records=[3],
    )
    assert [t.outcome for t in read(told.events).txns] == ["open"]
    (run,) = read(told.events).runs["out", 0]
    assert (run.first, run.last, run.state) == (0, 2, "open")
    told.ask(3.0, "InitProducerId", {}, transactional_id="tx")
    assert [t.outcome for t in read(told.events).txns] == ["aborted"]


def test_an_answer_that_never_came_and_the_log_that_knows_better() -> None:
    told = Told()
    told.ask(2.0, "Produce", None, partitions=[["out", 1]], records=[2])
    told.read(2.1, "out", 1, 0, 2)
    told.read(2.2, "out", 1, 0, 2)  # another reader reads the same
    (run,) = read(told.events).runs["out", 1]
    assert (run.first, run.last, run.principal) == (0, 1, "")


def test_what_was_read_between_what_was_produced() -> None:
    told = Told()
    for base in (2, 6):
        told.ask(
            2.0 + base,
            "Produce",
            {"base_offsets": [["out", 0, base]]},
            partitions=[["out", 0]],
            records=[2],
        )
    told.read(9.0, "out", 0, 0, 10)
    runs = [(r.first, r.last, bool(r.principal)) for r in read(told.events).runs["out", 0]]
    assert runs == [(0, 1, False), (2, 3, True), (4, 5, False), (6, 7, True), (8, 9, False)]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"t": 1},
        {"t": "soon", "kind": "note"},
        {"t": 1, "kind": "request"},
        {"t": 1, "kind": "read", "topic": "out", "partition": "x", "ranges": 3},
        {"t": 1, "kind": "program-exit", "program": "never started", "code": 1},
        {"t": 1, "kind": "something new"},
        {"t": 1, "kind": "cluster", "brokers": None},
    ],
)
def test_what_is_not_understood_is_passed_over(event: dict[str, Any]) -> None:
    whole = duplicate()
    assert len(read([event, *whole, event]).runs["out", 0]) == 3


def test_two_clusters_may_have_topics_of_one_name() -> None:
    told = Told()
    told.add(1.0, "topics", topics={"out": 1}, ids={}, cluster="west")
    told.read(2.0, "out", 0, 0, 1)
    told.events[-1]["cluster"] = "west"
    story = read(told.events)
    assert set(story.runs) == {("west/out", 0)}
    assert story.topics == {"in": 1, "out": 2, "west/out": 1}
