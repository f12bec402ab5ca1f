"""What this package adds to kafka-lab: one exercise."""

from pathlib import Path

from kafka_lab.api import ExerciseSource, hookimpl

KAFKA_LAB_API = 1


@hookimpl
def kafka_lab_exercises() -> list[ExerciseSource]:
    """The exercise's folder, with manifest, brief, starter, solution and grader in it."""
    return [ExerciseSource.in_folder(Path(__file__).parent / "{{slug}}")]
