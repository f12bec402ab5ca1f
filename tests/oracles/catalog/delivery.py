"""Did every item arrive, and how often?"""

from __future__ import annotations

from typing import Any

from kafka_lab import oracles as o

from ..make import seen, sent
from .history import History

THREE = sent("transfers-0@0 t-1", "transfers-0@1 t-2", "transfers-1@0 t-3")
ONCE = seen("debits-0@0 t-1", "debits-1@0 t-2", "debits-0@2 t-3")
MONEY: dict[str, Any] = {"topic": "debits", "noun": "transfer"}

DELIVERY = [
    History("once each", lambda: o.exactly_once(expected=THREE, seen=ONCE, **MONEY)),
    History(
        "nothing expected, nothing seen", lambda: o.exactly_once(expected={}, seen=[], topic="x")
    ),
    History(
        "once each, in another order",
        lambda: o.exactly_once(expected=THREE, seen=list(reversed(ONCE)), **MONEY),
    ),
    History("one lost", lambda: o.exactly_once(expected=THREE, seen=ONCE[1:], **MONEY), ("lost",)),
    History(
        "all lost, where from unknown",
        lambda: o.exactly_once(expected=dict.fromkeys("abcdef"), seen=[], topic="out"),
        ("lost",),
    ),
    History(
        "one twice",
        lambda: o.exactly_once(expected=THREE, seen=[*ONCE, *seen("debits-1@7 t-2")], **MONEY),
        ("duplicate",),
    ),
    History(
        "one five times",
        lambda: o.exactly_once(
            expected=sent("in-0@0 a"), seen=seen(*(f"out-0@{n} a" for n in range(5))), topic="out"
        ),
        ("duplicate",),
    ),
    History(
        "an id from nowhere",
        lambda: o.exactly_once(expected=THREE, seen=[*ONCE, *seen("debits-0@3 t-9")], **MONEY),
        ("unexpected",),
    ),
    History(
        "an aborted input has output",
        lambda: o.exactly_once(
            expected=THREE,
            seen=[*ONCE, *seen("debits-0@3 t-4")],
            aborted=sent("transfers-0@5 t-4"),
            **MONEY,
        ),
        ("aborted-read",),
    ),
    History(
        "an aborted input was sent again and committed",
        lambda: o.exactly_once(
            expected=THREE, seen=ONCE, aborted=sent("transfers-0@9 t-1"), **MONEY
        ),
    ),
    History(
        "everything at once",
        lambda: o.exactly_once(
            expected=THREE,
            seen=seen("debits-0@0 t-1", "debits-0@1 t-1", "debits-0@2 x", "debits-0@3 y"),
            aborted={"y": None},
            **MONEY,
        ),
        ("lost", "duplicate", "unexpected", "aborted-read"),
    ),
    History(
        "at least once, some again",
        lambda: o.at_least_once(expected=THREE, seen=[*ONCE, *ONCE], max_duplicates=3, **MONEY),
    ),
    History(
        "at least once, any number", lambda: o.at_least_once(expected=THREE, seen=ONCE * 9, **MONEY)
    ),
    History(
        "at least once, too many again",
        lambda: o.at_least_once(expected=THREE, seen=[*ONCE, *ONCE], max_duplicates=2, **MONEY),
        ("too-many-duplicates",),
    ),
    History(
        "at least once, but one not at all",
        lambda: o.at_least_once(
            expected=THREE,
            seen=[*ONCE[:2], *seen("debits-0@9 z", "debits-0@10 y")],
            aborted={"y": None},
            **MONEY,
        ),
        ("lost", "unexpected", "aborted-read"),
    ),
    History(
        "at most once, one missing", lambda: o.at_most_once(expected=THREE, seen=ONCE[1:], **MONEY)
    ),
    History(
        "at most once, but one twice",
        lambda: o.at_most_once(
            expected=THREE,
            seen=[*ONCE[:1], *ONCE[:1], *seen("debits-0@9 z", "debits-0@10 y")],
            aborted={"y": None},
            **MONEY,
        ),
        ("duplicate", "unexpected", "aborted-read"),
    ),
    History(
        "read_uncommitted input",
        lambda: o.aborted_read(
            aborted=sent("transfers-0@5 t-4", "transfers-0@6 t-5"),
            seen=seen("debits-0@3 t-4", "debits-0@4 t-1"),
            **MONEY,
        ),
        ("aborted-read",),
    ),
    History(
        "at least once, said of records",
        lambda: o.at_least_once(expected={"a": None}, seen=[], topic="out"),
        ("lost",),
    ),
    History(
        "at most once, said of records",
        lambda: o.at_most_once(expected={}, seen=seen("out-0@0 a"), topic="out"),
        ("unexpected",),
    ),
    History(
        "aborted, said of records",
        lambda: o.aborted_read(aborted={"a": None}, seen=seen("out-0@0 a"), topic="out"),
        ("aborted-read",),
    ),
    History(
        "read_committed input",
        lambda: o.aborted_read(aborted=sent("transfers-0@5 t-4"), seen=ONCE, **MONEY),
    ),
]
