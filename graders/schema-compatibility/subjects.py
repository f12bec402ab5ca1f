"""Subjects: what earlier versions there are, what is proposed, and what is right to say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pairs import Pair, Schema

PLAIN = ("BACKWARD", "FORWARD", "FULL")
LEVELS = (*PLAIN, *(f"{level}_TRANSITIVE" for level in PLAIN))


@dataclass(frozen=True)
class Reference:
    """``name`` is the full name of the type that the version defines."""

    name: str
    subject: str
    version: int

    def to_json(self) -> dict[str, str | int]:
        return {"name": self.name, "subject": self.subject, "version": self.version}


@dataclass(frozen=True)
class Written:
    """A schema with its references; ``raw`` is written as it is, schema or not."""

    schema: Schema = None
    references: tuple[Reference, ...] = ()
    raw: str = ""

    @property
    def text(self) -> str:
        return self.raw or json.dumps(self.schema)


@dataclass(frozen=True)
class Version:
    """An earlier version; ``backward``: the proposed schema reads it, ``forward``: it reads the
    proposed one. ``at`` and ``at_forward`` lead to what breaks."""

    number: int
    written: Written
    backward: bool = True
    forward: bool = True
    at: tuple[str, ...] = ()
    at_forward: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subject:
    """``level`` is the subject's own; empty: it has none, and ``default`` is the global one.

    Versions may have gaps: a registry keeps a number when its version is deleted. Without
    ``proposed`` it is only there for others to refer to. ``judged`` is false where there
    cannot be a verdict.
    """

    name: str
    versions: tuple[Version, ...]
    proposed: Written | None
    level: str = ""
    default: str = "BACKWARD"
    judged: bool = True
    about: str = ""
    """What the case is about, for the learner: a rule of the specification, or a few words."""

    @property
    def counts(self) -> str:
        return self.level or self.default

    @property
    def compared(self) -> tuple[Version, ...]:
        """The versions that its level is about."""
        if self.counts == "NONE":
            return ()
        return self.versions if self.counts.endswith("_TRANSITIVE") else self.versions[-1:]

    def broken(self, version: Version) -> str:
        """``backward``, ``forward``, ``full`` for both, empty for neither."""
        plain = self.counts.removesuffix("_TRANSITIVE")
        ways = [
            way
            for way, holds in (("backward", version.backward), ("forward", version.forward))
            if not holds and plain in (way.upper(), "FULL")
        ]
        return "full" if len(ways) == 2 else "".join(ways)

    @property
    def breaks(self) -> bool:
        return any(self.broken(version) for version in self.compared)


def of_pair(pair: Pair, name: str, level: str, rule: str) -> Subject:
    back, forth = pair.places
    old = Version(1, Written(pair.old), pair.backward, pair.forward, back, forth)
    return Subject(name, (old,), Written(pair.new), level, about=rule)


# -- as folders -----------------------------------------------------------------------------


def _write(folder: Path, stem: str, written: Written) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.avsc").write_text(written.text)
    if written.references:
        found = json.dumps([one.to_json() for one in written.references])
        (folder / f"{stem}.refs.json").write_text(found)


def write_schemas(folder: Path, subjects: Sequence[Subject]) -> None:
    """The folder of what is proposed."""
    folder.mkdir(parents=True)
    for subject in subjects:
        if subject.proposed:
            _write(folder, subject.name, subject.proposed)


def write_baseline(folder: Path, subjects: Sequence[Subject]) -> None:
    """The earlier versions, as the brief lays them out."""
    folder.mkdir(parents=True)
    levels = {s.name: s.level for s in subjects if s.level}
    default = {s.default for s in subjects}.pop()
    (folder / "levels.json").write_text(json.dumps({"default": default, "subjects": levels}))
    for subject in subjects:
        for version in subject.versions:
            _write(folder / subject.name, str(version.number), version.written)
