"""Did every item arrive, and how often?

``expected`` maps an item's id to the input record that it came from (``None`` where there is
none to name). ``seen`` is what stands in the output ``topic`` for a ``read_committed`` reader.
``noun`` is what the exercise calls an item. The order of ``seen`` does not matter here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kafka_lab.api import Finding, Record
from kafka_lab.oracles.history import Seen
from kafka_lab.oracles.text import counted, label, place_of, places, report

Sent = Mapping[str, Record | None]
_NONE: Sent = {}


def exactly_once(
    *,
    expected: Sent,
    seen: Sequence[Seen],
    topic: str,
    noun: str = "record",
    aborted: Sent = _NONE,
) -> list[Finding]:
    """Every expected item once: ``lost``, ``duplicate``, ``unexpected``, ``aborted-read``.

    ``aborted`` are the items that were sent in transactions that were aborted; an item that is
    in ``expected`` as well (it was sent again) counts as expected.
    """
    found = _by_id(seen)
    return [
        *_lost(expected, found, topic, noun),
        *_duplicate(expected, found, topic, noun),
        *_strangers(expected, found, topic, noun, aborted),
    ]


def at_least_once(
    *,
    expected: Sent,
    seen: Sequence[Seen],
    topic: str,
    noun: str = "record",
    aborted: Sent = _NONE,
    max_duplicates: int | None = None,
) -> list[Finding]:
    """Every expected item once or more: ``lost``, ``unexpected``, ``aborted-read``.

    ``too-many-duplicates`` when there are more than ``max_duplicates`` records beyond the first
    of each item, all items together; ``None`` allows any number.
    """
    found = _by_id(seen)
    return [
        *_lost(expected, found, topic, noun),
        *_too_many(expected, found, topic, noun, max_duplicates),
        *_strangers(expected, found, topic, noun, aborted),
    ]


def at_most_once(
    *,
    expected: Sent,
    seen: Sequence[Seen],
    topic: str,
    noun: str = "record",
    aborted: Sent = _NONE,
) -> list[Finding]:
    """No item twice: ``duplicate``, ``unexpected``, ``aborted-read``. Items may be missing."""
    found = _by_id(seen)
    return [
        *_duplicate(expected, found, topic, noun),
        *_strangers(expected, found, topic, noun, aborted),
    ]


def aborted_read(
    *, aborted: Sent, seen: Sequence[Seen], topic: str, noun: str = "record"
) -> list[Finding]:
    """None of the items whose own transaction was aborted: ``aborted-read``.

    An item that was sent again and committed then does not belong into ``aborted``.
    """
    found = {id_: records for id_, records in _by_id(seen).items() if id_ in aborted}
    return _strangers(_NONE, found, topic, noun, aborted)


def _by_id(seen: Sequence[Seen]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for item in seen:
        found.setdefault(item.id, []).append(item.record)
    return found


def _facts(id_: str, records: Sequence[Record]) -> dict[str, Any]:
    return {"id": label(id_), "times": len(records), "places": [place_of(r) for r in records[:3]]}


def _lost(
    expected: Sent, found: Mapping[str, list[Record]], topic: str, noun: str
) -> list[Finding]:
    def tell(id_: str) -> tuple[str, dict[str, Any]]:
        source = expected[id_]
        sent = None if source is None else place_of(source)
        words = label(id_) if source is None else f"{label(id_)} (sent at {source.where})"
        return words, {"id": label(id_), "sent": sent}

    lost = [id_ for id_ in expected if id_ not in found]
    return report(
        code="lost",
        said=f"{topic} misses {len(lost):,} of {counted(len(expected), noun)}",
        cases=lost,
        tell=tell,
        look=(
            "Expected a record for each, seen none. Look at what becomes of a "
            f"{noun} that was read but not yet written when the program dies or meets an error, "
            "and at whether an offset is committed before the output is."
        ),
    )


def _repeated(expected: Sent, found: Mapping[str, list[Record]]) -> list[tuple[str, list[Record]]]:
    return [(i, records) for i, records in found.items() if i in expected and len(records) > 1]


def _tell_copies(case: tuple[str, list[Record]]) -> tuple[str, dict[str, Any]]:
    id_, records = case
    return f"{label(id_)} {len(records):,} times ({places(records)})", _facts(id_, records)


def _duplicate(
    expected: Sent, found: Mapping[str, list[Record]], topic: str, noun: str
) -> list[Finding]:
    cases = _repeated(expected, found)
    return report(
        code="duplicate",
        said=f"{topic} holds {len(cases):,} of {counted(len(expected), noun)} more than once",
        cases=cases,
        tell=_tell_copies,
        look=(
            "Expected one record for each. Look at what is done a second time after a restart, "
            "a retry or a rebalance, and at what a reader sees of the first time."
        ),
    )


def _too_many(
    expected: Sent,
    found: Mapping[str, list[Record]],
    topic: str,
    noun: str,
    allowed: int | None,
) -> list[Finding]:
    cases = _repeated(expected, found)
    surplus = sum(len(records) - 1 for _, records in cases)
    if allowed is None or surplus <= allowed:
        return []
    return report(
        code="too-many-duplicates",
        said=f"{topic} holds {counted(surplus, 'surplus record')}, {allowed:,} allowed",
        cases=cases,
        tell=_tell_copies,
        look=(
            f"Expected each {noun} again only where it was in flight at a crash. Look at how much "
            "is done between two commits of the offset."
        ),
    )


def _strangers(
    expected: Sent, found: Mapping[str, list[Record]], topic: str, noun: str, aborted: Sent
) -> list[Finding]:
    def tell(case: tuple[str, list[Record]]) -> tuple[str, dict[str, Any]]:
        id_, records = case
        words, facts = f"{label(id_)} at {places(records)}", _facts(id_, records)
        source = aborted.get(id_)
        if source is not None:
            words, facts = f"{words} (aborted at {source.where})", {**facts, **_source(source)}
        return words, facts

    strangers = [(i, records) for i, records in found.items() if i not in expected]
    ghosts = [case for case in strangers if case[0] in aborted]
    unknown = [case for case in strangers if case[0] not in aborted]
    return [
        *report(
            code="unexpected",
            said=f"{topic} holds {counted(len(unknown), 'id')} that no {noun} calls for",
            cases=unknown,
            tell=tell,
            look=(
                f"Expected only ids of {noun}s that belong here. Look at where the id is taken "
                "from, and at inputs that should have been left out."
            ),
        ),
        *report(
            code="aborted-read",
            said=(f"{topic} holds {counted(len(ghosts), noun)} whose own transaction was aborted"),
            cases=ghosts,
            tell=tell,
            look=(
                f"Expected none: an aborted {noun} never happened. Look at the consumer's "
                "isolation.level, it must be read_committed (the default differs between clients)."
            ),
        ),
    ]


def _source(record: Record) -> dict[str, Any]:
    return {"aborted": place_of(record)}
