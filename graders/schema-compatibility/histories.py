"""Subjects with several earlier versions: what the latest allows, an older one may not."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from naming import Names
from pairs import ADDRESS, ID, Schema, enum, field, record
from subjects import Subject, Version, Written


@dataclass(frozen=True)
class Before:
    """An earlier version; see ``Version``."""

    schema: Schema
    backward: bool = True
    forward: bool = True
    at: tuple[str, ...] = ()


@dataclass(frozen=True)
class History:
    id: str
    about: str
    before: tuple[Before, ...]
    new: Schema
    numbers: tuple[int, ...] = ()
    """The versions' numbers, if they are not 1, 2, 3 …"""


A, B = field("@a", "int"), field("@b", "int")
A_0, B_0 = field("@a", "int", 0), field("@b", "int", 0)
WAS_A = field("@b", "int", aliases=["@a"])

HISTORIES: tuple[History, ...] = (
    History(
        "default-dropped",
        "a field came with a default, which is dropped now: data older than the field has neither",
        (Before(record(ID), backward=False, at=("@a",)), Before(record(ID, A_0))),
        record(ID, A),
    ),
    History(
        "name-used-again",
        "a field was removed, and its name comes back with another type",
        (Before(record(ID, field("@a", "string", "")), False, False, ("@a",)), Before(record(ID))),
        record(ID, A_0),
    ),
    History(
        "removed-in-two-steps",
        "a field got a default and is removed now: the oldest reader still asks for it",
        (Before(record(ID, A), forward=False, at=("@a",)), Before(record(ID, A_0))),
        record(ID),
    ),
    History(
        "alias-dropped",
        "a field was renamed with an alias, which is dropped now",
        (
            Before(record(ID, A_0), backward=False, at=("@b",)),
            Before(record(ID, WAS_A)),
        ),
        record(ID, B),
    ),
    History(
        "symbol-forgotten",
        "an enum lost a symbol, covered by a default symbol, which is dropped now",
        (
            Before(record(ID, field("@s", enum("@X", "@Y"))), backward=False, at=("@s",)),
            Before(record(ID, field("@s", enum("@X", default="@X")))),
        ),
        record(ID, field("@s", enum("@X"))),
    ),
    History(
        "latest-is-the-odd-one",
        "the proposed schema fits all versions but the latest",
        (
            Before(record(ID)),
            Before(record(ID, A_0)),
            Before(record(ID, field("@a", "string")), False, False, ("@a",)),
        ),
        record(ID, A_0),
    ),
    History(
        "middle-is-the-odd-one",
        "the proposed schema fits the first version and the latest, and not the one between",
        (
            Before(record(ID)),
            Before(record(ID, field("@b", "string", "")), False, False, ("@b",)),
            Before(record(ID, A_0)),
        ),
        record(ID, B_0),
    ),
    History(
        "tenth-is-the-latest",
        "10 comes after 9: versions are numbers, not texts",
        (
            Before(record(ID, B)),
            Before(record(ID, field("@b", "string")), False, False, ("@b",)),
            Before(record(ID, B, A_0)),
        ),
        record(ID, B),
        (2, 9, 10),
    ),
    History(
        "ninth-is-not-the-latest",
        "10 comes after 9: versions are numbers, not texts",
        (Before(record(ID, B)), Before(record(ID, A), False, False, ("@a", "@b"))),
        record(ID, B),
        (9, 10),
    ),
    History(
        "gap",
        "a version was deleted: its number stays free, and nothing is compared with it",
        (Before(record(ID, A_0)), Before(record(ID, A_0, B_0))),
        record(ID, A),
        (1, 3),
    ),
    History(
        "deep-default-dropped",
        "in a record inside of a record: a field came with a default, which is dropped now",
        (
            Before(record(ID, field("@to", ADDRESS)), backward=False, at=("@to.@a",)),
            Before(record(ID, field("@to", {**ADDRESS, "fields": [*ADDRESS["fields"], A_0]}))),
        ),
        record(ID, field("@to", {**ADDRESS, "fields": [*ADDRESS["fields"], A]})),
    ),
    History(
        "promoted-twice",
        "int, then long, now double: each step is a promotion, and so is the whole way",
        tuple(
            Before(record(ID, field("@a", kind)), forward=False, at=("@a",))
            for kind in ("int", "long")
        ),
        record(ID, field("@a", "double")),
    ),
    History(
        "nothing-yet",
        "a new subject: there is nothing to compare with",
        (),
        record(ID),
    ),
)


def of_history(history: History, name: str, level: str, rng: Random) -> Subject:
    """The subject, under made-up names. ``level`` empty: the global one counts."""
    names = Names(rng)
    numbers = history.numbers or range(1, len(history.before) + 1)
    versions = tuple(
        Version(
            number,
            Written(names.schema(before.schema)),
            before.backward,
            before.forward,
            at := tuple(names.text(path) for path in before.at),
            at,
        )
        for number, before in zip(numbers, history.before, strict=True)
    )
    return Subject(name, versions, Written(names.schema(history.new)), level, about=history.about)
