"""Everything random in an attempt follows from one seed.

Each draw is keyed by (seed, check or scenario, purpose), so that leaving out one check does not
change what another one sees.
"""

from __future__ import annotations

import hashlib
import random
import secrets


def new_seed() -> int:
    """A fresh seed, small enough to be typed: 0 ≤ seed < 10⁹."""
    return secrets.randbelow(10**9)


def rng(seed: int, *key: str) -> random.Random:
    """A generator of its own for this key; equal keys give equal draws."""
    material = "\x1f".join((str(seed), *key)).encode()
    # Not for secrets: it must be repeatable.
    return random.Random(int.from_bytes(hashlib.sha256(material).digest(), "big"))


def name(seed: int, *key: str) -> str:
    """Eight letters and digits, for topics, groups and ids."""
    return f"{rng(seed, 'name', *key).randrange(36**7):08x}"[-8:]
