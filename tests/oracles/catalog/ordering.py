"""Order, gaps, polls."""

from __future__ import annotations

from kafka_lab import oracles as o
from kafka_lab.oracles import Poll

from ..make import numbered
from .history import History

THERE = {("in", 0): [0, 1, 2, 4, 5]}


def poll(*offsets: int, fresh: bool = False, consumer: str = "c1") -> Poll:
    return Poll(consumer, "in", 0, offsets, fresh)


ORDERING = [
    History(
        "two lanes, each in order",
        lambda: o.in_order(
            seen=numbered("k-0@0 A1", "k-0@1 B1", "k-0@2 A2", "k-0@3 A2", "k-0@4 B5")
        ),
    ),
    History(
        "a record late",
        lambda: o.in_order(seen=numbered("k-0@0 A1", "k-0@1 A3", "k-0@2 A2", "k-0@3 A4")),
        ("reordered",),
    ),
    History(
        "a record late, after a repeated one",
        lambda: o.in_order(seen=numbered("k-0@0 A1", "k-0@1 A3", "k-0@2 A3", "k-0@3 A2")),
        ("reordered",),
    ),
    History(
        "again from the last commit",
        lambda: o.in_order(
            seen=numbered("k-0@0 A1", "k-0@1 A2", "k-0@2 A1", "k-0@3 A2", "k-0@4 A3"),
            replays=True,
        ),
    ),
    History(
        "again, where nothing may come again",
        lambda: o.in_order(seen=numbered("k-0@0 A1", "k-0@1 A2", "k-0@2 A1", "k-0@3 A2")),
        ("reordered",),
    ),
    History(
        "again, and something new too late",
        lambda: o.in_order(
            seen=numbered("k-0@0 A1", "k-0@1 A3", "k-0@2 A1", "k-0@3 A2"),
            replays=True,
        ),
        ("reordered",),
    ),
    History(
        "no gap", lambda: o.no_gaps(seen=numbered("k-0@0 A3", "k-0@1 B7", "k-0@2 A5", "k-0@3 A4"))
    ),
    History("no gap from 1 on", lambda: o.no_gaps(seen=numbered("k-0@0 A1", "k-0@1 A2"), first=1)),
    History(
        "a number missing",
        lambda: o.no_gaps(seen=numbered("k-0@0 A1", "k-0@1 A3", "k-0@2 A7", "k-0@3 B9")),
        ("gap",),
    ),
    History(
        "the first missing",
        lambda: o.no_gaps(seen=numbered("k-0@0 A2", "k-0@1 A3"), first=1),
        ("gap",),
    ),
    History(
        "polls go on",
        lambda: o.steady_polls(polls=[poll(0, 1), poll(2, 4), poll(5)], visible=THERE),
    ),
    History(
        "another assignment begins elsewhere",
        lambda: o.steady_polls(
            polls=[poll(0, 1), poll(5, fresh=True), poll(0, fresh=True), poll(4, consumer="c2")],
            visible=THERE,
        ),
    ),
    History(
        "a poll left something out",
        lambda: o.steady_polls(polls=[poll(0, 1), poll(4, 5)], visible=THERE),
        ("skipped-poll",),
    ),
    History(
        "polls of a partition that nobody knows",
        lambda: o.steady_polls(polls=[poll(0, 9)], visible={}),
    ),
    History(
        "a fresh poll of its own, then a jump",
        lambda: o.steady_polls(polls=[poll(1, fresh=True), poll(5)], visible=THERE),
        ("skipped-poll",),
    ),
    History(
        "a poll went back",
        lambda: o.steady_polls(polls=[poll(0, 1, 2), poll(1, 2, 4)], visible=THERE),
        ("nonmonotonic-poll",),
    ),
]
