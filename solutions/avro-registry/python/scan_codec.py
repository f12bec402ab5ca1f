"""Scans as JSON and as Avro in the registry's wire format; or ``Invalid``."""

import io
import json
import struct
from pathlib import Path

import fastavro

from registry import Refused, Registry

SCHEMA_TEXT = Path(__file__).with_name("parcel_scan.avsc").read_text("utf-8")
SCHEMA = fastavro.parse_schema(json.loads(SCHEMA_TEXT))
FULL_NAME = SCHEMA["name"]  # "logistics.ParcelScan"
STATUSES = ("ARRIVED", "DEPARTED", "LOST")
# ">" is big-endian, and without it the machine's own order and padding would be taken.
FRAME = struct.Struct(">bI")


class Invalid(Exception):
    """The record is none that the brief allows."""


def parse_scan(value: bytes | None) -> dict:
    """The fields of a scan, in JSON. Raises Invalid."""
    try:
        given = json.loads(value or b"")
    except ValueError as problem:
        raise Invalid(f"not JSON in UTF-8: {problem}") from problem
    if not isinstance(given, dict):
        raise Invalid("not a JSON object")
    scan = {
        "parcel": given.get("parcel"),
        "depot": given.get("depot"),
        "scanned_at": given.get("scanned_at"),
        "grams": given.get("grams"),
        "status": given.get("status"),
        "note": given.get("note"),
        "handler": given.get("handler", "unknown"),
    }
    for name in ("parcel", "depot", "handler"):
        if not isinstance(scan[name], str) or not scan[name]:
            raise Invalid(f"{name} is not a non-empty text")
    for name in ("scanned_at", "grams"):
        # bool is a kind of int in Python.
        if type(scan[name]) is not int or not 0 <= scan[name] < 2**63:
            raise Invalid(f"{name} is not a whole number in range")
    if scan["status"] not in STATUSES:
        raise Invalid("status is none of the three")
    if scan["note"] is not None and not isinstance(scan["note"], str):
        raise Invalid("note is not a text")
    return scan


class Codec:
    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.schema_id = 0
        self.writers: dict[int, dict] = {}

    def encode(self, scan: dict) -> bytes:
        out = io.BytesIO()
        out.write(FRAME.pack(0, self.schema_id))
        fastavro.schemaless_writer(out, SCHEMA, scan)
        return out.getvalue()

    def decode(self, value: bytes) -> dict:
        """An event's fields as our own schema has them, whoever wrote it. Raises Invalid."""
        if len(value) < FRAME.size:
            raise Invalid(f"{len(value)} bytes are too few for magic byte and schema id")
        magic, schema_id = FRAME.unpack_from(value)
        if magic != 0:
            raise Invalid(f"the magic byte is {magic}, not 0")
        writer = self.writer(schema_id)
        source = io.BytesIO(value[FRAME.size :])
        try:
            # Two schemas: one to take the bytes apart, one for what we want to have of them.
            return fastavro.schemaless_reader(source, writer, SCHEMA)
        except Exception as problem:  # bytes from anywhere make it raise nearly anything
            raise Invalid(f"schema {schema_id}: {problem!r}") from problem

    def writer(self, schema_id: int) -> dict:
        if schema_id not in self.writers:
            try:
                found = self.registry.schema(schema_id)
            except Refused as problem:
                raise Invalid(str(problem)) from problem
            if found.get("schemaType", "AVRO") != "AVRO":
                raise Invalid(f"schema {schema_id} is {found['schemaType']}, not Avro")
            try:
                self.writers[schema_id] = fastavro.parse_schema(json.loads(found["schema"]))
            except Exception as problem:
                raise Invalid(f"schema {schema_id} is not Avro: {problem!r}") from problem
        return self.writers[schema_id]
