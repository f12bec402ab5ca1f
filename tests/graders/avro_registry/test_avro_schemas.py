"""The grader's schemas: those of the workspaces, and what resolves to what."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from random import Random
from typing import Any

import fastavro
import pytest

from .depot import ROOT, grader

SCAN = {
    "parcel": "p-17",
    "depot": "Zürich",
    "scanned_at": 1767225600123,
    "grams": 1250,
    "status": "ARRIVED",
    "note": "box is wet",
    "handler": "Zoë",
}


@pytest.fixture(scope="module")
def modules() -> Iterator[Any]:
    with grader() as found:
        yield found


def test_every_workspace_has_the_grader_s_own_schema(modules: Any) -> None:
    files = [
        path
        for folder in ("exercises", "solutions", "graders")
        for path in (ROOT / folder / "avro-registry").rglob("parcel_scan.avsc")
    ]
    assert len(files) >= 3
    for path in files:
        assert json.loads(path.read_text("utf-8")) == modules.schemas.OWN, path


def test_the_brief_s_bytes(modules: Any) -> None:
    schemas = modules.schemas
    value = schemas.frame(4711, schemas.encode(schemas.OWN, SCAN))
    guide = (ROOT / "exercises" / "avro-registry" / "guide.md").read_text("utf-8")
    block = guide.split("```text\n")[1].split("```")[0]
    dump = "".join(line.split("  ")[0] for line in block.splitlines())
    assert bytes.fromhex(dump) == value
    assert f"these {len(value)} bytes" in guide


def _read(modules: Any, name: str, **changes: Any) -> Any:
    item = modules.scans.Mint(Random(3)).event(5, getattr(modules.schemas, name), **changes)
    writer = fastavro.parse_schema(json.loads(json.dumps(getattr(modules.schemas, name))))
    reader = fastavro.parse_schema(json.loads(json.dumps(modules.schemas.OWN)))
    return item.fields, fastavro.schemaless_reader(io.BytesIO(item.value[5:]), writer, reader)


@pytest.mark.parametrize("name", ["OWN", "FIRST", "NEXT", "TWISTED"])
def test_right_writers_resolve_to_what_is_expected(modules: Any, name: str) -> None:
    wanted, got = _read(modules, name)
    assert got == wanted


def test_an_unknown_symbol_becomes_the_default(modules: Any) -> None:
    wanted, got = _read(modules, "NEXT", status="DAMAGED")
    assert got == wanted
    assert got["status"] == "OTHER"


@pytest.mark.parametrize("name", ["GRAMS_AS_DOUBLE", "NO_TIME", "CLOSED"])
def test_the_others_do_not_resolve(modules: Any, name: str) -> None:
    schema = getattr(modules.schemas, name)
    fields = {**SCAN, "grams": 1.0, "depot_id": 7, "reason": "flood"}
    reader = fastavro.parse_schema(json.loads(json.dumps(modules.schemas.OWN)))
    writer = fastavro.parse_schema(json.loads(json.dumps(schema)))
    named = {f["name"] for f in schema["fields"]}
    if name != "GRAMS_AS_DOUBLE":
        fields["grams"] = 1
    datum = modules.schemas.encode(schema, {k: v for k, v in fields.items() if k in named})
    with pytest.raises(Exception, match=r".") as caught:
        fastavro.schemaless_reader(io.BytesIO(datum), writer, reader)
    assert type(caught.value).__name__ == "SchemaResolutionError"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "null"),
        (b"", "0 bytes"),
        (b"\0\0\0\0", "4 bytes"),
        (b"\1\0\0\0\1x", "0x01"),
    ],
)
def test_what_is_no_frame(modules: Any, value: bytes | None, said: str) -> None:
    assert said in modules.schemas.unframe(value)


def test_a_frame_has_a_mirror_image(modules: Any) -> None:
    found = modules.schemas.unframe(bytes.fromhex("0000000007") + b"x")
    assert (found.schema_id, found.swapped, found.datum) == (7, 7 << 24, b"x")


def test_decoding_never_raises(modules: Any) -> None:
    schemas = modules.schemas
    own = json.dumps(schemas.OWN)
    datum = schemas.encode(schemas.OWN, SCAN)
    assert schemas.decode(own, datum) == SCAN
    for end in range(len(datum)):
        assert isinstance(schemas.decode(own, datum[:end]), str), end
    assert "1 bytes are left" in schemas.decode(own, datum + b"\0")
    assert isinstance(schemas.decode("{", datum), str)
    assert isinstance(schemas.decode('"long"', b"\2"), str)
