"""What has to be run to prove an exercise, and what must come out of each run."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from kafka_lab.exercises.exercise import Exercise
from kafka_lab.proof.hygiene import HYGIENE
from kafka_lab.runtime.errors import LabError


class Kind(StrEnum):
    STARTER = "starter"
    SOLUTION = "solution"
    VARIANT = "variant"
    MUTANT = "mutant"
    HYGIENE = "hygiene"


@dataclass(frozen=True)
class Mutant:
    """A wrong solution, as ``mutants.toml`` declares it."""

    id: str
    track: str
    patch: Path
    why: str
    check: str
    finding: str
    also: tuple[str, ...]
    fault: bool
    """Wrong only under a fault or on rare input."""


@dataclass(frozen=True)
class ProofJob:
    """One run: a program's folder (patched, where there is a mutant) on one backend."""

    kind: Kind
    language: str
    name: str
    backend: str
    source: Path
    patch: Path | None = None
    replace: str | None = None
    """Hygiene: the text that takes the place of the program."""
    mutant: Mutant | None = None
    round: int = 1

    @property
    def label(self) -> str:
        tail = f" #{self.round}" if self.round > 1 else ""
        return f"{self.kind} {self.language} {self.name} on {self.backend}{tail}"


@dataclass
class Plan:
    jobs: list[ProofJob] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What is wrong with the exercise's files before anything runs."""


_KEYS: dict[str, type] = {
    "id": str,
    "track": str,
    "patch": str,
    "why": str,
    "check": str,
    "finding": str,
    "also": list,
    "fault": bool,
}
_SAID = {str: "text", list: "a list of checks", bool: "true or false"}


def _see(path: Path, number: int, entry: dict[str, Any]) -> None:
    """Raise ``LabError`` for the first key of an entry that is missing, unknown or wrong."""
    name = f"{path}: mutant {number}" + (f" ({entry['id']})" if "id" in entry else "")
    for key, kind in _KEYS.items():
        if key not in entry and key != "also":
            raise LabError(f"{name} has no {key!r}", "add it")
        if key in entry and not isinstance(entry[key], kind):
            raise LabError(f"{name}: {key!r} is {entry[key]!r}", f"write {_SAID[kind]}")
    for key in entry.keys() - _KEYS.keys():
        raise LabError(f"{name}: {key!r} is not a key of a mutant", f"known: {', '.join(_KEYS)}")


def read_mutants(exercise: Exercise) -> list[Mutant]:
    """The mutants of an exercise, from its grader's ``mutants.toml``.

    Raises:
        LabError: naming the file, the entry and the key that is wrong.
    """
    path = exercise.graders / "mutants.toml"
    if not path.is_file():
        return []
    try:
        raw = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise LabError(f"{path}: {e}", "mend the TOML") from e
    found = []
    entries = raw.get("mutant", [])
    if raw.keys() - {"mutant"} or not isinstance(entries, list):
        odd = sorted(raw.keys() - {"mutant"}) or ["mutant"]
        raise LabError(f"{path}: {odd[0]!r} is not expected", "write a [[mutant]] for each")
    for number, entry in enumerate(entries, 1):
        _see(path, number, entry)
        found.append(
            Mutant(
                id=str(entry["id"]),
                track=str(entry["track"]),
                patch=exercise.graders / "mutants" / Path(str(entry["patch"])).name,
                why=str(entry["why"]),
                check=str(entry["check"]),
                finding=str(entry["finding"]),
                also=tuple(entry.get("also", ())),
                fault=bool(entry["fault"]),
            )
        )
    return found


def plan(
    exercise: Exercise,
    languages: Sequence[str],
    backends: Sequence[str],
    kinds: Sequence[Kind],
    repeat: int,
) -> Plan:
    """All runs: starter and solution on each backend, the rest on the first.

    Raises:
        LabError: when ``mutants.toml`` cannot be read.
    """
    # Its module needs the classes of this one.
    from kafka_lab.proof.mutants import mutant_problems

    made = Plan()
    mutants = read_mutants(exercise)
    made.problems += map(str, mutant_problems(exercise, mutants))
    for language in languages:
        if not exercise.variants(language):
            made.problems.append(f"it has no variant in {language}")
        solution = exercise.solution(language)
        for backend in backends:
            if Kind.STARTER in kinds:
                start = exercise.starter(language)
                made.jobs.append(ProofJob(Kind.STARTER, language, "starter", backend, start))
            if Kind.SOLUTION in kinds:
                made.jobs += [
                    ProofJob(Kind.SOLUTION, language, "solution", backend, solution, round=n)
                    for n in range(1, repeat + 1)
                ]
        first = backends[0]
        if Kind.VARIANT in kinds:
            made.jobs += [
                ProofJob(Kind.VARIANT, language, v.name, first, v)
                for v in exercise.variants(language)
            ]
        if Kind.MUTANT in kinds:
            made.jobs += [
                ProofJob(Kind.MUTANT, language, m.id, first, solution, patch=m.patch, mutant=m)
                for m in mutants
                if m.track == language
            ]
        if Kind.HYGIENE in kinds:
            made.jobs += [
                ProofJob(Kind.HYGIENE, language, name, first, solution, replace=text)
                for name, text in HYGIENE.get(language, {}).items()
            ]
    return made
