"""The grader's reference codec against vectors made by hand from the brief's tables."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

GRADER = Path(__file__).parents[3] / "graders" / "serializers"

VECTORS = {
    "application/vnd.kafka-lab.order": (
        "4f45 01 01 04 455552 fffffffffffffb1e 0000019b76daa87b"
        "0004 6f2d3137 0004 5a6fc3ab 0002 6f6b"
    ),
    # Field tags by hand: number << 3 | wire type; -1250 in zigzag is 2499 = 0xc3 0x13.
    "application/x-protobuf": (
        "0a04 6f2d3137 1204 5a6fc3ab 1804 20c313 2a03 455552 30fbd0eab6b733 3a02 6f6b"
    ),
    # Lengths, the enum's index and the union's branch are zigzag longs.
    "avro/binary": "08 6f2d3137 08 5a6fc3ab 06 c313 06 455552 f6a1d5edee66 02 04 6f6b",
}


@pytest.fixture(scope="module")
def codec() -> ModuleType:
    sys.path.insert(0, str(GRADER))
    try:
        return importlib.import_module("codec")
    finally:
        sys.path.remove(str(GRADER))


@pytest.fixture
def order(codec: ModuleType):  # type: ignore[no-untyped-def]
    return codec.Order("o-17", "Zoë", "REFUNDED", -1250, "EUR", 1767225600123, "ok")


@pytest.mark.parametrize("content_type", VECTORS)
def test_vectors_in_both_directions(codec, order, content_type) -> None:  # type: ignore[no-untyped-def]
    value = bytes.fromhex(VECTORS[content_type])
    assert codec.encode(order, content_type) == value
    assert codec.decode(value, content_type) == order


@pytest.mark.parametrize("content_type", VECTORS)
@pytest.mark.parametrize("note", [None, "", "🚲"])
@pytest.mark.parametrize("amount", [0, -5, 2**63 - 1, -(2**63)])
def test_round_trips(codec, order, content_type, note, amount) -> None:  # type: ignore[no-untyped-def]
    changed = dataclasses.replace(order, note=note, amount=amount)
    assert codec.decode(codec.encode(changed, content_type), content_type) == changed


@pytest.mark.parametrize("content_type", VECTORS)
def test_every_cut_is_refused(codec, order, content_type) -> None:  # type: ignore[no-untyped-def]
    value = bytes.fromhex(VECTORS[content_type])
    # Cut behind currency or occurred_at, a Protobuf message is whole: a missing number is 0, and
    # the note is optional.
    whole = {len(value) - 11, len(value) - 4} if content_type == "application/x-protobuf" else set()
    for end in set(range(len(value))) - whole:
        assert isinstance(codec.decode(value[:end], content_type), str), end


@pytest.mark.parametrize("content_type", ["application/vnd.kafka-lab.order", "avro/binary"])
def test_trailing_bytes_are_refused(codec, content_type) -> None:  # type: ignore[no-untyped-def]
    value = bytes.fromhex(VECTORS[content_type]) + b"\0"
    assert "too many" in codec.decode(value, content_type)


def test_null_and_empty_are_told_apart(codec) -> None:  # type: ignore[no-untyped-def]
    assert codec.decode(None, codec.PROTOBUF) == "the value is null"
    assert codec.decode(b"", codec.PROTOBUF) == "the value is empty (0 bytes)"


@pytest.mark.parametrize(
    ("cents", "text"),
    [
        (0, "0.00"),
        (7, "0.07"),
        (-5, "-0.05"),
        (-199, "-1.99"),
        (2**53 + 1, "90071992547409.93"),
        (-(2**63), "-92233720368547758.08"),
    ],
)
def test_money_as_text(codec, cents, text) -> None:  # type: ignore[no-untyped-def]
    assert codec.decimal(cents) == text


def test_canonical_json_is_the_example_of_the_brief(codec, order) -> None:  # type: ignore[no-untyped-def]
    guide = GRADER.parents[1] / "exercises" / "serializers" / "guide.md"
    assert codec.canonical(order).decode() in guide.read_text(encoding="utf-8").splitlines()
