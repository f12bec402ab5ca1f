"""Do records that belong together appear together?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from kafka_lab.api import Finding
from kafka_lab.oracles.history import Seen
from kafka_lab.oracles.json_values import canonical
from kafka_lab.oracles.text import counted, label, place_of, places, report, show_json


def paired(
    *,
    left: Sequence[Seen],
    right: Sequence[Seen],
    left_topic: str,
    right_topic: str,
    same: Sequence[str] = (),
    noun: str = "record",
) -> list[Finding]:
    """Every id as often on the left as on the right (``torn``), with equal fields (``mismatch``).

    Both sides are what a ``read_committed`` reader sees. Two on the left and one on the right is
    torn as well: one of the two came without its partner. ``same`` names the fields of
    ``Seen.fields`` that must agree; they are compared where the numbers of records do.
    """
    lefts, rights = _by_id(left), _by_id(right)
    ids = list({**lefts, **rights})
    torn = [i for i in ids if len(lefts.get(i, ())) != len(rights.get(i, ()))]
    apart = set(torn)
    unequal = [
        (i, name)
        for i in ids
        if i not in apart
        for name in same
        if _values(lefts[i], name) != _values(rights[i], name)
    ]

    def tell_torn(id_: str) -> tuple[str, dict[str, Any]]:
        sides = [
            (topic, [s.record for s in found.get(id_, ())])
            for topic, found in ((left_topic, lefts), (right_topic, rights))
        ]
        words = " and ".join(
            f"{len(records):,} in {topic}" + (f" ({places(records)})" if records else "")
            for topic, records in sides
        )
        facts: dict[str, Any] = {"id": label(id_)}
        facts.update({topic: [place_of(r) for r in records[:3]] for topic, records in sides})
        return f"{label(id_)} has {words}", facts

    def tell_mismatch(case: tuple[str, str]) -> tuple[str, dict[str, Any]]:
        id_, name = case
        one = _only_here(lefts[id_], rights[id_], name)
        other = _only_here(rights[id_], lefts[id_], name)
        words = (
            f"{label(id_)}: {name} is {_shown(one, name)} at {one.record.where} "
            f"and {_shown(other, name)} at {other.record.where}"
        )
        facts = {"id": label(id_), "field": name}
        return words, {**facts, "left": place_of(one.record), "right": place_of(other.record)}

    return [
        *report(
            code="torn",
            said=(
                f"{counted(len(torn), noun)} of {len(ids):,} in {left_topic} or {right_topic} "
                "came without the other half"
            ),
            cases=torn,
            tell=tell_torn,
            look=(
                "Expected both or neither to be visible. Look at whether both records are written "
                "in the same transaction, and at what happens when the program dies between them."
            ),
        ),
        *report(
            code="mismatch",
            said=f"{left_topic} and {right_topic} disagree on {counted(len(unequal), 'field')}",
            cases=unequal,
            tell=tell_mismatch,
            look=(
                f"Expected the same on both sides. Look at whether both are made from one {noun}, "
                "and at state that is shared between two of them."
            ),
        ),
    ]


def _by_id(seen: Sequence[Seen]) -> dict[str, list[Seen]]:
    found: dict[str, list[Seen]] = {}
    for item in seen:
        found.setdefault(item.id, []).append(item)
    return found


def _value(item: Seen, name: str) -> str:
    # A missing field becomes text that is no JSON, so that it equals only another missing one.
    return canonical(item.fields[name]) if name in item.fields else "missing"


def _values(side: Sequence[Seen], name: str) -> Counter[str]:
    return Counter(_value(item, name) for item in side)


def _only_here(side: Sequence[Seen], other: Sequence[Seen], name: str) -> Seen:
    surplus = _values(side, name) - _values(other, name)
    return next(item for item in side if _value(item, name) in surplus)


def _shown(item: Seen, name: str) -> str:
    return show_json(item.fields[name]) if name in item.fields else "missing"
