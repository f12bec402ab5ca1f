"""An exercise's version, and which kafka-lab it asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from kafka_lab import __version__, wiring
from kafka_lab.exercises import development, templates
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.exercises.problems import ManifestError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return development.the_only(templates.make("late-orders", tmp_path, "python"))


def change(folder: Path, old: str, new: str) -> None:
    path = folder / "exercise.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def load(folder: Path) -> Exercise:
    return Exercise.load(development.source(folder))


def test_the_version_goes_from_the_manifest_to_the_request(folder: Path, tmp_path: Path) -> None:
    change(folder, 'version = "1.0.0"', 'version = "1.4.2"')
    exercise = load(folder)
    assert exercise.manifest.version == "1.4.2"
    assert wiring.request_for(exercise, "python", tmp_path).exercise_version == "1.4.2"


def test_a_version_that_is_none_is_refused(folder: Path) -> None:
    change(folder, 'version = "1.0.0"', 'version = "first"')
    with pytest.raises(ManifestError, match="'first' is not of the right form"):
        load(folder)


def test_another_kafka_lab_is_asked_for_before_anything_else_is_said(folder: Path) -> None:
    change(folder, f'requires = ">={__version__}"', 'requires = ">=99"\nfrom_the_future = true')
    with pytest.raises(ManifestError) as caught:
        load(folder)
    (problem,) = caught.value.problems
    assert problem.line == 3
    assert problem.what == f"this exercise needs kafka-lab >=99, and this is {__version__}"
    assert problem.fix.endswith("KAFKA_LAB_DISABLE=exercise:late-orders")


def test_what_names_no_versions_is_refused(folder: Path) -> None:
    change(folder, f'requires = ">={__version__}"', 'requires = "new"')
    with pytest.raises(ManifestError, match="'new' names no versions; write versions as PEP 440"):
        load(folder)
