"""Which partition a record goes to: one class for each strategy."""

import itertools
import os
import random
import time

from murmur2 import murmur2, positive


class Hash:
    """As the Java client does: murmur2 of the key; records without a key anywhere."""

    def partition(self, key: bytes | None, count: int) -> int:
        if key is None:  # an empty key is a key
            return random.randrange(count)
        return positive(murmur2(key)) % count


class Tenant:
    """The tenants named at start have partitions 0, 1, … alone; all others share the rest."""

    def __init__(self, names: list[str]) -> None:
        self.reserved = {name.encode(): number for number, name in enumerate(names)}
        self.others = Hash()

    def partition(self, key: bytes | None, count: int) -> int:
        tenant = None if key is None else key.split(b":", 1)[0]
        if tenant in self.reserved:
            return self.reserved[tenant]
        first = len(self.reserved)
        return first + self.others.partition(key, count - first)


class RoundRobin:
    """One after another, whatever the key."""

    def __init__(self) -> None:
        self.turn = itertools.count()

    def partition(self, key: bytes | None, count: int) -> int:
        return next(self.turn) % count


class Sticky:
    """The same partition for all that will be in one batch; the next batch goes elsewhere."""

    def __init__(self, linger: float) -> None:
        self.linger = linger
        self.current = -1
        self.until = 0.0

    def partition(self, key: bytes | None, count: int) -> int:
        now = time.monotonic()
        if now >= self.until:  # the client has sent that batch by now
            self.current = (self.current + 1) % count
            self.until = now + self.linger
        return self.current


def choose(name: str) -> Hash | Tenant | RoundRobin | Sticky:
    if name == "hash":
        return Hash()
    if name == "tenant":
        return Tenant(os.environ["RESERVED_TENANTS"].split(","))
    if name == "round-robin":
        return RoundRobin()
    if name == "sticky":
        return Sticky(int(os.environ["LINGER_MS"]) / 1000)
    raise SystemExit(f"STRATEGY is {name!r}; known: hash, tenant, round-robin, sticky")
