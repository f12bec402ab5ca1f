"""Each thing that lint tells, made by breaking the whole exercise of the template."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kafka_lab.exercises import builtin, development, templates
from kafka_lab.proof.lint import lint

Break = Callable[[Path], object]
GRADER = "grader/test_forwarding.py"


def replaced(name: str, old: str, new: str) -> Break:
    def act(folder: Path) -> None:
        path = folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return act


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The exercise's folder in a new package."""
    return development.the_only(templates.make("late-orders", tmp_path, "python"))


def said(folder: Path) -> str:
    return "\n".join(map(str, lint(development.source(folder))))


def test_a_new_exercise_lacks_nothing(folder: Path) -> None:
    assert said(folder) == ""


@pytest.mark.parametrize("source", builtin.kafka_lab_exercises(), ids=lambda s: s.slug)
def test_our_own_exercises_are_read_to_the_end(source: development.ExerciseSource) -> None:
    wrong = ("no function test_", "not listed", "does not apply", "no docstring", "runs nothing")
    assert [str(p) for p in lint(source) if any(w in p.what for w in wrong)] == []


CASES: dict[str, tuple[Break, str]] = {
    "points": (replaced("exercise.toml", "points = 100", "points = 90"), "sum to 90, not to 100"),
    "covers": (
        replaced("exercise.toml", 'covers = ["At-least-once delivery"]', "covers = []"),
        "covers: has 0, at least 1 must be there",
    ),
    "hints": (
        replaced("exercise.toml", '[[hints]]\ntext = "A committed', '[[stray]]\ntext = "A'),
        "hints: has 2, at least 3 must be there",
    ),
    "same hint": (
        replaced(
            "exercise.toml",
            "A committed offset says: all before it is done. When is a record done?",
            "What becomes of a record that your program has read, when it is killed right then?",
        ),
        "says what an earlier hint says",
    ),
    "no guide": (lambda f: (f / "guide.md").unlink(), "guide.md: cannot be read as text"),
    "no table": (replaced("guide.md", "|", ":"), "has no table of the contract"),
    "no row": (replaced("guide.md", "`GROUP_ID` |", "the group |"), "GROUP_ID: is in no table"),
    "no diagram": (replaced("guide.md", "```mermaid", "```"), "has no diagram"),
    "solved starter": (
        lambda f: (f / "starter/python/forward.py").write_bytes(
            (f / "solution/python/forward.py").read_bytes()
        ),
        "the starter is the solution",
    ),
    "no entry": (lambda f: (f / "solution/python/forward.py").unlink(), "forward.py is not there"),
    "no variant": (
        lambda f: (f / "grader/variants").rename(f / "elsewhere"),
        "it has no variant in python",
    ),
    "no solution": (
        lambda f: (f / "solution").rename(f / "elsewhere"),
        "there is no solution in python",
    ),
    "no grader": (lambda f: (f / GRADER).unlink(), "there is no grader"),
    "syntax": (lambda f: (f / GRADER).write_text("def test_("), "is not Python"),
    "no docstring": (
        replaced(
            GRADER,
            '"""Every record arrives unchanged, though the service is killed in the middle."""',
            "pass",
        ),
        "forwards_every_record: has no docstring",
    ),
    "bad hint": (
        replaced(GRADER, "hint(2)", "hint(3)"),
        "there is no hint 3; hints go from 0 to 2",
    ),
    "bad need": (
        replaced(GRADER, "@pytest.mark.hint(2)", '@pytest.mark.needs("later")'),
        "needs 'later', which is no check before it",
    ),
    "static": (
        replaced(GRADER, "def history(lab: Lab)", "def history()"),
        "earns 100 points alone, and runs nothing",
    ),
    "unlisted check": (
        lambda f: (f / GRADER).write_text(
            (f / GRADER).read_text() + '\n\ndef test_more(lab):\n    """More holds."""\n'
        ),
        "more is in the grader (test_forwarding.py) and not listed here",
    ),
    "missing check": (
        replaced(GRADER, "def test_forwards_every_record", "def test_other"),
        "the grader has no function test_forwards_every_record",
    ),
    "stale patch": (
        replaced("solution/python/forward.py", "message.value(), message.key()", "b'', b''"),
        "the patch does not apply",
    ),
    "undeclared": (
        lambda f: (f / "grader/mutants/more.patch").write_text(""),
        "more.patch is not declared in mutants.toml; declare it",
    ),
    "patch gone": (
        lambda f: (f / "grader/mutants/text-only.patch").unlink(),
        "text-only: text-only.patch is not in",
    ),
    "long patch": (
        lambda f: (f / "grader/mutants/text-only.patch").write_text("+x\n" * 41),
        "changes 41 lines, more than 40",
    ),
    "mutant's check": (
        replaced("grader/mutants.toml", 'check = "forwards_', 'check = "forward_'),
        "there is no check 'forward_every_record'; checks are forwards_every_record",
    ),
    "mutant's track": (
        replaced("grader/mutants.toml", 'track = "python"', 'track = "go"'),
        "there is no track 'go'; tracks are python",
    ),
    "too few faults": (
        replaced("grader/mutants.toml", "fault = true", "fault = false"),
        "fewer than half of its mutants",
    ),
    "no mutants": (
        lambda f: (f / "grader/mutants.toml").unlink(),
        "it has 0 mutants; five or more are asked",
    ),
    "mutants' TOML": (lambda f: (f / "grader/mutants.toml").write_text("["), "mend the TOML"),
    "two of one id": (
        replaced("grader/mutants.toml", 'id = "text-only"', 'id = "keys-lost"'),
        "keys-lost: two mutants have this id",
    ),
    "no entry point": (
        replaced("../../../pyproject.toml", "entry-points.kafka_lab]", "entry-points.other]"),
        "project.entry-points.kafka_lab: is missing",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_lint_tells(folder: Path, name: str) -> None:
    act, words = CASES[name]
    act(folder)
    assert words in said(folder)
