"""The schemas of the topic: the exercise's own, those of other writers, and a decoder."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import fastavro

FULL_NAME = "logistics.ParcelScan"
STATUSES = ("ARRIVED", "DEPARTED", "LOST")
OWN_SYMBOLS = (*STATUSES, "OTHER")
FIELDS = ("parcel", "depot", "scanned_at", "grams", "status", "note", "handler")
Schema = dict[str, Any]


def _status(*symbols: str, default: str | None = "OTHER") -> Schema:
    made: Schema = {"type": "enum", "name": "Status", "symbols": list(symbols)}
    return made | ({"default": default} if default else {})


def _record(*fields: Schema, name: str = "ParcelScan") -> Schema:
    return {"type": "record", "name": name, "namespace": "logistics", "fields": list(fields)}


def _field(name: str, type_: Any, **more: Any) -> Schema:
    return {"name": name, "type": type_, **more}


_TEXT = {name: _field(name, "string") for name in ("parcel", "depot")}
_NOTE = _field("note", ["null", "string"], default=None)
_HANDLER = _field("handler", "string", default="unknown")

OWN = _record(
    _TEXT["parcel"],
    _field("depot", "string", aliases=["location"]),
    _field("scanned_at", "long"),
    _field("grams", "long"),
    _field("status", _status(*OWN_SYMBOLS)),
    _NOTE,
    _HANDLER,
)
"""What lies in the workspace as ``parcel_scan.avsc``; a test holds the two together."""

FIRST = _record(
    _field("grams", "int"),
    _field("scanner", {"type": "array", "items": "string"}),
    _field("status", _status(*OWN_SYMBOLS)),
    _field("location", "string"),
    _TEXT["parcel"],
    _field("scanned_at", "long"),
)
"""Of an old release: another order, ``int`` for grams, ``location`` for depot, no note, no
handler, and an array that nobody asks about."""

NEXT = _record(
    _field(
        "route",
        ["null", _record(_field("from", "string"), _field("legs", "int"), name="Route")],
        default=None,
    ),
    *OWN["fields"][:4],
    _field("status", _status("DAMAGED", *OWN_SYMBOLS)),
    _field("note", ["string", "null"], default=""),
    _HANDLER,
)
"""Of a later release: a new field before all others, a new status, the union turned round."""

TWISTED = _record(
    _field("depot", "string"),
    _TEXT["parcel"],
    _field("scanned_at", "long"),
    _field("grams", "long"),
    _field("status", _status("LOST", "OTHER", "ARRIVED", "DEPARTED")),
    _NOTE,
    _HANDLER,
)
"""Of another team: read with the own schema it decodes without complaint, and all is wrong."""

LATER = _record(*OWN["fields"], _field("dock", "string", default=""))
"""A newer version than the program's own, which must not write by it."""

GRAMS_AS_DOUBLE = _record(*OWN["fields"][:3], _field("grams", "double"), *OWN["fields"][4:])
"""Does not resolve to the own schema: a double is no long."""

NO_TIME = _record(*OWN["fields"][:2], *OWN["fields"][3:])
"""Does not resolve either: the reader has no default for ``scanned_at``."""

CLOSED = _record(_field("depot_id", "int"), _field("reason", "string"), name="DepotClosed")
"""Another type of record."""

JSON_SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "ParcelScan",
    "type": "object",
    "properties": {"parcel": {"type": "string"}},
}


def noise(number: int) -> Schema:
    """A schema of somebody else, so that ids do not begin with 1."""
    return _record(_field(f"field_{number}", "long"), name=f"Noise{number}")


def encode(schema: Schema, fields: Mapping[str, Any]) -> bytes:
    """The bare datum."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(json.dumps(schema))), fields)
    return out.getvalue()


def frame(schema_id: int, datum: bytes) -> bytes:
    """Confluent's wire format: a zero, the id in four bytes big-endian, the datum."""
    return struct.pack(">bI", 0, schema_id) + datum


@dataclass(frozen=True)
class Frame:
    """An event's value taken apart."""

    schema_id: int
    datum: bytes

    @property
    def swapped(self) -> int:
        """What the id is, read from the wrong end."""
        return int.from_bytes(self.schema_id.to_bytes(4, "big"), "little")


def unframe(value: bytes | None) -> Frame | str:
    """The frame of a value, or why it is none."""
    if value is None:
        return "the value is null"
    if len(value) < 5:
        return f"{len(value)} bytes are too few for magic byte and schema id"
    if value[0] != 0:
        return f"the first byte is 0x{value[0]:02x}, not the magic byte 0x00"
    return Frame(int.from_bytes(value[1:5], "big"), value[5:])


def decode(schema: str, datum: bytes) -> dict[str, Any] | str:
    """What a datum says by the schema that it was written with, or why it says nothing.

    Learner-made bytes: nothing is raised, whatever they are.
    """
    source = io.BytesIO(datum)
    try:
        found = fastavro.schemaless_reader(source, fastavro.parse_schema(json.loads(schema)), None)
    except Exception as problem:  # fastavro raises nearly anything on arbitrary bytes
        return f"it cannot be decoded by its schema ({type(problem).__name__})"
    if not isinstance(found, dict):
        return "it is no record"
    if source.tell() != len(datum):
        return f"{len(datum) - source.tell()} bytes are left over behind the datum"
    return found
