"""Names from the seed, so that no program can know the table by heart."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from pairs import ID, Pair, Schema, array, field, record, table

_NAME = re.compile(r"@(\w+)")
_SYLLABLES = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]


class Names:
    """One made-up name for each ``@name``; no two alike, none a word of Avro's."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._given: dict[str, str] = {}

    def of(self, name: str) -> str:
        while name not in self._given:
            made = "".join(self._rng.sample(_SYLLABLES, 3))
            if name[0].isupper():
                made = made.capitalize()
            if made not in self._given.values():
                self._given[name] = made
        return self._given[name]

    def text(self, text: str) -> str:
        return _NAME.sub(lambda found: self.of(found[1]), text)

    def schema(self, schema: Schema) -> Schema:
        return json.loads(self.text(json.dumps(schema)))


def named(pair: Pair, rng: Random) -> Pair:
    """The pair under made-up names."""
    names = Names(rng)

    def paths(given: Sequence[str]) -> tuple[str, ...]:
        return tuple(names.text(path) for path in given)

    return replace(
        pair,
        old=names.schema(pair.old),
        new=names.schema(pair.new),
        at=paths(pair.at),
        at_forward=paths(pair.at_forward),
    )


def wrapped(pair: Pair, rng: Random, depth: int) -> Pair:
    """The pair's records as the type of a field of another record, ``depth`` times.

    A record, an array's items, a map's values and a branch beside null are resolved recursively:
    the verdict stays what it was.
    """
    for level in range(depth):
        shape = rng.choice(["record", "array", "map", "nullable"])
        pair = _wrapped(pair, shape, f"{level}")
    return pair


def _wrapped(pair: Pair, shape: str, level: str) -> Pair:
    name = f"@in{level}"

    def around(schema: Schema) -> Schema:
        inner: Any = {
            "record": schema,
            "array": array(schema),
            "map": table(schema),
            "nullable": ["null", schema],
        }[shape]
        return record(ID, field(name, inner), name=f"@Out{level}")

    def paths(given: Sequence[str]) -> tuple[str, ...]:
        found = tuple(f"{name}.{path}" for path in given)
        # A union's branch that does not fit may be reported as the union that has no other.
        return (*found, name) if shape == "nullable" and found else found

    return replace(
        pair,
        old=around(pair.old),
        new=around(pair.new),
        at=paths(pair.at),
        at_forward=paths(pair.at_forward),
    )
