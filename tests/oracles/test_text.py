"""Wording: short, and safe to print."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafka_lab.oracles import text

from .make import rec


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 cats"), (1, "1 cat"), (2, "2 cats"), (10_000, "10,000 cats")],
)
def test_counted(number: int, words: str) -> None:
    assert text.counted(number, "cat") == words


@pytest.mark.parametrize(
    ("parts", "total", "words"),
    [
        (["a"], 1, "a"),
        (["a", "b", "c"], 3, "a; b; c"),
        (["a", "b", "c", "d"], 4, "a; b; c; and 1 more"),
        (["a", "b", "c"], 10_003, "a; b; c; and 10,000 more"),
    ],
)
def test_listed(parts: list[str], total: int, words: str) -> None:
    assert text.listed(parts, total) == words


def test_places() -> None:
    records = [rec(f"out-1@{n}") for n in range(5)]

    assert text.places(records[:2]) == "out-1@0, out-1@1"
    assert text.places(records) == "out-1@0, out-1@1, out-1@2, and 2 more"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("t-1 ä", "t-1 ä"),
        ("", "''"),
        ("a\nb", "'a\\nb'"),
        ("\ud800", "'\\ud800'"),
        ("x" * 60, "x" * 60),
        ("x" * 61, repr("x" * 60) + "… (61 characters)"),
    ],
)
def test_label(raw: str, words: str) -> None:
    assert text.label(raw) == words


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (None, "null"),
        (b"y" * 60, repr("y" * 60)),
        (b"", "empty (0 bytes)"),
        (b" ", "' '"),
        ("ä".encode(), "'ä'"),
        (b"\x00", "'\\x00'"),
        (b"\xff\x01", "0xff01"),
        (b"\xff" * 60, "0x" + "ff" * 60),
        (b"\xff" * 1061, "0x" + "ff" * 60 + "… (1,061 bytes)"),
        (b"y" * 1061, repr("y" * 60) + "… (1,061 characters)"),
    ],
)
def test_show_bytes(raw: bytes | None, words: str) -> None:
    assert text.show_bytes(raw) == words


@pytest.mark.parametrize(
    ("value", "shown", "kind"),
    [
        (None, "null", "null"),
        (True, "true", "true or false"),
        (False, "false", "true or false"),
        (17, "17", "a whole number"),
        (1.0, "1.0", "a number with a decimal point or an exponent"),
        ("a", "'a'", "text"),
        ([1, [2]], "a list of 2", "a list"),
        ({"a": {}}, "an object with 1 field", "an object"),
        (10**59, "1" + "0" * 59, "a whole number"),
        (10**60, "1" + "0" * 59 + "… (61 digits)", "a whole number"),
    ],
)
def test_show_json(value: object, shown: str, kind: str) -> None:
    assert text.show_json(value) == shown
    assert text.kind(value) == kind


@given(st.text() | st.text(alphabet=st.characters(categories=["Cs", "Cc", "Cf"])))
def test_what_learners_write_is_safe_to_print(raw: str) -> None:
    for words in (text.label(raw), text.show_json(raw), text.show_json([raw])):
        assert words.isprintable()
        words.encode("utf-8")


@given(st.binary(max_size=300))
def test_bytes_are_safe_to_print(raw: bytes) -> None:
    assert text.show_bytes(raw).isprintable()


def test_ten_thousand_cases_make_a_short_message() -> None:
    told = []

    def tell(number: int) -> tuple[str, dict[str, int]]:
        told.append(number)
        return f"case {number}", {"number": number}

    [finding] = text.report(
        code="c", said="Wrong", cases=range(10_000), tell=tell, look="Look at it."
    )

    assert finding.code == "c"
    assert finding.message == "Wrong: case 0; case 1; case 2; and 9,997 more. Look at it."
    assert finding.data["count"] == 10_000
    assert finding.data["cases"] == [{"number": n} for n in range(text.FACTS)]
    assert told == list(range(text.FACTS))


def test_no_case_is_no_finding() -> None:
    assert text.report(code="c", said="", cases=[], tell=lambda _: ("", {}), look="") == []
