"""The records that the grader sends: keys of every kind, and work in numbered lanes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Item:
    """One input record. ``number`` counts within its ``lane``, from 1; 0 where there is none."""

    id: str
    key: bytes | None
    value: bytes
    partition: int = 0
    """Of the input topic."""
    lane: str = ""
    number: int = 0


class Mint:
    """Makes records from a generator; ids carry a nonce, so that none can be guessed."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self._count = 0
        self._numbers: dict[str, int] = {}

    def plain(self, key: bytes | None) -> Item:
        id_ = self._id()
        return Item(id_, key, _text({"id": id_}))

    def job(self, lane: str, work_ms: int, partition: int = 0) -> Item:
        """The next of its lane; the lane's name is the key."""
        id_ = self._id()
        number = self._numbers[lane] = self._numbers.get(lane, 0) + 1
        value = _text({"id": id_, "work_ms": work_ms})
        return Item(id_, lane.encode(), value, partition, lane, number)

    def keys(self, count: int) -> list[bytes]:
        """Keys of every kind in the brief, each with another hash; the empty one among them."""
        rng = self.rng
        makers = [
            lambda: f"order-{rng.randrange(10**9)}".encode(),
            lambda: str(rng.randrange(10**6)).encode(),
            lambda: f"Kunde Grüße {rng.randrange(10**6)} 口座 ✓".encode(),
            lambda: rng.randbytes(rng.randrange(1, 24)),  # mostly no UTF-8
            lambda: bytes(rng.randrange(128, 256) for _ in range(rng.randrange(1, 8))),
            lambda: f"{rng.randrange(10**6):06d}".encode() * rng.randrange(20, 200),
        ]
        return [b"", b"\0", b" ", *(makers[n % len(makers)]() for n in range(count - 3))]

    def _id(self) -> str:
        self._count += 1
        return f"r-{self._count:05d}-{self.rng.randrange(16**6):06x}"


def _text(fields: dict[str, object]) -> bytes:
    return json.dumps(fields).encode()


@dataclass(frozen=True)
class Tenants:
    """The tenants of one run; ``reserved`` in the order in which the program is told them."""

    reserved: tuple[str, ...]
    similar: tuple[str, ...]
    """Names that are nearly those of the reserved ones, and yet others."""

    @classmethod
    def draw(cls, rng: Random) -> Tenants:
        first, second = f"acme{rng.randrange(100, 1000)}", f"Grüße{rng.randrange(100, 1000)}"
        return cls(
            (first, second),
            (f"{first}0", first[:-1], first.upper(), f" {first}", second.lower(), f"x{second}"),
        )

    def keys(self, mint: Mint, count: int) -> list[bytes | None]:
        rng = mint.rng
        found: list[bytes | None] = [b"", b":", b":x", b"\xff:1", None]
        found += [name.encode() for name in (*self.reserved, *self.similar)]
        while len(found) < count:
            rest = rng.choice(["1", "a:b", "", f"order-{rng.randrange(10**6)}", "ü"])
            draw = rng.random()
            if draw < 0.3:
                name = rng.choice(self.reserved)
            elif draw < 0.5:
                name = rng.choice(self.similar)
            elif draw < 0.6:
                # The name of a reserved one, but not before the first colon.
                name, rest = f"t{rng.randrange(10**4)}", rng.choice(self.reserved)
            else:
                name = f"t{rng.randrange(10**4)}"
            found.append(None if draw > 0.95 else f"{name}:{rest}".encode())
        return found

    def of(self, key: bytes | None) -> int | None:
        """The partition reserved for a key's tenant, if there is one."""
        if key is None:
            return None
        names = [name.encode() for name in self.reserved]
        name = key.split(b":", 1)[0]
        return names.index(name) if name in names else None
