"""Who may do what: the brief's table as cells, each expected or not, and what was seen.

A cell names a role (``shop``), a kind of resource, the resource by its part in the story
(``orders``) and one of Kafka's operations. Pure: no cluster, no names of a scenario.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "topic": (
        "Describe",
        "Read",
        "Write",
        "Create",
        "Alter",
        "DescribeConfigs",
        "AlterConfigs",
        "Delete",
    ),
    "group": ("Describe", "Read", "Delete"),
    "transactional-id": ("Describe", "Write"),
    "cluster": (
        "Describe",
        "Create",
        "DescribeConfigs",
        "AlterConfigs",
        "IdempotentWrite",
        "Alter",
    ),
}
"""Kafka's operations on each kind of resource; those that could spoil a later attempt come last."""

RESOURCES: Mapping[str, tuple[str, ...]] = {
    "topic": ("orders", "private", "invoices", "europe", "archive", "future"),
    "group": ("billing", "carrier", "analysts", "billing-test", "carrier-2", "no-analysts"),
    "transactional-id": ("billing", "billing-0", "bill"),
    "cluster": ("cluster",),
}
NEIGHBOURS = frozenset(
    {
        *(("topic", name) for name in ("europe", "archive", "future")),
        *(("group", name) for name in ("billing-test", "carrier-2", "no-analysts")),
        ("transactional-id", "billing-0"),
        ("transactional-id", "bill"),
    }
)
"""Resources whose names nearly are, or begin with, those that the script is told."""

ROLES = ("shop", "billing", "analyst", "carrier", "operator", "retired", "retired-2")

_TABLE: Mapping[tuple[str, str, str], tuple[str, ...]] = {
    ("shop", "topic", "orders"): ("Write",),
    ("shop", "cluster", "cluster"): ("IdempotentWrite",),
    ("billing", "topic", "orders"): ("Read",),
    ("billing", "topic", "invoices"): ("Write",),
    ("billing", "group", "billing"): ("Read",),
    ("billing", "transactional-id", "billing"): ("Write",),
    ("billing", "transactional-id", "billing-0"): ("Write",),
    ("billing", "cluster", "cluster"): ("IdempotentWrite",),
    ("analyst", "topic", "orders"): ("Read",),
    ("analyst", "topic", "europe"): ("Read",),
    ("analyst", "topic", "future"): ("Read",),
    ("analyst", "group", "analysts"): ("Read",),
    ("carrier", "topic", "invoices"): ("Read",),
    ("carrier", "group", "carrier"): ("Read",),
    ("operator", "topic", "orders"): ("Describe", "AlterConfigs"),
    ("operator", "topic", "private"): ("Describe", "AlterConfigs"),
    ("operator", "topic", "invoices"): ("Describe", "AlterConfigs"),
}
"""The brief's table. IdempotentWrite comes with any topic's Write (KIP-679)."""

_IMPLIED = {
    "Read": ("Describe",),
    "Write": ("Describe",),
    "Delete": ("Describe",),
    "Alter": ("Describe",),
    "AlterConfigs": ("DescribeConfigs",),
}
"""Kafka documentation, "Authorization and ACLs"."""


class Cell(NamedTuple):
    """One square of the matrix."""

    role: str
    kind: str
    resource: str
    operation: str


@dataclass(frozen=True)
class Seen:
    """A cell that was tried. ``name`` is the resource's own; ``code`` Kafka's error code."""

    cell: Cell
    name: str
    expected: bool
    allowed: bool
    code: int = 0

    @property
    def wrong(self) -> bool:
        return self.expected != self.allowed


def cells(roles: Iterable[str] = ROLES) -> list[Cell]:
    """Every cell, in the order in which they are tried."""
    return [
        Cell(role, kind, resource, operation)
        for role in roles
        for kind, resources in RESOURCES.items()
        for resource in resources
        for operation in OPERATIONS[kind]
    ]


def expected(cell: Cell) -> bool:
    """Whether the brief allows it."""
    told = _TABLE.get((cell.role, cell.kind, cell.resource), ())
    implied = [word for operation in told for word in _IMPLIED.get(operation, ())]
    return cell.operation in told or cell.operation in implied


def table(seen: Sequence[Seen], most: int = 12) -> str:
    """The wrong cells as a table: who, operation, resource, expected, seen."""
    rows = [("who", "operation", "resource", "expected", "seen")]
    for s in seen[:most]:
        rows.append(
            (
                s.cell.role,
                s.cell.operation,
                f"{s.cell.kind} {s.name}",
                _word(s.expected),
                _word(s.allowed),
            )
        )
    text = "\n".join(_columns(rows))
    return text if len(seen) <= most else f"{text}\n… and {len(seen) - most} more"


def whole(seen: Sequence[Seen]) -> str:
    """The whole matrix: a row for each role and resource of which anything is expected or seen."""
    rows = [("who", "resource", "expected", "seen")]
    shown = 0
    places = dict.fromkeys((s.cell.role, s.cell.kind, s.cell.resource) for s in seen)
    for place in places:
        here = [s for s in seen if (s.cell.role, s.cell.kind, s.cell.resource) == place]
        want = " ".join(s.cell.operation for s in here if s.expected)
        have = " ".join(s.cell.operation for s in here if s.allowed)
        if want or have:
            shown += len(here)
            rows.append((place[0], f"{place[1]} {here[0].name}", want or "-", have or "-"))
    rest = len(seen) - shown
    return "\n".join(
        [*_columns(rows), f"all of {rest} more attempts were expected to be denied, and were"]
    )


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return [
        "  ".join(w.ljust(n) for w, n in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _word(allowed: bool) -> str:
    return "allowed" if allowed else "denied"
