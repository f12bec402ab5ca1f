"""What a plugin is made of: the marker for its hooks and the values that it hands over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pluggy

from kafka_lab.api.types import Verdict

PROJECT = "kafka_lab"
"""pluggy's project name, and the entry-point group in which plugins are found."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

Loader = Callable[[], Any]
"""Makes the thing when it is first needed, so that listing plugins imports nothing heavy."""

ReportFormat = Callable[[Verdict], str]
"""Turns a verdict into the whole text of a report file."""


@dataclass(frozen=True)
class ExerciseSource:
    """Where the three parts of one exercise lie. Its slug is the name of ``exercise``.

    ``exercise`` holds ``exercise.toml``, ``guide.md`` and ``starter/<language>/``; ``solution``
    holds ``<language>/``; ``grader`` holds the grader module, mutants and variants.
    """

    exercise: Path
    solution: Path
    grader: Path

    @classmethod
    def in_folder(cls, folder: Path) -> ExerciseSource:
        """An exercise kept in one folder, with ``solution/`` and ``grader/`` inside it."""
        return cls(folder, folder / "solution", folder / "grader")

    @property
    def slug(self) -> str:
        return self.exercise.name
