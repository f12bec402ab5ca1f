"""Requests of a program."""

from __future__ import annotations

from typing import Any

from kafka_lab import oracles as o

from ..make import requests, seen
from .history import History

BOOKED = ("produce T debits", "produce T credits", "offsets T g", "commit T")
REJECTED = ("produce T debits", "abort T", "produce T rejects", "offsets T g", "commit T")
INSIDE: dict[str, Any] = {"group": "g", "outputs": ("debits", "credits", "rejects")}
APART: dict[str, Any] = {"rejects": "rejects", "ledger": ("debits", "credits")}

# Three inputs, and where their outputs are.
IN = seen("in-0@0 a", "in-0@1 b", "in-1@0 c")
OUT = seen("debits-0@0 a", "credits-0@0 a", "debits-0@2 b", "rejects-0@0 c")


def in_step(*lines: str) -> Any:
    return lambda: o.offsets_in_step(
        transactions=o.split_transactions(requests(*lines)), inputs=IN, outputs=OUT
    )


TRANSACTIONS = [
    History(
        "each transaction with its own offsets",
        in_step(
            "produce T debits-0@0 credits-0@0",
            "offsets T g in-0@1",
            "commit T",
            "produce T debits-0@2",
            "offsets T g in-0@2",
            "commit T",
            "produce T rejects-0@0",
            "offsets T g in-1@1",
            "commit T",
        ),
    ),
    History(
        "all in one",
        in_step(
            "produce T debits-0@0 credits-0@0",
            "produce T debits-0@2 rejects-0@0",
            "offsets T g in-0@2 in-1@1",
            "commit T",
        ),
    ),
    History(
        "ahead, but aborted",
        in_step(
            "produce T debits-0@0",
            "offsets T g in-0@2",
            "abort T",
            "produce T debits-0@0 debits-0@2",
            "offsets T g in-0@2",
            "commit T",
        ),
    ),
    History(
        "nobody knows where the records went",
        in_step("produce T debits", "offsets T g in-0@2", "commit T"),
    ),
    History(
        "the end of the poll in its first transaction",
        in_step(
            "produce T debits-0@0",
            "offsets T g in-0@2",
            "commit T",
            "produce T debits-0@2",
            "offsets T g in-0@2",
            "commit T",
        ),
        ("offsets-ahead-in-transaction",),
    ),
    History(
        "a reject that comes after its offset",
        in_step(
            "produce T debits-0@0 debits-0@2",
            "offsets T g in-0@2 in-1@1",
            "commit T",
            "produce T rejects-0@0",
            "commit T",
        ),
        ("offsets-ahead-in-transaction",),
    ),
    History("booked", lambda: o.offsets_inside(events=requests("init T", *BOOKED), **INSIDE)),
    History("rejected", lambda: o.offsets_inside(events=requests(*REJECTED), **INSIDE)),
    History(
        "no offsets, but aborted or open or without output",
        lambda: o.offsets_inside(
            events=requests(
                "produce T debits", "abort T", "produce T other", "commit T", "produce T debits"
            ),
            **INSIDE,
        ),
    ),
    History(
        "another group commits plainly",
        lambda: o.offsets_inside(events=requests("offset-commit other"), **INSIDE),
    ),
    History(
        "offsets by a plain commit as well",
        lambda: o.offsets_inside(events=requests(*BOOKED, "offset-commit g"), **INSIDE),
        ("offsets-outside-transaction",),
    ),
    History(
        "offsets by a plain commit only",
        lambda: o.offsets_inside(
            events=requests("produce T debits credits", "commit T", "offset-commit g"), **INSIDE
        ),
        ("offsets-outside-transaction", "offsets-missing"),
    ),
    History(
        "offsets of another group",
        lambda: o.offsets_inside(
            events=requests("produce T rejects", "offsets T other", "commit T"), **INSIDE
        ),
        ("offsets-missing",),
    ),
    History(
        "reject in its own transaction",
        lambda: o.rejects_apart(
            transactions=o.split_transactions(requests(*BOOKED, *REJECTED)),
            **APART,
        ),
    ),
    History(
        "reject with a debit, but aborted",
        lambda: o.rejects_apart(
            transactions=o.split_transactions(requests("produce T debits rejects", "abort T")),
            **APART,
        ),
    ),
    History(
        "reject among the debits",
        lambda: o.rejects_apart(
            transactions=o.split_transactions(
                requests(*BOOKED, "produce T debits", "produce T rejects", "commit T")
            ),
            **APART,
        ),
        ("mixed-reject",),
    ),
    History(
        "the same id at each start",
        lambda: o.steady_transactional_id(
            events=requests("init bank-1", "produce bank-1 debits", "init bank-1"),
            prefix="bank",
            starts=[999.0, 1000.15],
        ),
    ),
    History(
        "one id per partition, the first run killed early",
        lambda: o.steady_transactional_id(
            events=requests("init bank-0", "init bank-0", "init bank-1", "init bank-1"),
            prefix="bank",
            starts=[999.0, 1000.05, 1000.25],
        ),
    ),
    History(
        "another id altogether",
        lambda: o.steady_transactional_id(events=requests("init mine", "init bank"), prefix="bank"),
        ("transactional-id",),
    ),
    History(
        "a random suffix at each start",
        lambda: o.steady_transactional_id(
            events=requests("init bank-x", "init bank-y", "init bank-z"),
            prefix="bank",
            starts=[999.0, 1000.05, 1000.15],
        ),
        ("transactional-id",),
    ),
]
