"""Are the bytes what they should be? A learner's bytes are compared here, never trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka_lab.api import Finding, Record
from kafka_lab.oracles.history import ANY, Payload, Seen
from kafka_lab.oracles.text import counted, label, place_of, report, show_bytes

CONTEXT = 10
"""Bytes before the first difference that a message shows."""


def same_bytes(*, expected: Mapping[str, Payload], seen: Sequence[Seen]) -> list[Finding]:
    """Key, value and headers, byte for byte: ``corrupt``. Ids not in ``expected`` are free."""
    cases = [
        (item, difference)
        for item in seen
        if item.id in expected
        for difference in _differences(expected[item.id], item.record)
    ]

    def tell(case: tuple[Seen, _Difference]) -> tuple[str, dict[str, Any]]:
        item, difference = case
        words, facts = _tell_difference(difference)
        facts = {"id": label(item.id), **place_of(item.record), **facts}
        return f"{label(item.id)} at {item.record.where}: {words}", facts

    return report(
        code="corrupt",
        said=f"{counted(len(cases), 'part')} of records not as expected, byte for byte",
        cases=cases,
        tell=tell,
        look=(
            "Look at whether bytes are decoded and encoded again, at null against empty, and at "
            "buffers that are used again."
        ),
    )


def header_text(*, records: Sequence[Record], name: str) -> list[Finding]:
    """Every record has a header ``name`` with a text that is not blank: ``wrong-header``.

    Of several headers of that name the last counts, as in Kafka's own ``lastHeader``.
    """
    cases = []
    for record in records:
        values = [value for key, value in record.headers if key == name]
        why = _blank(values[-1]) if values else "there is no such header"
        if why:
            cases.append((record, why))
    return report(
        code="wrong-header",
        said=f"{counted(len(cases), 'record')} without a text in the header {name!r}",
        cases=cases,
        tell=lambda case: (f"{case[0].where}: {case[1]}", place_of(case[0])),
        look="Expected a non-empty text in UTF-8. Look at the headers given when it is produced.",
    )


def first_difference(one: bytes, other: bytes) -> int:
    """The first index at which two different byte strings differ, or at which one ends."""
    # By halves, on slices: a value may be a megabyte, and byte by byte is slow in Python.
    same, end = 0, min(len(one), len(other))
    while same < end:
        middle = (same + end + 1) // 2
        if one[same:middle] == other[same:middle]:
            same = middle
        else:
            end = middle - 1
    return same


@dataclass(frozen=True)
class _Difference:
    """A part of a record that is not as it should be; ``counts`` when headers are too many/few."""

    part: str
    wanted: bytes | None = None
    got: bytes | None = None
    counts: tuple[int, int] | None = None


def _differences(wanted: Payload, record: Record) -> list[_Difference]:
    parts: list[_Difference] = []
    if wanted.key is not ANY and wanted.key != record.key:
        parts.append(_Difference("key", wanted.key, record.key))
    if wanted.value is not ANY and wanted.value != record.value:
        parts.append(_Difference("value", wanted.value, record.value))
    for name in dict.fromkeys(name for name, _ in wanted.headers):
        ours = [value for key, value in wanted.headers if key == name]
        theirs = [value for key, value in record.headers if key == name]
        part = f"header {label(name)}"
        if len(ours) != len(theirs):
            parts.append(_Difference(part, counts=(len(ours), len(theirs))))
        else:
            pairs = zip(ours, theirs, strict=True)
            parts += [_Difference(part, a, b) for a, b in pairs if a != b]
    return parts


def _tell_difference(difference: _Difference) -> tuple[str, dict[str, Any]]:
    part, wanted, got = difference.part, difference.wanted, difference.got
    facts: dict[str, Any] = {"part": part}
    if difference.counts is not None:
        ours, theirs = difference.counts
        return (
            f"the {part} should be there {counted(ours, 'time')}, seen {counted(theirs, 'time')}",
            facts,
        )
    if not wanted or not got:
        return f"the {part} should be {show_bytes(wanted)}, seen {show_bytes(got)}", facts
    facts["byte"] = at = first_difference(wanted, got)
    # A few bytes before the difference, so that the place is recognized in a long text.
    start = max(0, at - CONTEXT)
    # Not from within a UTF-8 character, else readable text would be shown as hexadecimal.
    while start and wanted[start] & 0xC0 == 0x80:
        start -= 1
    since = f"from byte {start:,} on " if start else ""
    words = f"{since}expected {show_bytes(wanted[start:])}, seen {show_bytes(got[start:])}"
    return f"the {part} differs at byte {at:,}: {words}", facts


def _blank(value: bytes | None) -> str:
    if not value:
        return f"it is {show_bytes(value)}"
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return f"it is not UTF-8, seen {show_bytes(value)}"
    return "" if text.strip() else f"it is blank, seen {show_bytes(value)}"
