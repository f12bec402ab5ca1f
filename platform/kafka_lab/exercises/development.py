"""Exercises in a folder: how an author uses one that is not installed (yet)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kafka_lab.api import ExerciseSource
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.exercises.manifest import FILE
from kafka_lab.runtime.errors import UsageError

_PLACES = ("", "*", "src/*/*", "*/*", "exercises/*")
"""Where manifests lie in a package; no deep search, a home folder may be meant by mistake."""


def manifests(folder: Path) -> list[Path]:
    """The exercises' folders in a package's folder (or the folder itself), in order."""
    return sorted(set(_found(folder)))


def _found(folder: Path) -> Iterator[Path]:
    for place in _PLACES:
        pattern = f"{place}/{FILE}" if place else FILE
        for path in folder.glob(pattern):
            parts = path.relative_to(folder).parts
            if not any(p.startswith(".") or p in ("build", "dist", "node_modules") for p in parts):
                yield path.parent


def source(folder: Path) -> ExerciseSource:
    """The parts of the exercise in ``folder``; also where they lie as in kafka-lab's checkout."""
    folder = folder.resolve()
    root = folder.parent.parent
    if folder.parent.name == "exercises" and (root / "graders" / folder.name).is_dir():
        return ExerciseSource(
            folder, root / "solutions" / folder.name, root / "graders" / folder.name
        )
    return ExerciseSource.in_folder(folder)


def the_only(folder: Path) -> Path:
    """The folder of the one exercise in ``folder``.

    Raises:
        UsageError: when there is none, or more than one.
    """
    found = manifests(folder)
    if not found:
        raise UsageError(
            f"there is no {FILE} in {folder}",
            "name the folder of an exercise or of its package; `kafka-lab exercise new` makes one",
        )
    if len(found) > 1:
        names = ", ".join(str(path) for path in found[:5])
        raise UsageError(f"{folder} holds {len(found)} exercises", f"name one: {names}")
    return found[0]


def load(folder: Path) -> Exercise:
    """The one exercise in ``folder``.

    Raises:
        UsageError: when there is none, or more than one.
        ManifestError: when its manifest cannot be used.
    """
    return Exercise.load(source(the_only(folder)))
