"""Avro's schema resolution: can a reader with one schema read what was written with another?"""

from __future__ import annotations

from dataclasses import dataclass

from avro_schema import Field, Node

PROMOTIONS = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}
"""Written as → may be read as."""


@dataclass(frozen=True)
class Problem:
    path: str
    text: str


Open = frozenset[tuple[Node, Node]]
"""Pairs that are being looked at: a recursive type leads back to them, and adds nothing new."""


def problems(reader: Node, writer: Node) -> list[Problem]:
    """Why some data of the writer's schema cannot be read; empty if all can."""
    return _compare(reader, writer, "", frozenset())


def _compare(reader: Node, writer: Node, path: str, seen: Open) -> list[Problem]:
    if (reader, writer) in seen:
        return []
    seen |= {(reader, writer)}
    if writer.kind == "union":  # each of its branches may have been written
        return [p for one in writer.branches for p in _compare(reader, one, path, seen)]
    if reader.kind == "union":
        return _into_union(reader, writer, path, seen)
    if reader.kind != writer.kind:
        if reader.kind in PROMOTIONS.get(writer.kind, ()):
            return []
        return [Problem(path, f"{_said(writer)} cannot be read as {_said(reader)}")]
    if reader.kind in ("array", "map"):
        mark = "[]" if reader.kind == "array" else "{}"
        return _compare(reader.branches[0], writer.branches[0], path + mark, seen)
    if reader.kind in ("record", "enum", "fixed") and reader.short_name != writer.short_name:
        return [Problem(path, f"{_said(writer)} cannot be read as {_said(reader)}: other name")]
    if reader.kind == "fixed" and reader.size != writer.size:
        return [Problem(path, f"fixed of {writer.size} bytes read as one of {reader.size}")]
    if reader.kind == "enum":
        return _symbols(reader, writer, path)
    if reader.kind == "record":
        return _records(reader, writer, path, seen)
    return []


def _into_union(reader: Node, writer: Node, path: str, seen: Open) -> list[Problem]:
    tried = [_compare(one, writer, path, seen) for one in reader.branches]
    if not all(tried):
        return []
    for branch, found in zip(reader.branches, tried, strict=True):
        if branch.kind == writer.kind and branch.name == writer.name:
            return found  # it is meant for this branch: say what is wrong inside
    return [Problem(path, f"no branch of the union takes {_said(writer)}")]


def _symbols(reader: Node, writer: Node, path: str) -> list[Problem]:
    lacking = [s for s in writer.symbols if s not in reader.symbols]
    if not lacking or reader.default_symbol is not None:
        return []
    return [Problem(path, f"the enum lacks {', '.join(lacking)}, and has no default symbol")]


def _records(reader: Node, writer: Node, path: str, seen: Open) -> list[Problem]:
    written = {one.name: one for one in writer.fields}
    found = []
    for one in reader.fields:
        inner = f"{path}.{one.name}" if path else one.name
        match = _written_as(one, written)
        if match is not None:
            found += _compare(one.type, match.type, inner, seen)
        elif not one.has_default:
            found.append(Problem(inner, "was not written, and has no default"))
    return found


def _written_as(wanted: Field, written: dict[str, Field]) -> Field | None:
    for name in (wanted.name, *wanted.aliases):
        if name in written:
            return written[name]
    return None


def _said(node: Node) -> str:
    return f"{node.kind} {node.name}".strip()
