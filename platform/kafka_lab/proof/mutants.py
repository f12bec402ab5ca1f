"""What must hold of an exercise's mutants before any of them is run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kafka_lab.exercises.exercise import Exercise
from kafka_lab.oracles import CODES
from kafka_lab.proof.jobs import Mutant

MUTANTS = "mutants.toml"
ENOUGH = 5


@dataclass(frozen=True)
class MutantProblem:
    """``key`` is the mutant's id, or empty where all are meant."""

    key: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"mutant {self.key}: {self.what}" if self.key else self.what


def mutant_problems(exercise: Exercise, mutants: Sequence[Mutant]) -> Iterator[MutantProblem]:
    """Everything wrong with the declarations, one by one and then together."""
    checks = [c.id for c in exercise.manifest.checks]
    ids: set[str] = set()
    for m in mutants:
        if m.id in ids:
            yield MutantProblem(m.id, "two mutants have this id", "give each its own")
        ids.add(m.id)
        for name in (m.check, *m.also):
            if name not in checks:
                yield MutantProblem(
                    m.id, f"there is no check {name!r}", f"checks are {', '.join(checks)}"
                )
        if m.track not in exercise.languages:
            known = ", ".join(exercise.languages)
            yield MutantProblem(m.id, f"there is no track {m.track!r}", f"tracks are {known}")
        if not m.patch.is_file():
            yield MutantProblem(
                m.id, f"{m.patch.name} is not in {m.patch.parent}", "add it, or mend the name"
            )
        if m.finding not in CODES and not m.finding.replace("-", "").isalpha():
            yield MutantProblem(
                m.id, f"{m.finding!r} is no finding's code", "a code has letters and hyphens"
            )
    listed = {m.patch.name for m in mutants}
    for path in sorted((exercise.graders / "mutants").glob("*.patch")):
        if path.name not in listed:
            yield MutantProblem(
                "", f"{path.name} is not declared in {MUTANTS}", "declare it, or delete the file"
            )
    if len(mutants) < ENOUGH:
        yield MutantProblem(
            "",
            f"it has {len(mutants)} mutants; five or more are asked",
            "add a patch for each likely mistake",
        )
    if sum(m.fault for m in mutants) * 2 < len(mutants):
        yield MutantProblem(
            "",
            "fewer than half of its mutants are wrong only under a fault or rare input",
            "add mistakes that ordinary input does not show, with fault = true",
        )
