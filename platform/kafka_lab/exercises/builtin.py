"""The exercises that come with kafka-lab, registered the way an outside plugin's are."""

from __future__ import annotations

from kafka_lab.api import API_VERSION, ExerciseSource, hookimpl
from kafka_lab.runtime.paths import bundled

KAFKA_LAB_API = API_VERSION


@hookimpl
def kafka_lab_exercises() -> list[ExerciseSource]:
    """One source for each folder of ``exercises/`` that has a manifest."""
    exercises = bundled("exercises")
    # The siblings may be absent (a course that keeps its graders private): only an exercise that
    # is used complains, not the list.
    root = exercises.parent
    return [
        ExerciseSource(folder, root / "solutions" / folder.name, root / "graders" / folder.name)
        for folder in sorted(exercises.iterdir())
        if (folder / "exercise.toml").is_file()
    ]
