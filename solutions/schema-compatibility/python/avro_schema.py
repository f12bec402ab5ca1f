"""Avro schemas as nodes: names resolved, namespaces applied, references looked up."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}


class CannotJudge(Exception):
    """There is no verdict: something cannot be read, reached or understood."""


@dataclass(eq=False)
class Field:
    name: str
    type: Node
    has_default: bool
    aliases: list[str]


@dataclass(eq=False)
class Node:
    """``kind`` is a primitive's name, or record, enum, fixed, array, map, union."""

    kind: str
    name: str = ""
    """The full name of a named type."""
    fields: list[Field] = field(default_factory=list)
    symbols: list[str] = field(default_factory=list)
    default_symbol: str | None = None
    size: int = 0
    branches: list[Node] = field(default_factory=list)
    """Of a union; the one of an array or a map is its item or value."""

    @property
    def short_name(self) -> str:
        return self.name.rpartition(".")[2]


Names = dict[str, Node]


def parse(text: str, names: Names) -> Node:
    """Parse a schema; ``names`` holds the types of its references, and gets its own."""
    try:
        raw = json.loads(text)
    except ValueError as e:
        raise CannotJudge(f"the schema is not JSON: {e}") from None
    try:
        return _node(raw, names, "")
    except (KeyError, TypeError, AttributeError) as e:
        raise CannotJudge(f"the schema is not an Avro schema: {e!r}") from None


def _node(raw: Any, names: Names, namespace: str) -> Node:
    if isinstance(raw, str):
        return _named(raw, names, namespace)
    if isinstance(raw, list):
        return Node("union", branches=[_node(one, names, namespace) for one in raw])
    kind = raw["type"]
    if isinstance(kind, (dict, list)):
        return _node(kind, names, namespace)
    if kind == "array":
        return Node("array", branches=[_node(raw["items"], names, namespace)])
    if kind == "map":
        return Node("map", branches=[_node(raw["values"], names, namespace)])
    if kind not in ("record", "error", "enum", "fixed"):
        return _named(kind, names, namespace)
    name = raw["name"]
    if "." not in name:
        inner = raw.get("namespace", namespace)
        name = f"{inner}.{name}" if inner else name
    inner = name.rpartition(".")[0]
    node = Node("record" if kind == "error" else kind, name)
    if name in names:
        raise CannotJudge(f"the type {name} is defined twice")
    names[name] = node
    if kind == "enum":
        node.symbols, node.default_symbol = list(raw["symbols"]), raw.get("default")
    elif kind == "fixed":
        node.size = raw["size"]
    else:
        for one in raw["fields"]:
            made = _node(one["type"], names, inner)
            aliases = list(one.get("aliases", ()))
            node.fields.append(Field(one["name"], made, "default" in one, aliases))
    return node


def _named(name: str, names: Names, namespace: str) -> Node:
    if name in PRIMITIVES:
        return Node(name)
    full = f"{namespace}.{name}" if namespace and "." not in name else name
    found = names.get(full) or names.get(name)
    if found is None:
        raise CannotJudge(f"nothing defines the type {full}: is a reference missing?")
    return found
