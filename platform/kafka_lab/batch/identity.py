"""Which submissions are the same: listed, never judged."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kafka_lab.workspace.files import IGNORE, README, Content
from kafka_lab.workspace.marker import MARKER

_DELIVERED = {MARKER, README, IGNORE}
"""The lab wrote these: they say nothing about who is the author of a program."""


def digest(files: Mapping[str, Content]) -> str:
    """Names, bytes and executable bits of all files but the workspace's marker."""
    return _digest((n, c.data, c.executable) for n, c in files.items() if n != MARKER)


def loose_digest(files: Mapping[str, Content]) -> str:
    """The same without white space, and without what the lab itself delivered."""
    return _digest(
        (name, b"".join(content.data.split()), False)
        for name, content in files.items()
        if name not in _DELIVERED
    )


def _digest(parts: Iterable[tuple[str, bytes, bool]]) -> str:
    whole = hashlib.sha256()
    for name, data, executable in sorted(parts):
        raw = name.encode("utf-8", "surrogateescape")
        whole.update(b"%d:%b%d:%d:%b" % (len(raw), raw, executable, len(data), data))
    return whole.hexdigest()


@dataclass(frozen=True)
class Identical:
    """Students whose submissions to one exercise are the same.

    ``how`` is ``bytes`` or ``white space`` (the same but for that); ``starter`` says that it is
    what everybody starts from.
    """

    exercise: str
    how: str
    students: tuple[str, ...]
    starter: bool = False


def identical(
    rows: Iterable[tuple[str, str, str, str]], starters: Iterable[str] = ()
) -> list[Identical]:
    """Groups of two or more; ``rows``: student, exercise, digest, loose digest.

    ``starters`` are loose digests of the starters. A group that is the same to the byte is not
    listed again as one that is the same but for white space.
    """
    unchanged = set(starters)
    exact: dict[tuple[str, str], set[str]] = {}
    loose: dict[tuple[str, str], set[str]] = {}
    starter: set[tuple[str, str]] = set()
    for student, exercise, strict, relaxed in rows:
        exact.setdefault((exercise, strict), set()).add(student)
        loose.setdefault((exercise, relaxed), set()).add(student)
        if relaxed in unchanged:
            starter |= {(exercise, strict), (exercise, relaxed)}
    found: list[Identical] = []
    seen: set[tuple[str, frozenset[str]]] = set()
    for how, groups in (("bytes", exact), ("white space", loose)):
        for (exercise, value), students in groups.items():
            if len(students) > 1 and (exercise, frozenset(students)) not in seen:
                seen.add((exercise, frozenset(students)))
                known = (exercise, value) in starter
                found.append(Identical(exercise, how, tuple(sorted(students)), known))
    return sorted(found, key=lambda g: (g.exercise, g.students, g.how))
