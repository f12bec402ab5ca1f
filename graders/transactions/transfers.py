"""The transfers that the grader sends: valid ones, and invalid ones of every kind in the brief."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

ACCOUNTS = ["alice", "bob", "carol", "dave", "erin", "frank", "Grüße", "口座", "o'hara", "x" * 60]


@dataclass(frozen=True)
class Transfer:
    """One input record. ``id`` is the grader's own name for it, also where the value has none."""

    id: str
    key: bytes | None
    value: bytes | None
    valid: bool
    source: str = ""
    target: str = ""
    amount: int = 0

    def debit(self) -> dict[str, Any]:
        return {"transfer_id": self.id, "account": self.source, "amount": self.amount}

    def credit(self) -> dict[str, Any]:
        return {"transfer_id": self.id, "account": self.target, "amount": self.amount}


def _text(fields: Any) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


def _without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if k != name}


# Each takes the fields of a valid transfer; together they cover the brief's table of rules.
BROKEN: list[Callable[[dict[str, Any]], bytes | None]] = [
    lambda f: _text(f | {"amount": 0}),
    lambda f: _text(f | {"amount": -f["amount"]}),
    lambda f: _text(f | {"to": f["from"]}),
    lambda f: _text(f | {"amount": 1_000_000_001}),
    lambda f: _text(f | {"amount": str(f["amount"])}),
    lambda f: _text(f | {"amount": 12.5}),
    lambda f: _text(f | {"amount": True}),
    lambda f: _text(f | {"amount": None}),
    lambda f: _text(f | {"from": ""}),
    lambda f: _text(f | {"to": 7}),
    lambda f: _text(_without(f, "to")),
    lambda f: _text(_without(f, "amount")),
    lambda f: _text(_without(f, "id")),
    lambda f: _text([f]),
    lambda f: _text(f)[:-1],
    lambda f: b"transfer " + f["id"].encode(),
    lambda f: b"",
    lambda f: None,
]


class Mint:
    """Makes transfers from a generator; ids carry a nonce, so that none can be guessed."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._count = 0

    def _fields(self) -> dict[str, Any]:
        self._count += 1
        source, target = self._rng.sample(ACCOUNTS, 2)
        return {
            "id": f"t-{self._count:04d}-{self._rng.randrange(16**6):06x}",
            "from": source,
            "to": target,
            "amount": self._rng.choice([1, self._rng.randrange(1, 100_000), 1_000_000_000]),
        }

    def valid(self) -> Transfer:
        fields = self._fields()
        shown = dict(fields)
        if self._rng.random() < 0.2:
            shown["note"] = self._rng.choice(["rent", {"to": "nobody"}, [1, 2], None])
        return Transfer(
            fields["id"],
            fields["from"].encode(),
            _text(shown),
            True,
            fields["from"],
            fields["to"],
            fields["amount"],
        )

    def invalid(self, kind: int) -> Transfer:
        """Of the kind ``BROKEN[kind]``."""
        fields = self._fields()
        value = BROKEN[kind % len(BROKEN)](fields)
        # Where the value cannot tell it apart, the key does.
        key = fields["id"].encode() if not value else fields["from"].encode()
        if value and self._rng.random() < 0.2:
            key = None
        return Transfer(fields["id"], key, value, False)
