"""The page of an exercise, made of its guide and its manifest."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from kafka_lab import wiring
from kafka_lab.api import ExerciseSource
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.guide.exercise_page import check_titles, exercise_page, split

ROOT = Path(__file__).parents[2]
ECHO = ROOT / "tests" / "cli" / "plugin" / "echo"
EXERCISES = wiring.catalog().exercises


def headings(page: str) -> list[str]:
    return [part.title for part in split(page)[1]]


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.slug)
def test_a_page_has_all_parts_in_the_order_of_work(exercise: Exercise) -> None:
    page = exercise_page(exercise)
    order = headings(page)
    wanted = ["The contract", "Hints", "Checks and points", "Common mistakes", "Further reading"]
    assert [title for title in order if title in wanted] == wanted
    assert [title for title in order if title not in wanted[:3]] == headings(
        exercise.guide.read_text()
    )
    assert order.index("The brief") < order.index("The contract") < order.index("Hints")
    assert page.startswith("# ")


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.slug)
def test_a_page_says_all_that_the_manifest_says(exercise: Exercise) -> None:
    m, page = exercise.manifest, exercise_page(exercise)
    titles = check_titles(exercise.graders)
    for name in m.contract.env:
        assert f"`{name}`" in page
    for track in m.tracks.values():
        assert f"`{track.entry}`" in page
    for check in m.checks:
        assert titles[check.id]
        assert f"| `{check.id}` | {titles[check.id]} | {check.points} |" in page
    assert len(re.findall(r'^\?\?\? tip "Hint', page, re.MULTILINE)) == len(m.hints)
    assert f"| all | | {m.points} |" in page
    for text in [m.summary, *m.prerequisites]:
        assert text in page


def test_a_guide_without_the_usual_headings_still_gets_every_part() -> None:
    exercise = Exercise.load(ExerciseSource.in_folder(ECHO))
    page = exercise_page(exercise)
    assert {"The contract", "Hints", "Checks and points"} <= set(headings(page))
    # Its guide does not list the variables, so the page does.
    assert all(f"| `{name}` |" in page for name in exercise.manifest.contract.env)


def test_a_private_grader_leaves_the_sentences_out_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "echo"
    shutil.copytree(ECHO, folder)
    shutil.rmtree(folder / "grader")
    exercise = Exercise.load(ExerciseSource.in_folder(folder))
    page = exercise_page(exercise)
    for check in exercise.manifest.checks:
        assert f"| `{check.id}` |  | {check.points} |" in page


def test_headings_in_code_are_no_headings() -> None:
    guide = "# T\n\nhead\n\n## A\n\n````sh\n## no\n```\n## no\n````\n\n## B\ntext\n"
    head, parts = split(guide)
    assert head == "# T\n\nhead"
    assert [part.title for part in parts] == ["A", "B"]
    assert parts[0].text.count("## no") == 2
