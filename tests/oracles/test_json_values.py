"""A learner's bytes: whatever they are, the answer is a value or a reason, never an exception."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafka_lab.oracles import Seen, parse_object, read_json, wrong_fields
from kafka_lab.oracles.json_values import MAX_DEPTH, MAX_DIGITS, canonical

from .make import codes, fields, rec

HOSTILE = {
    "null": (None, "the value is null"),
    "empty": (b"", "the value is empty (0 bytes)"),
    "white space": (b" ", "expecting value at character 1, seen ' '"),
    "cut": (b'{"a', "unterminated string starting at at character 1, seen '{\"a'"),
    "two values": (b"{}{}", "extra data at character 2, seen '{}{}'"),
    "not UTF-8": (b'{"a": "\xc3\x28"}', "byte 7 is not UTF-8"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "byte 0 is not UTF-8"),
    "byte order mark": (
        b"\xef\xbb\xbf{}",
        "unexpected utf-8 bom (decode using utf-8-sig) at character 0, seen '\\ufeff{}'",
    ),
    "NaN": (b'{"a": NaN}', "NaN is not JSON"),
    "Infinity": (b'{"a": -Infinity}', "-Infinity is not JSON"),
    "list": (b"[{}]", "it is not an object but a list of 1"),
    "text": (b'"a"', "it is not an object but 'a'"),
    "number": (b"17", "it is not an object but 17"),
    "false": (b"false", "it is not an object but false"),
    "a field twice": (b'{"a": 1, "a": 1}', "it has the field a twice"),
    "a field twice, deep": (b'{"a": [{"b": 1, "b": 2}]}', "it has the field b twice"),
    "huge number": (
        b'{"a": ' + b"9" * 1_000_001 + b"}",
        "it has a number of 1,000,001 digits",
    ),
    "deep lists": (b"[" * 1_000_000, "it is nested more than 32 levels deep"),
    "deep objects": (
        b'{"a":' * 500 + b"1" + b"}" * 500,
        "it is nested more than 32 levels deep",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_have_a_reason(name: str) -> None:
    data, reason = HOSTILE[name]

    assert parse_object(data) == reason
    parsed = read_json(records=[rec("out-0@0", data)], id_field="id")
    assert parsed.seen == ()
    assert codes(parsed.findings) == ["not-json"]
    assert dict(parsed.findings[0].data)["cases"][0]["why"] == reason


def test_odd_but_valid_json_is_read() -> None:
    assert parse_object(b'\t{"a": 1e400, "b": "\\ud800", "c": [], "": {}}\n') == {
        "a": float("inf"),
        "b": "\ud800",
        "c": [],
        "": {},
    }


def test_the_limits_are_inclusive() -> None:
    assert isinstance(parse_object(b'{"a": ' + b"9" * MAX_DIGITS + b"}"), dict)
    assert isinstance(parse_object(b'{"a": ' + b"9" * (MAX_DIGITS + 1) + b"}"), str)
    for levels, kind in ((MAX_DEPTH, dict), (MAX_DEPTH + 1, str)):
        lists = b"[" * (levels - 1) + b"]" * (levels - 1)
        assert isinstance(parse_object(b'{"a": 1, "b": ' + lists + b"}"), kind)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_an_object_or_a_reason(data: bytes) -> None:
    assert isinstance(parse_object(data), dict | str)


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_an_object_comes_back_as_it_was(value: dict[str, object]) -> None:
    back = parse_object(json.dumps(value).encode())

    assert back == value
    assert canonical(back) == canonical(value)
    item = Seen("t-1", rec("out-0@0"), value)
    assert wrong_fields(expected={"t-1": value}, seen=[item]) == []


def test_records_with_and_without_name_are_told_apart() -> None:
    records = [
        rec("out-0@0", b'{"id": "a", "n": 1}'),
        rec("out-0@1", b'{"n": 2}'),
        rec("out-0@2", b"?"),
        rec("out-0@3", b'{"id": "b"}'),
    ]

    parsed = read_json(records=records, id_field="id")

    assert [(s.id, s.record.offset) for s in parsed.seen] == [("a", 0), ("b", 3)]
    assert parsed.seen[0].fields == {"id": "a", "n": 1}
    assert codes(parsed.findings) == ["not-json", "wrong-field"]
    assert [f.data["cases"][0]["offset"] for f in parsed.findings] == [2, 1]


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1, True),
        (True, 1),
        (1, 1.0),
        (1, "1"),
        (0, None),
        (0, False),
        (2.0, True),
        (2.5, 2),
        ("a", "b"),
        ([1], [True]),
        ({"a": 1}, {"a": 1.0}),
        ([1], [1, 2]),
        (10**900, float("inf")),
    ],
)
def test_values_of_another_type_are_wrong(expected: object, got: object) -> None:
    seen = [fields("out-0@0", "t-1", it=got)]

    assert codes(wrong_fields(expected={"t-1": {"it": expected}}, seen=seen)) == ["wrong-field"]


def test_an_equal_integer_is_right_for_a_float() -> None:
    seen = [fields("out-0@0", "t-1", it=2)]

    assert wrong_fields(expected={"t-1": {"it": 2.0}}, seen=seen) == []


def test_the_order_of_fields_does_not_matter() -> None:
    seen = [fields("out-0@0", "t-1", it={"b": [2], "a": 1})]

    assert wrong_fields(expected={"t-1": {"it": {"a": 1, "b": [2]}}}, seen=seen) == []
