"""A program's rights, in the words of its contract."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rights:
    """What a program may do; everything else the cluster's authorizer denies.

    ``reads`` and ``writes`` are topics, ``groups`` consumer groups it may join and commit for.
    ``transactional_ids`` are prefixes: a program may add a suffix of its own.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    transactional_ids: tuple[str, ...] = ()
