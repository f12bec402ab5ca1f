"""The only place where a learner's JSON is parsed; nothing here raises, whatever the bytes.

JSON is read strictly, so that every reader would see the same: UTF-8 without byte order mark, no
``NaN``, no field twice, no number of thousands of digits, no nesting beyond ``MAX_DEPTH``.

Numbers: where a whole number is expected, only an integer literal is right. ``true`` is not 1,
``"1"`` is not 1, and ``1.0`` and ``1e0`` are not 1 either, since readers that count in integers
refuse them; the message says so. Where a float is expected, an equal integer is right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka_lab.api import Finding, Record
from kafka_lab.oracles.history import Seen
from kafka_lab.oracles.text import (
    counted,
    kind,
    label,
    place_of,
    report,
    show_bytes,
    show_json,
)

MAX_DEPTH = 32
"""Levels of lists and objects within each other that a record's JSON may have."""
MAX_DIGITS = 1000
"""Digits of an integer; beyond a few thousand Python itself refuses them."""


@dataclass(frozen=True)
class Parsed:
    """What ``read_json`` made of records: those it could name, and what is wrong with others."""

    seen: tuple[Seen, ...]
    findings: tuple[Finding, ...]


class _NotJsonError(ValueError):
    """Why bytes are not the JSON that anybody would read alike."""


def read_json(*, records: Sequence[Record], id_field: str) -> Parsed:
    """Each record's value as a JSON object, named by its text field ``id_field``.

    ``not-json`` for values that are no JSON object, ``wrong-field`` for objects without a
    non-empty text in ``id_field``.
    """
    seen: list[Seen] = []
    broken: list[tuple[Record, str]] = []
    nameless: list[tuple[Record, str]] = []
    for record in records:
        fields = parse_object(record.value)
        if isinstance(fields, str):
            broken.append((record, fields))
        elif isinstance(id_ := fields.get(id_field), str) and id_:
            seen.append(Seen(id_, record, fields))
        else:
            shown = show_json(id_) if id_field in fields else "no such field"
            nameless.append((record, f"expected a non-empty text, seen {shown}"))

    def tell(case: tuple[Record, str]) -> tuple[str, dict[str, Any]]:
        record, why = case
        return f"{record.where}: {why}", {**place_of(record), "why": why}

    findings = [
        *report(
            code="not-json",
            said=f"{counted(len(broken), 'value')} cannot be read as a JSON object",
            cases=broken,
            tell=tell,
            look="Expected one JSON object in UTF-8. Look at how the value is serialized.",
        ),
        *report(
            code="wrong-field",
            said=f"{counted(len(nameless), 'record')} cannot be told apart by {id_field!r}",
            cases=nameless,
            tell=tell,
            look="Look at the field's name and type where the value is built.",
        ),
    ]
    return Parsed(tuple(seen), tuple(findings))


def wrong_fields(
    *, expected: Mapping[str, Mapping[str, object]], seen: Sequence[Seen]
) -> list[Finding]:
    """The fields of each record whose id is in ``expected``: ``wrong-field``.

    Fields that are not named in ``expected`` are free, and so are ids that are not.
    """
    cases = [
        (item, name, wanted)
        for item in seen
        for name, wanted in expected.get(item.id, {}).items()
        if name not in item.fields or not _same(wanted, item.fields[name])
    ]

    def tell(case: tuple[Seen, str, object]) -> tuple[str, dict[str, Any]]:
        item, name, wanted = case
        words = f"{label(item.id)} at {item.record.where}: {name} should be {show_json(wanted)}"
        if name not in item.fields:
            words += ", but there is no such field"
        else:
            got = item.fields[name]
            words += f", seen {show_json(got)}"
            if kind(got) != kind(wanted):
                words += f" ({kind(got)} instead of {kind(wanted)})"
        return words, {"id": label(item.id), "field": name, **place_of(item.record)}

    return report(
        code="wrong-field",
        said=f"{counted(len(cases), 'field')} with a wrong value",
        cases=cases,
        tell=tell,
        look="Look at where the value is built, and at the field's type in the brief.",
    )


def parse_object(data: bytes | None) -> dict[str, Any] | str:
    """The JSON object in ``data``, or why it is none (a clause such as ``the value is null``)."""
    if not data:
        return f"the value is {show_bytes(data)}"
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_integer,
        )
    except UnicodeDecodeError as broken:
        return f"byte {broken.start:,} is not UTF-8"
    except json.JSONDecodeError as broken:
        return f"{broken.msg.lower()} at character {broken.pos:,}, seen {show_bytes(data)}"
    except _NotJsonError as refused:
        return str(refused)
    except RecursionError:
        return _TOO_DEEP
    if not isinstance(value, dict):
        return f"it is not an object but {show_json(value)}"
    return _TOO_DEEP if _deeper_than(value, MAX_DEPTH) else value


def canonical(value: object) -> str:
    """A parsed JSON value as text that is equal only for equal values of equal types."""
    return json.dumps(value, sort_keys=True)


_TOO_DEEP = f"it is nested more than {MAX_DEPTH} levels deep"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise _NotJsonError(f"it has the field {label(name)} twice")
        made[name] = value
    return made


def _constant(name: str) -> Any:
    raise _NotJsonError(f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise _NotJsonError(f"it has a number of {len(digits):,} digits")
    return int(digits)


def _deeper_than(value: object, levels: int) -> bool:
    layer: list[Any] = [value]
    for _ in range(levels):
        layer = [child for node in layer for child in _nested(node)]
    return bool(layer)


def _nested(node: dict[str, Any] | list[Any]) -> list[Any]:
    children = node.values() if isinstance(node, dict) else node
    return [child for child in children if isinstance(child, dict | list)]


def _same(wanted: object, got: object) -> bool:
    if isinstance(wanted, float) and type(got) is int:
        return wanted == got
    return canonical(wanted) == canonical(got)
