"""All exercises that are there, in the curriculum's order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from kafka_lab.api import ExerciseSource
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.exercises.manifest import SECTIONS
from kafka_lab.exercises.problems import nearest
from kafka_lab.runtime.errors import LabError, UsageError

_DIFFICULTY = ("beginner", "intermediate", "advanced")


@dataclass(frozen=True)
class Section:
    """One section of the curriculum, and the exercises of it that are there."""

    number: int
    name: str
    exercises: tuple[Exercise, ...]


class Catalog:
    """Exercises by slug.

    One with a broken manifest is in ``broken`` instead: it is an error only for who asks for it.
    """

    def __init__(
        self, exercises: Iterable[Exercise], broken: Mapping[str, LabError] | None = None
    ) -> None:
        self.exercises = tuple(
            sorted(
                exercises,
                key=lambda e: (
                    e.manifest.section,
                    _DIFFICULTY.index(e.manifest.difficulty),
                    e.slug,
                ),
            )
        )
        self.broken = dict(broken or {})
        self._by_slug = {exercise.slug: exercise for exercise in self.exercises}

    @classmethod
    def load(cls, sources: Iterable[ExerciseSource]) -> Catalog:
        """Read the manifests of ``sources`` (see ``Plugins.exercises``)."""
        exercises: list[Exercise] = []
        broken: dict[str, LabError] = {}
        for source in sources:
            try:
                exercises.append(Exercise.load(source))
            except LabError as e:
                broken[source.slug] = e
        return cls(exercises, broken)

    def sections(self) -> list[Section]:
        """The sections that have exercises, in order."""
        return [
            Section(number, SECTIONS[number], tuple(group))
            for number, group in groupby(self.exercises, key=lambda e: e.manifest.section)
        ]

    def get(self, slug: str) -> Exercise:
        """The exercise of this slug.

        Raises:
            UsageError: when there is none; it suggests the nearest.
            LabError: when its manifest is broken, with every mistake.
        """
        if slug in self._by_slug:
            return self._by_slug[slug]
        if slug in self.broken:
            raise self.broken[slug]
        near = nearest(slug.strip().strip("/").lower(), [*self._by_slug, *self.broken])
        raise UsageError(
            f"there is no exercise '{slug}'",
            f"did you mean {near}?" if near else "`kafka-lab list` shows them all",
        )
