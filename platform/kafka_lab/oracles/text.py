"""How findings are worded: short however much went wrong, and safe whatever bytes are in them.

Everything that a learner's program wrote passes through ``label``, ``show_bytes`` or
``show_json`` before it stands in a message: control characters and lone surrogates come out
escaped, long things cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from kafka_lab.api import Finding, Record

EXAMPLES = 3
"""Violations that a message spells out; of the others it gives the number."""
FACTS = 100
"""Violations that a finding's ``data`` lists."""
CLIP = 60
"""Characters (or bytes) of a learner's text that a message shows."""

T = TypeVar("T")


def counted(number: int, noun: str) -> str:
    """``1 record``, ``2 records``, ``10,000 records``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(parts: Sequence[str], total: int, between: str = "; ") -> str:
    """The first ``EXAMPLES`` of ``parts``, and how many more there are up to ``total``."""
    shown = list(parts[:EXAMPLES])
    if total > len(shown):
        shown.append(f"and {total - len(shown):,} more")
    return between.join(shown)


def places(records: Sequence[Record]) -> str:
    """``debits-0@5, debits-1@9``, at most ``EXAMPLES`` of them."""
    return listed([r.where for r in records[:EXAMPLES]], len(records), ", ")


def label(text: str) -> str:
    """An id, a key or a name as it may stand in a message."""
    if text and text.isprintable() and len(text) <= CLIP:
        return text
    return _quoted(text)


def show_bytes(data: bytes | None) -> str:
    """Bytes for a human: ``null``, ``empty (0 bytes)``, quoted text, or hexadecimal."""
    if data is None:
        return "null"
    if not data:
        return "empty (0 bytes)"
    try:
        return _quoted(data.decode("utf-8"))
    except UnicodeDecodeError:
        cut = f"… ({len(data):,} bytes)" if len(data) > CLIP else ""
        return f"0x{data[:CLIP].hex()}{cut}"


def show_json(value: object) -> str:
    """A parsed JSON value for a human; lists and objects only by their size."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list):
        return f"a list of {len(value):,}"
    if isinstance(value, Mapping):
        return f"an object with {counted(len(value), 'field')}"
    digits = repr(value)
    return digits if len(digits) <= CLIP else f"{digits[:CLIP]}… ({len(digits):,} digits)"


def kind(value: object) -> str:
    """What sort of JSON value it is, in a beginner's words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "a whole number"
    if isinstance(value, float):
        return "a number with a decimal point or an exponent"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "an object"


def place_of(record: Record) -> dict[str, Any]:
    """A record's place as JSON values, for ``Finding.data``."""
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}


def report(
    *,
    code: str,
    said: str,
    cases: Sequence[T],
    tell: Callable[[T], tuple[str, dict[str, Any]]],
    look: str,
) -> list[Finding]:
    """One finding for all ``cases`` of one code; none when there are no cases.

    ``said`` is what is wrong, ``tell`` words one case and gives its facts, ``look`` says what was
    expected and where to look next. ``data`` has the ``count`` and the first ``FACTS`` cases.
    """
    if not cases:
        return []
    told = [tell(case) for case in cases[:FACTS]]
    examples = listed([words for words, _ in told], len(cases))
    data = {"count": len(cases), "cases": [facts for _, facts in told]}
    return [Finding(code, f"{said}: {examples}. {look}", data)]


def _quoted(text: str) -> str:
    if len(text) <= CLIP:
        return repr(text)
    return f"{text[:CLIP]!r}… ({len(text):,} characters)"
