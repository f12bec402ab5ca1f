"""The orders that the grader sends, and what the courier will make of each."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from kafka_lab.services.http_endpoint import Behaviour

MOST_ATTEMPTS = 3
"""The first one and a retry from each retry topic."""
Headers = tuple[tuple[str, bytes | None], ...]


def transient(does: Behaviour) -> bool:
    """Whether the brief calls this answer transient."""
    return does.hang or does.reset or does.status in (408, 429) or does.status >= 500


def good(does: Behaviour) -> bool:
    return not does.hang and not does.reset and 200 <= does.status < 300


def error_name(does: Behaviour) -> str:
    """What the brief calls this failure in a dead letter."""
    return "timeout" if does.hang else "connection" if does.reset else f"http-{does.status}"


@dataclass
class Order:
    """One record of the orders topic.

    ``plan`` is how the courier answers, request by request; the last answer stays. ``version``
    counts the records of one key. ``partition`` and ``offset`` are known once it is sent.
    """

    key: bytes | None
    value: bytes | None
    plan: tuple[Behaviour, ...] = (Behaviour(),)
    headers: Headers = ()
    timestamp: int = 0
    version: int = 1
    topic: str = ""
    partition: int = -1
    offset: int = -1

    @property
    def id(self) -> str:
        """The grader's own name for it."""
        name = "(no key)" if self.key is None else self.key.decode()
        return name if self.version == 1 else f"{name} v{self.version}"

    @property
    def place(self) -> str:
        """As the brief's Idempotency-Key has it."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def method(self) -> str:
        return "DELETE" if self.value is None else "PUT"

    def answer(self, attempt: int) -> Behaviour:
        """Of the attempt of this number, from 1."""
        return self.plan[min(attempt, len(self.plan)) - 1]

    def attempts(self) -> int:
        """How often a right program asks the courier."""
        if self.key is None:
            return 0
        for attempt in range(1, MOST_ATTEMPTS + 1):
            if not transient(self.answer(attempt)):
                return attempt
        return MOST_ATTEMPTS

    def error(self) -> str:
        """What it dies of; empty if it does not."""
        if self.key is None:
            return "no-key"
        last = self.answer(self.attempts())
        return "" if good(last) else error_name(last)


@dataclass
class Mint:
    """Makes orders from a generator; keys and values carry nonces, so that none can be guessed."""

    rng: Random
    _count: int = field(default=0)

    def _nonce(self) -> str:
        return f"{self.rng.randrange(16**8):08x}"

    def key(self) -> bytes:
        self._count += 1
        return f"o-{self._count:04d}-{self._nonce()}".encode()

    def value(self, key: bytes, version: int = 1) -> bytes:
        fields: dict[str, Any] = {
            "order": key.decode(),
            "version": version,
            "to": self.rng.choice(["Grüßgasse 3", "口座 5", "12 O'Hara St"]),
            "nonce": self._nonce(),
        }
        return json.dumps(fields, ensure_ascii=False).encode()

    def headers(self) -> Headers:
        """Some with a name twice, without bytes, with bytes that are no text.

        None with a null: kafka-python cannot write one.
        """
        trace = ("trace-id", self._nonce().encode())
        more: Sequence[Headers] = (
            (),
            (("tag", b"gift"), ("tag", b"fragile")),
            (("note", b""), ("raw", bytes([0, 255, 254, 13]))),
        )
        return (trace, *self.rng.choice(more))

    def order(self, *plan: Behaviour, key: bytes | None = None, version: int = 1) -> Order:
        """With these answers; with none, it succeeds at once."""
        name = key or self.key()
        return self._dressed(
            Order(name, self.value(name, version), plan or (Behaviour(),)), version
        )

    def _dressed(self, order: Order, version: int = 1) -> Order:
        order.version = version
        order.headers = self.headers()
        # Some time ago, and of no round value: nobody can have it by chance.
        order.timestamp = int(time.time() * 1000) - self.rng.randrange(60_000, 3_600_000)
        return order

    def tombstone(self, *plan: Behaviour, key: bytes | None = None, version: int = 1) -> Order:
        return self._dressed(Order(key or self.key(), None, plan or (Behaviour(),)), version)

    def empty(self, *plan: Behaviour) -> Order:
        """A value that is there and has no bytes."""
        return self._dressed(Order(self.key(), b"", plan or (Behaviour(),)))

    def binary(self, *plan: Behaviour) -> Order:
        """A value that is no text in any encoding that somebody is likely to try."""
        value = bytes([0, 255, 192, 128]) + self.rng.randbytes(24) + b"\r\n"
        return self._dressed(Order(self.key(), value, plan or (Behaviour(),)))

    def keyless(self) -> Order:
        return self._dressed(Order(None, self.value(b"?")))

    def chain(self, length: int) -> list[Order]:
        """Versions of one order, all of which succeed; the last one withdraws it."""
        key = self.key()
        found = [self.order(key=key, version=n) for n in range(1, length)]
        return [*found, self.tombstone(key=key, version=length)]


def status(*codes: int) -> tuple[Behaviour, ...]:
    return tuple(Behaviour(code) for code in codes)


RESET = Behaviour(reset=True)
HANG = Behaviour(hang=True)


def mixed(mint: Mint) -> list[Order]:
    """One of every kind but slow ones: good, transient, permanent, and with odd payloads."""
    return [
        *(mint.order() for _ in range(4)),
        mint.order(Behaviour(201)),
        mint.binary(),
        mint.empty(),
        mint.tombstone(),
        *mint.chain(3),
        *mint.chain(3),
        # transient
        mint.order(*status(503, 200)),
        mint.order(*status(429, 200)),
        mint.order(*status(408, 201)),
        mint.tombstone(*status(500, 200)),
        mint.binary(*status(500, 502, 200)),
        mint.order(*status(503)),
        mint.order(*status(500, 502, 504)),
        mint.tombstone(*status(503)),
        mint.empty(*status(500)),
        # permanent
        mint.order(*status(400)),
        mint.binary(*status(422)),
        mint.tombstone(*status(404)),
        mint.order(*status(409)),
        mint.order(*status(503, 422)),
        mint.keyless(),
    ]
