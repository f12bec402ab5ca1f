"""Text that a learner's program may have made, fit for a terminal, XML or JSON.

What cannot be shown is not dropped but written out (``\\x1b``), since it may be the very thing that
is wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

# Control characters but tab and line feed; direction overrides, which make a line read backwards;
# separators that some terminals break lines at; lone surrogates, which cannot be written.
_TERMINAL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
# All that is not in XML 1.0's production Char (and C1, which it only discourages).
_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def terminal(text: str, encoding: str = "utf-8") -> str:
    """Text that cannot steer a terminal: no escape sequences, no control characters.

    Tabs become spaces; ``\\r\\n`` becomes ``\\n``; what ``encoding`` lacks is written out.
    """
    text = text.replace("\r\n", "\n").expandtabs(4)
    text = _TERMINAL.sub(_written_out, text)
    return text.encode(encoding, "backslashreplace").decode(encoding)


def xml(text: str) -> str:
    """Text with nothing in it that XML 1.0 forbids; markup is escaped by who writes the XML."""
    return _XML.sub(_written_out, text)


def plain(value: Any) -> Any:
    """The value as JSON can say it: bytes and unknown things as text, no NaN or infinity."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value)
