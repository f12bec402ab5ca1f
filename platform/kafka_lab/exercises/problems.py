"""What is wrong with a manifest, said so that its author can put it right."""

from __future__ import annotations

import difflib
import importlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka_lab.exercises.toml_lines import TomlLines
from kafka_lab.runtime.errors import LabError

_TYPES = {
    "string": "text in quotes",
    "integer": "a whole number",
    "array": "a list",
    "object": "a table",
    "number": "a number",
    "boolean": "true or false",
}


@dataclass(frozen=True)
class ManifestProblem:
    """One mistake. ``line`` counts from 1, ``None`` when the whole file is meant."""

    path: Path
    line: int | None
    key: str
    what: str
    fix: str

    @classmethod
    def from_syntax(cls, path: Path, text: str, message: str) -> ManifestProblem:
        """From tomllib's message, which ends in ``(at line 3, column 7)`` or the like."""
        place = re.search(r"\(at line (\d+), column (\d+)\)$", message)
        line = int(place[1]) if place else max(1, len(text.splitlines()))
        what = re.sub(r"\s*\(at .*\)$", "", message)
        where = f"column {place[2]}" if place else "the end of the file"
        return cls(
            path, line, "", f"this is not TOML: {what}, at {where}", "see https://toml.io for TOML"
        )

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else str(self.path)
        key = f" {self.key}:" if self.key else ""
        return f"{place}:{key} {self.what}; {self.fix}"


class ManifestError(LabError):
    """A manifest that cannot be used; ``problems`` has every mistake, in the file's order."""

    def __init__(
        self,
        problems: Sequence[ManifestProblem],
        fix: str = "correct the manifest; `kafka-lab list` reads it again",
    ) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        mistakes = "one mistake" if count == 1 else f"{count} mistakes"
        super().__init__(
            f"{self.problems[0].path} has {mistakes}:\n"
            + "\n".join(f"  {problem}" for problem in self.problems),
            fix,
        )


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was most likely meant, if one is near enough."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return found[0] if found else None


def schema_problems(
    path: Path, schema: bytes, data: dict[str, Any], lines: TomlLines, kind: str = "manifest"
) -> list[ManifestProblem]:
    """Everything that the JSON Schema has against ``data``, which is of a ``kind`` of file."""
    # By name: it is slow to import, and comes without type information.
    jsonschema: Any = importlib.import_module("jsonschema")
    validator = jsonschema.Draft202012Validator(json.loads(schema))
    return [
        ManifestProblem(path, lines.find(at), _dotted(at), what, fix)
        for error in validator.iter_errors(data)
        for at, what, fix in _said(error, kind)
    ]


def _dotted(path: tuple[str | int, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _said(error: Any, kind: str) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Key, what is wrong and the fix: one or more for each error of jsonschema."""
    at: tuple[str | int, ...] = tuple(error.absolute_path)
    schema: dict[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    meaning = str(schema.get("description", "a value"))
    rule, wanted, got = str(error.validator), error.validator_value, error.instance
    # Of a bad name, jsonschema says only that it does not match, at the path of its table.
    if "propertyNames" in error.schema_path:
        rule, at = "propertyNames", (*at, got)
    if rule == "required":
        properties = schema.get("properties", {})
        for name in wanted:
            # One error a name: say the one that this error is about.
            if name not in got and error.message.startswith(repr(name)):
                said = properties.get(name, {}).get("description", "a value")
                yield (*at, name), "is missing", f"add {name}: {said}"
    elif rule == "additionalProperties":
        properties = schema.get("properties", {})
        for name in (n for n in got if n not in properties):
            near = nearest(name, properties)
            fix = f"did you mean {near}?" if near else f"known are {', '.join(properties)}"
            yield (*at, name), f"is not a key of a {kind}", fix
    elif rule == "propertyNames":
        yield at, "cannot be a name here", f"use {meaning}"
    elif rule == "type":
        kinds = [wanted] if isinstance(wanted, str) else wanted
        kind = " or ".join(_TYPES.get(str(k), str(k)) for k in kinds)
        yield at, f"{_shown(got)} is not {kind}", f"write {meaning}"
    elif rule == "enum":
        near = nearest(got, wanted) if isinstance(got, str) else None
        fix = f"did you mean '{near}'?" if near else f"write {meaning}"
        yield at, f"{_shown(got)} is none of {', '.join(map(str, wanted))}", fix
    elif rule in ("minItems", "minProperties"):
        yield at, f"has {len(got)}, at least {wanted} must be there", f"write {meaning}"
    elif rule == "minLength":
        yield at, "is empty", f"write {meaning}"
    elif rule == "maxLength":
        yield at, f"has {len(got)} characters, at most {wanted} fit", f"write {meaning}"
    elif rule in ("minimum", "maximum", "exclusiveMinimum"):
        limit = {"minimum": "at least", "maximum": "at most"}.get(rule, "more than")
        yield at, f"{_shown(got)} is out of range ({limit} {wanted})", f"write {meaning}"
    elif rule == "pattern":
        yield at, f"{_shown(got)} is not of the right form", f"write {meaning}"
    else:
        yield at, error.message, f"write {meaning}"
