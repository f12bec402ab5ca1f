from __future__ import annotations

from pathlib import Path

import pytest

from kafka_lab.api import ExerciseSource
from kafka_lab.exercises.catalog import Catalog
from kafka_lab.exercises.problems import ManifestError
from kafka_lab.runtime.errors import LabError, UsageError

MANIFEST = """\
slug = "{slug}"
title = "A title"
section = {section}
summary = "A summary."
difficulty = "{difficulty}"
minutes = 5
covers = ["a bullet"]
hints = [{{ text = "1" }}, {{ text = "2" }}, {{ text = "3" }}]
checks = [{{ id = "works", points = 100 }}]
[contract]
kind = "job"
env = {{}}
[tracks.python]
entry = "main.py"
"""


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    monkeypatch.setenv("KAFKA_LAB_CACHE", str(tmp_path / "cache"))
    sources = []
    for slug, section, difficulty in [
        ("tls", 7, "advanced"),
        ("serializers", 1, "intermediate"),
        ("acls", 7, "beginner"),
        ("transactions", 1, "advanced"),
        ("broken", 99, "beginner"),
    ]:
        home = tmp_path / slug
        home.mkdir()
        text = MANIFEST.format(slug=slug, section=section, difficulty=difficulty)
        (home / "exercise.toml").write_text(text)
        sources.append(ExerciseSource.in_folder(home))
    return Catalog.load(sources)


def test_exercises_come_by_section_and_then_from_easy_to_hard(catalog: Catalog) -> None:
    assert [(s.number, s.name, [e.slug for e in s.exercises]) for s in catalog.sections()] == [
        (1, "Advanced Kafka features", ["serializers", "transactions"]),
        (7, "Security", ["acls", "tls"]),
    ]


@pytest.mark.parametrize("typed", ["transaction", "Transactions", "transactions/", "trasnactions"])
def test_an_unknown_exercise_is_met_with_the_nearest(catalog: Catalog, typed: str) -> None:
    with pytest.raises(UsageError) as caught:
        catalog.get(typed)
    assert caught.value.what == f"there is no exercise '{typed}'"
    assert caught.value.fix == "did you mean transactions?"


def test_nothing_is_near(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="kafka-lab list"):
        catalog.get("xyzzy")


def test_a_broken_one_is_an_error_only_for_who_asks_for_it(catalog: Catalog) -> None:
    assert catalog.get("tls").manifest.section == 7
    with pytest.raises(ManifestError, match="99 is out of range"):
        catalog.get("broken")


def test_the_parts_of_an_exercise(catalog: Catalog) -> None:
    exercise = catalog.get("tls")
    for folder in (
        "starter/python",
        "solution/python",
        "grader/variants/python/b",
        "grader/variants/python/a",
        "grader/variants/python/.cache",
    ):
        (exercise.home / folder).mkdir(parents=True)
    (exercise.home / "grader/variants/python/note.md").touch()
    assert exercise.starter("python") == exercise.home / "starter/python"
    assert exercise.solution("python") == exercise.home / "solution/python"
    assert exercise.grader() == exercise.home / "grader"
    assert [p.name for p in exercise.variants("python")] == ["a", "b"]
    assert exercise.guide.name == "guide.md"


def test_parts_that_are_not_there(catalog: Catalog) -> None:
    exercise = catalog.get("acls")
    assert exercise.variants("python") == []
    with pytest.raises(LabError, match="the reference solution of acls is not in this"):
        exercise.solution("python")
    with pytest.raises(UsageError, match="did you mean python") as caught:
        exercise.starter("pyton")
    assert caught.value.what == "acls has no track for 'pyton'"
