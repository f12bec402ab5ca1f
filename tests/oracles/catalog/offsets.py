"""Committed offsets."""

from __future__ import annotations

from kafka_lab import oracles as o

from ..make import seen
from .history import History

INPUTS = seen("in-0@0 a", "in-0@1 b", "in-0@3 c", "in-1@0 d")

OFFSETS = [
    History(
        "offsets just behind what was done",
        lambda: o.offsets_match(
            group="g", inputs=INPUTS, committed={("in", 0): 4, ("in", 1): 1}, handled="abcd"
        ),
    ),
    History(
        "offsets behind the markers",
        lambda: o.offsets_match(
            group="g", inputs=INPUTS, committed={("in", 0): 6, ("in", 1): 2}, handled="abcd"
        ),
    ),
    History(
        "in the middle of the work",
        lambda: o.offsets_match(group="g", inputs=INPUTS, committed={("in", 0): 2}, handled="ab"),
    ),
    History(
        "skipped after an abort",
        lambda: o.offsets_match(
            group="g",
            inputs=INPUTS,
            committed={("in", 0): 4, ("in", 1): 1},
            handled="acd",
            noun="transfer",
        ),
        ("offsets-ahead",),
    ),
    History(
        "the last offset instead of the next",
        lambda: o.offsets_match(
            group="g", inputs=INPUTS, committed={("in", 0): 3, ("in", 1): 1}, handled="abcd"
        ),
        ("offsets-behind",),
    ),
    History(
        "nothing committed for a partition",
        lambda: o.offsets_match(group="g", inputs=INPUTS, committed={("in", 0): 4}, handled="abcd"),
        ("offsets-behind",),
    ),
]
