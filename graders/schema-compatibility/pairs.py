"""The table: pairs of Avro schemas, what is right for each, and the rule that says so.

Every name in a schema is written ``@name``; ``naming.py`` replaces them by names that follow from
the attempt's seed. ``tests/graders/schema-compatibility`` confirms each verdict against the real
registry, and against fastavro where that resolves as the specification says.

Left out, since the Java library (which registries use) and the specification differ, or versions
of the specification do: names of records, enums and fixed that differ only in their namespace or
are bridged by an alias; decimals of another precision or scale; a union whose default is not of
its first branch; defaults that are not of the field's type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Schema = Any

RULES: Mapping[str, str] = {
    "same": "both schemas are of the same primitive type, or have the same name",
    "order": "the ordering of fields may be different: fields are matched by name",
    "ignored": (
        "if the writer's record contains a field with a name not present in the reader's record, "
        "the writer's value for that field is ignored"
    ),
    "default": (
        "if the reader's record schema has a field that contains a default value, and writer's "
        "schema does not have a field with the same name, then the reader should use the default"
    ),
    "no-default": (
        "if the reader's record schema has a field with no default value, and writer's schema does "
        "not have a field with the same name, an error is signalled"
    ),
    "alias": (
        "aliases: a field of the reader's schema may be found under one of its aliases in the "
        "writer's; they are the reader's alone"
    ),
    "promotion": (
        "int is promotable to long, float, or double; long to float or double; float to double; "
        "string to bytes; bytes to string"
    ),
    "mismatch": "it is an error if the two schemas do not match",
    "reader-union": (
        "if reader's is a union, but writer's is not: the first schema in the reader's union that "
        "matches the writer's schema is recursively resolved against it; if none matches, an error"
    ),
    "writer-union": (
        "if writer's is a union, but reader's is not: if the reader's schema matches the selected "
        "writer's schema, it is recursively resolved against it; if they do not match, an error"
    ),
    "both-unions": (
        "if both are unions: the first schema in the reader's union that matches the selected "
        "writer's union schema is recursively resolved against it; if none matches, an error"
    ),
    "enum": (
        "if both are enums: if the writer's symbol is not present in the reader's enum and the "
        "reader has a default value, then that value is used, otherwise an error is signalled"
    ),
    "fixed": "both schemas are fixed whose sizes and (unqualified) names match",
    "name": "both schemas are enums, fixed or records with the same (unqualified) name",
    "array": "if both are arrays: this resolution algorithm is applied recursively to the items",
    "map": "if both are maps: this resolution algorithm is applied recursively to the values",
    "record": "if both are records: schemas for fields with the same name are resolved recursively",
    "attributes": "attributes not defined here are permitted as metadata, and do not affect data",
}
"""Apache Avro specification 1.12, "Schema Resolution" (``alias``: "Aliases"; ``attributes``:
"Schema Declaration"), in its words or nearly so."""


@dataclass(frozen=True)
class Pair:
    """An older schema and the one that is proposed after it.

    ``backward``: whether the new one reads all data of the old one; ``forward``: whether the old
    one reads all data of the new one. A path, ``a.b``, leads to what breaks, with the names of
    records' fields from the outermost on; several where the brief lets one name either.
    """

    id: str
    group: str
    rule: str
    old: Schema
    new: Schema
    backward: bool = True
    forward: bool = True
    at: tuple[str, ...] = ()
    """Where it breaks, new reading old; and old reading new if ``at_forward`` is empty."""
    at_forward: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Of a break of each direction."""
        return self.at, self.at_forward or self.at


_NONE: Any = object()


def field(name: str, kind: Schema, default: Any = _NONE, **more: Any) -> dict[str, Any]:
    made = {"name": name, "type": kind, **more}
    return made if default is _NONE else {**made, "default": default}


def record(*fields: dict[str, Any], name: str = "@Order", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "namespace": "@shop", "fields": list(fields), **more}


