"""On which line of a TOML file a key stands: ``tomllib`` parses, but does not say.

A scanner of tables and keys, not a parser: for a key inside an inline table or an array it knows
the line of the nearest key around it, which is where an author looks.
"""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"^\s*(\[\[?)\s*({_DOTTED})\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(rf"^\s*({_DOTTED})\s*=")
_QUOTES = re.compile(r'"""|\'\'\'')


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_PART, dotted)]


class TomlLines:
    """Lines, from 1, of the tables and keys of one TOML text."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}
        table: Path = ()
        inside = ""
        for number, line in enumerate(text.splitlines(), 1):
            if not inside:
                if header := _HEADER.match(line):
                    table = self._table(_parts(header[2]), header[1] == "[[")
                    self._lines.setdefault(table, number)
                    if header[1] == "[[":  # the array as a whole begins with its first table
                        self._lines.setdefault(table[:-1], number)
                elif key := _KEY.match(line):
                    self._lines.setdefault((*table, *_parts(key[1])), number)
            # A multi-line string hides what looks like keys until the same quotes end it.
            for quotes in _QUOTES.findall(line):
                if not inside:
                    inside = quotes
                elif quotes == inside:
                    inside = ""

    def _table(self, parts: list[str], array: bool) -> Path:
        path: Path = ()
        for position, part in enumerate(parts):
            path = (*path, part)
            if array and position == len(parts) - 1:
                self._counts[path] = self._counts.get(path, -1) + 1
            if path in self._counts:
                path = (*path, self._counts[path])
        return path

    def find(self, path: Path) -> int | None:
        """The line of the key, or of the nearest thing around it; ``None`` if there is none."""
        for length in range(len(path), 0, -1):
            if (line := self._lines.get(path[:length])) is not None:
                return line
        return None
