"""What the grader sends: scans, events of other writers, and what cannot be understood."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Literal

import schemas
from schemas import STATUSES

Fate = Literal["event", "json", "tombstone", "dead"]
DEPOTS = ("Zürich", "Oslo", "Porto", "Łódź", "Gent")
HANDLERS = ("Zoë", "Ben", "Ivana")
NOTES = (None, "", "box is wet", "🚲 inside")


@dataclass(frozen=True)
class Item:
    """One input record, and what has to become of it.

    ``fields`` are those of the own schema as the JSON has to have them.
    """

    id: str
    topic: Literal["scans", "events"]
    key: bytes | None
    value: bytes | None
    fate: Fate
    group: str
    what: str
    fields: Mapping[str, Any] | None = None
    schema_id: int = -1


def ident(key: bytes | None) -> str:
    """How an output record is told apart."""
    return (key or b"").decode("utf-8", "backslashreplace")


class Mint:
    """Makes records from a generator; ids carry a nonce, so that none can be guessed."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._count = 0

    def name(self) -> str:
        self._count += 1
        return f"p-{self._count:04d}-{self._rng.randrange(16**8):08x}"

    def fields(self, **changes: Any) -> dict[str, Any]:
        rng = self._rng
        made = {
            "parcel": self.name(),
            "depot": rng.choice(DEPOTS),
            "scanned_at": rng.randrange(1_700_000_000_000, 1_900_000_000_000),
            "grams": rng.randrange(200, 40_000),
            "status": rng.choice(STATUSES),
            "note": rng.choice(NOTES),
            "handler": rng.choice(HANDLERS),
        }
        return made | changes

    # -- scans ----------------------------------------------------------------------------

    def scan(self, group: str = "plain", **changes: Any) -> Item:
        """A valid scan. ``changes`` of ``...`` leave the field out of the JSON."""
        fields = self.fields(**{k: v for k, v in changes.items() if v is not ...})
        shown = {k: v for k, v in fields.items() if changes.get(k) is not ...}
        defaults = {"note": None, "handler": "unknown"}
        wanted = {k: defaults[k] if changes.get(k) is ... else v for k, v in fields.items()}
        key = fields["parcel"].encode()
        value = json.dumps(shown, ensure_ascii=False).encode()
        return Item(fields["parcel"], "scans", key, value, "event", group, "a scan", wanted)

    def bad_scans(self) -> list[Item]:
        """Scans that the brief calls invalid."""
        values: dict[str, bytes | None] = {"a null value": None, "an empty value": b""}
        good = self.fields()
        text = json.dumps(good).encode()
        values |= {
            "no JSON": text[:-1],
            "a list": b"[" + text + b"]",
            "no parcel": _json({k: v for k, v in good.items() if k != "parcel"}),
            "a text for grams": _json(good | {"grams": "1250"}),
            "grams -1": _json(good | {"grams": -1}),
            "an unknown status": _json(good | {"status": "EATEN"}),
            "a number for note": _json(good | {"note": 7}),
            "no depot": _json({k: v for k, v in good.items() if k != "depot"}),
        }
        return [self._dead("scans", f"{what} (scan)", value) for what, value in values.items()]

    # -- events ---------------------------------------------------------------------------

    def event(
        self,
        schema_id: int,
        schema: Mapping[str, Any],
        group: str = "plain",
        what: str = "an event by the own schema",
        **changes: Any,
    ) -> Item:
        """A valid event by one of the schemas of ``schemas``."""
        fields = self.fields(**changes)
        if schema is schemas.FIRST:
            written = {"location": fields["depot"], "scanner": ["s1", "é"], **fields}
            wanted = fields | {"note": None, "handler": "unknown"}
        else:
            written = {"route": {"from": "Kiel", "legs": 3}, **fields}
            status = fields["status"]
            wanted = fields | {"status": status if status in schemas.OWN_SYMBOLS else "OTHER"}
        names = {f["name"] for f in schema["fields"]}
        datum = schemas.encode(dict(schema), {k: v for k, v in written.items() if k in names})
        value = schemas.frame(schema_id, datum)
        key = fields["parcel"].encode()
        return Item(fields["parcel"], "events", key, value, "json", group, what, wanted, schema_id)

    def tombstone(self, group: str) -> Item:
        name = self.name()
        return Item(name, "events", name.encode(), None, "tombstone", group, "a tombstone")

    def dead_event(self, what: str, value: bytes, schema_id: int = -1) -> Item:
        return replace(self._dead("events", what, value), schema_id=schema_id)

    def _dead(self, topic: Literal["scans", "events"], what: str, value: bytes | None) -> Item:
        name = self.name()
        return Item(name, topic, name.encode(), value, "dead", "dead", what)


def _json(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields).encode()


def unreadable(mint: Mint, ids: Mapping[str, int], unknown: list[int]) -> list[Item]:
    """Events that nobody can understand. ``ids``: schemas by name; ``unknown`` has three ids."""
    own = schemas.encode(schemas.OWN, mint.fields())
    framed = schemas.frame(ids["own"], own)
    double = mint.fields() | {"grams": 1250.0}
    timeless = {k: v for k, v in mint.fields().items() if k != "scanned_at"}
    closed = {"depot_id": 7, "reason": "flood"}
    by_schema = {
        "double": ("grams is a double", schemas.GRAMS_AS_DOUBLE, double),
        "no-time": ("a field without default is missing", schemas.NO_TIME, timeless),
        "closed": ("another type of record", schemas.CLOSED, closed),
    }
    items = [
        mint.dead_event("an empty value", b""),
        mint.dead_event("one byte", b"\x00"),
        mint.dead_event("four bytes", framed[:4]),
        mint.dead_event("another magic byte", b"\x01" + framed[1:]),
        mint.dead_event("JSON", json.dumps(mint.fields()).encode()),
        mint.dead_event("no datum", framed[:5], ids["own"]),
        mint.dead_event("a datum that ends too early", framed[:-3], ids["own"]),
        mint.dead_event(
            "a text longer than the value", schemas.frame(ids["own"], b"\xce\x0fp"), ids["own"]
        ),
        mint.dead_event("the id of a JSON Schema", schemas.frame(ids["json"], own), ids["json"]),
    ]
    for number in unknown:
        value = schemas.frame(number, own)
        items.append(mint.dead_event(f"the unknown id {number}", value, number))
    for name, (what, schema, fields) in by_schema.items():
        value = schemas.frame(ids[name], schemas.encode(schema, fields))
        items.append(mint.dead_event(what, value, ids[name]))
    return items
