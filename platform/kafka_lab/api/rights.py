"""A program's rights, in the words of its contract."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

OPERATIONS = (
    "All",
    "Read",
    "Write",
    "Create",
    "Delete",
    "Alter",
    "Describe",
    "ClusterAction",
    "DescribeConfigs",
    "AlterConfigs",
    "IdempotentWrite",
    "CreateTokens",
    "DescribeTokens",
)
"""Kafka's operations, in its own words (documentation, "Operations and Resources on Protocols")."""

VARIABLE = re.compile(r"^([A-Z][A-Z0-9_]*)(.*)$", re.DOTALL)
"""A name in a contract's rights: a variable, and what may follow its value (``GROUP_ID-*``)."""


@dataclass(frozen=True)
class Rights:
    """What a program may do; everything else the cluster's authorizer denies.

    ``reads`` and ``writes`` are topics, ``groups`` consumer groups it may join and commit for,
    ``creates`` topics it may create. ``transactional_ids`` are prefixes: a program may add a
    suffix of its own. Elsewhere a name that ends in ``*`` is a prefix: ``orders-*``, as Kafka
    Streams needs for its internal topics (``APPLICATION_ID-*`` in a contract).

    ``cluster`` are operations on the cluster as a whole (``IdempotentWrite``, ``DescribeConfigs``,
    ``Alter`` …). ``more`` is for exercises about administration: a resource such as
    ``topic:orders`` or ``group:billing-*``, and Kafka's operations on it.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    transactional_ids: tuple[str, ...] = ()
    creates: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    more: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def resolved(self, variables: Mapping[str, str]) -> Rights:
        """The rights of a contract, whose names are variables, with the variables' values.

        A variable that holds several names, comma-separated, gives a right to each. One that the
        program is not given gives none.
        """

        def names(words: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(name for word in words for name in _values(word, variables))

        more: dict[str, tuple[str, ...]] = {}
        for resource, operations in self.more.items():
            kind, colon, word = resource.partition(":")
            for name in _values(word, variables) if colon else [""]:
                more[f"{kind}:{name}" if colon else kind] = operations
        return Rights(
            names(self.reads),
            names(self.writes),
            names(self.groups),
            names(self.transactional_ids),
            names(self.creates),
            self.cluster,
            more,
        )

    def words(self) -> Iterator[tuple[str, str]]:
        """(key, name) of everything in it that is called by a name."""
        for key in ("reads", "writes", "groups", "transactional_ids", "creates"):
            yield from ((f"{key}.{n}", name) for n, name in enumerate(getattr(self, key)))
        for resource in self.more:
            if ":" in resource:
                yield f"more.{resource}", resource.partition(":")[2]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Rights:
        """From a manifest's ``[contract.rights]``, or from ``to_json``."""
        made: dict[str, Any] = {k: tuple(v) for k, v in raw.items() if k != "more"}
        return cls(**made, more={k: tuple(v) for k, v in raw.get("more", {}).items()})


def _values(word: str, variables: Mapping[str, str]) -> list[str]:
    found = VARIABLE.match(word)
    if found is None or found[1] not in variables:
        return []
    return [f"{v.strip()}{found[2]}" for v in variables[found[1]].split(",") if v.strip()]
