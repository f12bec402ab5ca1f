"""Debits and credits."""

from __future__ import annotations

from typing import Any

from kafka_lab import oracles as o

from ..make import fields, seen
from .history import History

SIDES: dict[str, Any] = {"left_topic": "debits", "right_topic": "credits", "noun": "transfer"}
DEBITS = [fields("debits-0@0", "t-1", amount=5), fields("debits-0@1", "t-2", amount=7)]
CREDITS = [fields("credits-0@0", "t-2", amount=7), fields("credits-0@1", "t-1", amount=5)]

PAIRING = [
    History("pairs", lambda: o.paired(left=DEBITS, right=CREDITS, same=["amount"], **SIDES)),
    History("no credit", lambda: o.paired(left=DEBITS, right=CREDITS[:1], **SIDES), ("torn",)),
    History("no debit", lambda: o.paired(left=DEBITS[1:], right=CREDITS, **SIDES), ("torn",)),
    History(
        "the debit again after a crash",
        lambda: o.paired(
            left=[*DEBITS, fields("debits-0@4", "t-1", amount=6)],
            right=CREDITS,
            same=["amount"],
            **SIDES,
        ),
        ("torn",),
    ),
    History(
        "another amount",
        lambda: o.paired(
            left=DEBITS,
            right=[CREDITS[0], fields("credits-0@1", "t-1", amount=50)],
            same=["amount"],
            **SIDES,
        ),
        ("mismatch",),
    ),
    History(
        "both sides twice, one amount differs",
        lambda: o.paired(
            left=[DEBITS[0], fields("debits-0@9", "t-1", amount=6)],
            right=[CREDITS[1], fields("credits-0@9", "t-1", amount=8)],
            same=["amount"],
            left_topic="debits",
            right_topic="credits",
        ),
        ("mismatch",),
    ),
    History(
        "four debits",
        lambda: o.paired(left=seen(*(f"debits-0@{n} a" for n in range(4))), right=[], **SIDES),
        ("torn",),
    ),
    History(
        "a field on one side only",
        lambda: o.paired(left=DEBITS[:1], right=seen("credits-0@1 t-1"), same=["amount"], **SIDES),
        ("mismatch",),
    ),
]