def enum(*symbols: str, name: str = "@Status", **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": name, "symbols": list(symbols), **more}


def fixed(size: int, name: str = "@Digest") -> dict[str, Any]:
    return {"type": "fixed", "name": name, "size": size}


def array(items: Schema) -> dict[str, Any]:
    return {"type": "array", "items": items}


def table(values: Schema) -> dict[str, Any]:
    return {"type": "map", "values": values}


ID = field("@id", "string")


def _typed(
    id_: str,
    group: str,
    rule: str,
    old: Schema,
    new: Schema,
    backward: bool,
    forward: bool,
    inner: str = "",
) -> Pair:
    """The type of one field changes; ``inner`` is what breaks inside of that type."""
    at = ("@a", f"@a.{inner}") if inner else ("@a",)
    if backward and forward:
        at = ()
    return Pair(
        id_, group, rule, record(ID, field("@a", old)), record(ID, field("@a", new)),
        backward, forward, at,
    )  # fmt: skip


ADDRESS = record(field("@street", "string"), name="@Address")
WITH_ZIP = record(field("@street", "string"), field("@zip", "string"), name="@Address")
WITH_ZIP_DEFAULT = record(field("@street", "string"), field("@zip", "string", ""), name="@Address")
CARD = record(field("@number", "string"), name="@Card")
CASH = record(field("@number", "string"), name="@Cash")


def _list(*more: dict[str, Any], kind: Schema = "int") -> dict[str, Any]:
    """A list: a record that has itself as a field."""
    node = record(field("@v", kind), *more, field("@next", ["null", "@shop.@Node"]), name="@Node")
    return record(ID, field("@head", node))


def _tree(kind: Schema) -> dict[str, Any]:
    node = record(field("@v", kind), field("@sub", array("@shop.@Node")), name="@Node")
    return record(ID, field("@root", node))


def _mutual(*more: dict[str, Any]) -> dict[str, Any]:
    odd = record(*more, field("@even", ["null", "@shop.@Even"]), name="@Odd")
    return record(ID, field("@a", record(field("@odd", ["null", odd]), name="@Even")))


def _twice(address: Schema) -> dict[str, Any]:
    """One type, used in two places and defined in the first."""
    return record(ID, field("@home", address), field("@work", "@shop.@Address"))


def _deep(kind: Schema, *more: dict[str, Any]) -> dict[str, Any]:
    inner = record(field("@v", kind), *more, name="@Inner")
    middle = record(field("@inner", table(inner)), name="@Middle")
    return record(ID, field("@list", array(middle)))


FIELDS: tuple[Pair, ...] = (
    Pair("same", "fields", "same", record(ID), record(ID)),
    Pair("added-default", "fields", "default", record(ID), record(ID, field("@a", "int", 0))),
    Pair(
        "added-required", "fields", "no-default",
        record(ID), record(ID, field("@a", "int")), backward=False, at=("@a",),
    ),
    Pair(
        "removed-required", "fields", "no-default",
        record(ID, field("@a", "int")), record(ID), forward=False, at=("@a",),
    ),
    Pair("removed-default", "fields", "ignored", record(ID, field("@a", "int", 0)), record(ID)),
    Pair(
        "renamed", "fields", "no-default",
        record(ID, field("@a", "int")), record(ID, field("@b", "int")), False, False,
        ("@b",), ("@a",),
    ),
    Pair(
        "renamed-both-defaults", "fields", "default",
        record(ID, field("@a", "int", 0)), record(ID, field("@b", "int", 0)),
    ),
    Pair(
        "renamed-new-default", "fields", "no-default",
        record(ID, field("@a", "int")), record(ID, field("@b", "int", 0)), True, False, ("@a",),
    ),
    Pair(
        "reordered", "fields", "order",
        record(ID, field("@a", "int"), field("@b", "string")),
        record(field("@b", "string"), field("@a", "int"), ID),
    ),
    Pair(
        "documented", "fields", "attributes",
        record(ID), record(field("@id", "string", doc="who"), doc="an order", owner="sales"),
    ),
    Pair("default-added", "fields", "same", record(ID), record(field("@id", "string", ""))),
    Pair("default-dropped", "fields", "same", record(field("@id", "string", "")), record(ID)),
    Pair(
        "default-changed", "fields", "same",
        record(field("@id", "string", "x")), record(field("@id", "string", "y")),
    ),
    Pair(
        "added-nullable", "fields", "default",
        record(ID), record(ID, field("@a", ["null", "int"], None)),
    ),
    Pair(
        "added-nullable-required", "fields", "no-default",
        record(ID), record(ID, field("@a", ["null", "int"])), backward=False, at=("@a",),
    ),
    Pair(
        "added-record-default", "fields", "default",
        record(ID), record(ID, field("@a", ADDRESS, {"@street": ""})),
    ),
    Pair(
        "added-record-required", "fields", "no-default",
        record(ID),
        record(ID, field("@a", record(field("@street", "string", ""), name="@Address"))),
        backward=False, at=("@a",),
    ),
    Pair(
        "moved-in", "fields", "no-default",
        record(ID, field("@street", "string")), record(ID, field("@a", ADDRESS)), False, False,
        ("@a",), ("@street",),
    ),
)  # fmt: skip

NAMES: tuple[Pair, ...] = (
    Pair(
        "alias", "names", "alias",
        record(ID, field("@a", "int")), record(ID, field("@b", "int", aliases=["@a"])),
        True, False, ("@a",),
    ),
    Pair(
        "alias-and-old-default", "names", "alias",
        record(ID, field("@a", "int", 0)), record(ID, field("@b", "int", aliases=["@a"])),
    ),
    Pair(
        "alias-promoted", "names", "alias",
        record(ID, field("@a", "int", 0)), record(ID, field("@b", "long", aliases=["@a"])),
    ),
    Pair(
        "alias-narrowed", "names", "alias",
        record(ID, field("@a", "long", 0)), record(ID, field("@b", "int", aliases=["@a"])),
        False, True, ("@b", "@a"),
    ),
    Pair(
        "alias-of-nothing", "names", "alias",
        record(ID), record(ID, field("@b", "int", aliases=["@a"])), False, True, ("@b",),
    ),
    Pair(
        "alias-second", "names", "alias",
        record(ID, field("@a", "int")), record(ID, field("@b", "int", aliases=["@c", "@a"])),
        True, False, ("@a",),
    ),
    Pair(
        "alias-in-the-writer", "names", "alias",
        record(ID, field("@a", "int", aliases=["@b"])), record(ID, field("@b", "int")),
        False, True, ("@b",),
    ),
    Pair(
        "alias-nested", "names", "alias",
        record(ID, field("@to", ADDRESS)),
        record(ID, field(
            "@to", record(field("@road", "string", aliases=["@street"]), name="@Address"))),
        True, False, ("@to.@street",),
    ),
    _typed("record-renamed", "names", "name", CARD, CASH, False, False),
    _typed("enum-renamed", "names", "name", enum("@X"), enum("@X", name="@State"), False, False),
    _typed("fixed-renamed", "names", "name", fixed(4), fixed(4, "@Hash"), False, False),
)  # fmt: skip

TYPES: tuple[Pair, ...] = (
    *(
        _typed(f"{old}-{new}", "types", "promotion", old, new, True, back)
        for old, new, back in (
            ("int", "long", False),
            ("int", "float", False),
            ("int", "double", False),
            ("long", "float", False),
            ("long", "double", False),
            ("float", "double", False),
            ("string", "bytes", True),
            ("bytes", "string", True),
        )
    ),
    *(
        _typed(f"{old}-{new}", "types", "promotion", old, new, False, True)
        for old, new in (("long", "int"), ("double", "float"), ("float", "long"))
    ),
    *(
        _typed(name, "types", "mismatch", old, new, False, False)
        for name, old, new in (
            ("int-string", "int", "string"),
            ("boolean-int", "boolean", "int"),
            ("bytes-fixed", "bytes", fixed(4)),
            ("string-enum", "string", enum("@X", "@Y")),
            ("array-map", array("int"), table("int")),
            ("record-map", ADDRESS, table("string")),
            ("record-string", ADDRESS, "string"),
            ("value-array", "int", array("int")),
        )
    ),
    _typed("spelled-out", "types", "same", "string", {"type": "string"}, True, True),
    _typed(
        "with-properties", "types", "attributes",
        "string", {"type": "string", "avro.java.string": "String"}, True, True,
    ),
    _typed(
        "logical", "types", "attributes",
        "long", {"type": "long", "logicalType": "timestamp-millis"}, True, True,
    ),
    _typed("fixed-size", "types", "fixed", fixed(4), fixed(8), False, False),
    _typed("array-items", "types", "array", array("int"), array("long"), True, False),
    _typed("array-strings", "types", "array", array("string"), array("bytes"), True, True),
    _typed("map-values", "types", "map", table("long"), table("int"), False, True),
    _typed("map-other-values", "types", "map", table("int"), table("string"), False, False),
)  # fmt: skip

UNIONS: tuple[Pair, ...] = (
    _typed("nullable", "unions", "reader-union", "int", ["null", "int"], True, False),
    _typed("no-more-nullable", "unions", "writer-union", ["null", "int"], "int", False, True),
    _typed("of-one", "unions", "reader-union", "int", ["int"], True, True),
    _typed(
        "branches-reordered", "unions", "both-unions",
        ["null", "string"], ["string", "null"], True, True,
    ),
    _typed(
        "branch-added", "unions", "both-unions",
        ["null", "int"], ["null", "int", "string"], True, False,
    ),
    _typed(
        "branch-removed", "unions", "both-unions",
        ["null", "int", "string"], ["null", "int"], False, True,
    ),
    _typed(
        "branch-promoted", "unions", "both-unions",
        ["null", "int"], ["null", "long"], True, False,
    ),
    _typed(
        "branch-replaced", "unions", "both-unions",
        ["null", "int"], ["null", "boolean"], False, False,
    ),
    _typed("all-promoted", "unions", "writer-union", ["int", "long"], "double", True, False),
    _typed("narrow-branch-dropped", "unions", "writer-union", ["int", "long"], "long", True, True),
    _typed("promoted-into", "unions", "reader-union", "int", ["null", "double"], True, False),
    _typed("string-into-bytes", "unions", "reader-union", "string", ["bytes"], True, True),
    _typed("one-does-not-fit", "unions", "writer-union", ["int", "string"], "bytes", False, True),
    _typed("branch-not-wide", "unions", "reader-union", "long", ["null", "int"], False, False),
    _typed("null-field", "unions", "reader-union", "null", ["null", "int"], True, False),
    _typed(
        "record-branch-grows", "unions", "both-unions",
        ["null", ADDRESS], ["null", WITH_ZIP], False, True, "@zip",
    ),
    _typed(
        "record-branch-default", "unions", "both-unions",
        ["null", ADDRESS], ["null", WITH_ZIP_DEFAULT], True, True,
    ),
    _typed("records-reordered", "unions", "both-unions", [CARD, CASH], [CASH, CARD], True, True),
    _typed("record-removed", "unions", "both-unions", [CARD, CASH], [CASH], False, True),
    _typed("into-records", "unions", "reader-union", CARD, [CASH, CARD], True, False),
    _typed("array-branch", "unions", "both-unions", ["null", array("int")],
           ["null", array("long")], True, False),
)  # fmt: skip

ENUMS: tuple[Pair, ...] = (
    _typed("symbol-added", "enums", "enum", enum("@X"), enum("@X", "@Y"), True, False),
    _typed("symbol-removed", "enums", "enum", enum("@X", "@Y"), enum("@X"), False, True),
    _typed("symbols-reordered", "enums", "enum", enum("@X", "@Y"), enum("@Y", "@X"), True, True),
    _typed(
        "added-both-defaults", "enums", "enum",
        enum("@X", default="@X"), enum("@X", "@Y", default="@X"), True, True,
    ),
    _typed(
        "removed-new-default", "enums", "enum",
        enum("@X", "@Y"), enum("@X", default="@X"), True, True,
    ),
    _typed(
        "added-new-default", "enums", "enum",
        enum("@X"), enum("@X", "@Y", default="@X"), True, False,
    ),
    _typed("swapped", "enums", "enum", enum("@X", "@Y"), enum("@X", "@Z"), False, False),
    Pair(
        "field-default-does-not-help", "enums", "enum",
        record(ID, field("@a", enum("@X", "@Y"), "@X")), record(ID, field("@a", enum("@X"), "@X")),
        False, True, ("@a",),
    ),
    _typed(
        "in-array", "enums", "enum",
        array(enum("@X", "@Y")), array(enum("@X")), False, True,
    ),
)  # fmt: skip

NESTED: tuple[Pair, ...] = (
    _typed("record-grows", "nested", "record", ADDRESS, WITH_ZIP, False, True, "@zip"),
    _typed("record-shrinks", "nested", "record", WITH_ZIP, ADDRESS, True, False, "@zip"),
    _typed("record-default", "nested", "record", ADDRESS, WITH_ZIP_DEFAULT, True, True),
    _typed("items-grow", "nested", "array", array(ADDRESS), array(WITH_ZIP), False, True, "@zip"),
    _typed("values-shrink", "nested", "map", table(WITH_ZIP), table(ADDRESS), True, False, "@zip"),
    Pair(
        "deep-narrowed", "nested", "record", _deep("long"), _deep("int"),
        False, True, ("@list.@inner.@v",),
    ),
    Pair(
        "deep-required", "nested", "record", _deep("int"), _deep("int", field("@w", "int")),
        False, True, ("@list.@inner.@w",),
    ),
    Pair(
        "deep-default", "nested", "record", _deep("int"), _deep("int", field("@w", "int", 1)),
    ),
    Pair(
        "shared-type", "nested", "record", _twice(ADDRESS), _twice(WITH_ZIP),
        False, True, ("@home.@zip", "@work.@zip"),
    ),
    Pair("shared-type-default", "nested", "record", _twice(ADDRESS), _twice(WITH_ZIP_DEFAULT)),
    Pair("recursive", "nested", "record", _list(), _list(field("@w", "int", 0))),
    Pair(
        "recursive-required", "nested", "record", _list(), _list(field("@w", "int")),
        False, True, ("@head.@w",),
    ),
    Pair(
        "recursive-promoted", "nested", "record", _list(), _list(kind="long"),
        True, False, ("@head.@v",),
    ),
    Pair("tree", "nested", "array", _tree("string"), _tree("bytes")),
    Pair(
        "tree-narrowed", "nested", "array", _tree("double"), _tree("float"),
        False, True, ("@root.@v",),
    ),
    Pair(
        "mutual-required", "nested", "record", _mutual(), _mutual(field("@w", "int")),
        False, True, ("@a.@odd", "@a.@odd.@w"),
    ),
    Pair("mutual-default", "nested", "record", _mutual(), _mutual(field("@w", "int", 0))),
)  # fmt: skip

PAIRS = FIELDS + NAMES + TYPES + UNIONS + ENUMS + NESTED
