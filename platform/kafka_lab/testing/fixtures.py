"""What an author's tests are given. Exercises are found in the folder, not in the environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from kafka_lab.api import Verdict
from kafka_lab.exercises import development
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.proof.jobs import Kind, Plan, ProofJob
from kafka_lab.runtime.errors import LabError


@dataclass(frozen=True)
class Proof:
    """One run of the proof: starter, solution, variant, mutant, or a program that does nothing."""

    exercise: Exercise
    job: ProofJob

    def problem(self) -> str:
        """Run it on a real cluster; what is wrong with how it ended, empty if nothing is."""
        from kafka_lab.proof.runner import run_one

        return run_one(self.exercise, self.job).problem


class ExercisePlugin:
    """Fixtures for the exercises below ``root``; nothing is read before a test asks for it."""

    def __init__(self, root: Path) -> None:
        self._folders = development.manifests(root)

    @cached_property
    def _exercises(self) -> dict[str, Exercise]:
        found = (Exercise.load(development.source(folder)) for folder in self._folders)
        return {exercise.slug: exercise for exercise in found}

    @pytest.fixture
    def exercise_problems(self) -> list[str]:
        """What ``kafka-lab exercise lint`` says of every exercise here."""
        from kafka_lab.proof.lint import lint

        return [str(p) for folder in self._folders for p in lint(development.source(folder))]

    @pytest.fixture
    def check_exercise(self) -> Callable[..., Verdict]:
        """Call it with a program's folder: it checks that against a fresh cluster.

        ``only``: ids of checks. ``language``, ``exercise`` (a slug): which, where there are
        several; the first of the manifest, and the only one. ``seed`` repeats names, data and
        faults; ``backend`` is the one that ``KAFKA_LAB_BACKEND`` names or the default.
        """
        return self._check

    def _check(
        self,
        source: Path,
        *,
        only: tuple[str, ...] | list[str] = (),
        language: str | None = None,
        exercise: str | None = None,
        seed: int | None = None,
        backend: str | None = None,
    ) -> Verdict:
        from kafka_lab.proof.runner import ask

        if exercise is None and len(self._exercises) > 1:
            pytest.fail(f"say which: exercise= one of {', '.join(self._exercises)}", pytrace=False)
        slug = exercise or next(iter(self._exercises))
        if slug not in self._exercises:
            known = ", ".join(self._exercises)
            pytest.fail(f"there is no exercise {slug!r} here, only {known}", pytrace=False)
        found = self._exercises[slug]
        order: dict[str, Any] = {
            "language": language or found.languages[0],
            "source": str(source),
            "backend": backend,
            "seed": seed,
            "only": list(only),
        }
        return ask(found, order)

    @pytest.hookimpl
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test that asks for ``proof`` runs once for each run that ``verify`` would make."""
        if "proof" not in metafunc.fixturenames:
            return
        try:
            proofs = [
                Proof(exercise, job)
                for exercise in self._exercises.values()
                for job in _plan(exercise).jobs
            ]
        except LabError as e:
            raise pytest.UsageError(str(e)) from None
        several = len(self._exercises) > 1
        names = [
            (f"{p.exercise.slug}-" if several else "")
            + "-".join((p.job.kind.value, p.job.language, p.job.name))
            for p in proofs
        ]
        metafunc.parametrize("proof", proofs, ids=names)


def _plan(exercise: Exercise) -> Plan:
    from kafka_lab.clusters.registry import choose
    from kafka_lab.proof.jobs import plan

    return plan(exercise, exercise.languages, [choose().name], list(Kind), 1)
