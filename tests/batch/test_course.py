"""The course file: what it says, and what is said of its mistakes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kafka_lab.batch import course as course_module
from kafka_lab.batch.course import Course, Late
from kafka_lab.batch.tables import read_roster
from kafka_lab.exercises.problems import ManifestError

Load = Callable[[str], Course]
GOOD = """\
title = "T"
secret_seed = "0123456789abcdef"
"""


def test_a_whole_one(load: Load, tmp_path: Path) -> None:
    (tmp_path / "roster.csv").write_text("student\nada\n")
    private = tmp_path / "graders" / "transactions"
    private.mkdir(parents=True)
    (private / "test_mine.py").touch()
    course = load(
        GOOD
        + """
languages = ["python", "go"]
backend = "embedded"
graders = "graders"
roster = "roster.csv"

[late]
percent_per_day = 12.5
cutoff_days = 3
grace_minutes = 10

[[exercises]]
slug = "partitioning"

[[exercises]]
slug = "transactions"
weight = 2.5
deadline = 2026-12-01T23:59:00+01:00
languages = ["java"]

[[extensions]]
student = "ada"
exercise = "transactions"
until = 2026-12-08T00:00:00Z
"""
    )
    assert [e.slug for e in course.entries] == ["partitioning", "transactions"]
    first, second = course.entries
    assert (first.languages, second.languages) == (("python", "go"), ("java",))
    assert (first.weight, second.weight) == (1.0, 2.5)
    assert (first.grader, second.grader) == (None, private)
    assert course.deadline("bob", "transactions") == datetime(2026, 12, 1, 22, 59, tzinfo=UTC)
    assert course.deadline("ada", "transactions") == datetime(2026, 12, 8, tzinfo=UTC)
    assert course.deadline("ada", "partitioning") is None
    assert course.roster == tmp_path / "roster.csv"


def test_the_seed_follows_from_secret_and_exercise_and_is_not_shown(load: Load) -> None:
    tail = '\n[[exercises]]\nslug = "transactions"\n[[exercises]]\nslug = "partitioning"\n'
    course = load(GOOD + tail)
    other = load(GOOD.replace("0123", "4567") + tail)
    seeds = {c.seed(s) for c in (course, other) for s in ("transactions", "partitioning")}
    assert len(seeds) == 4
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert course.seed("transactions") == load(GOOD + tail).seed("transactions")
    assert "0123456789abcdef" not in repr(course)


MISTAKES = {
    "no TOML": ("title = ", "", "this is not TOML"),
    "a seed too short": (
        'title = "T"\nsecret_seed = "x"\n[[exercises]]\nslug = "transactions"\n',
        "secret_seed",
        "write 16 or more characters",
    ),
    "no exercises": (GOOD, "exercises", "is missing; add exercises: an [[exercises]] table"),
    "an unknown key": (
        GOOD + 'weigth = 1\n[[exercises]]\nslug = "transactions"\n',
        "weigth",
        "is not a key of a course",
    ),
    "a misspelt key": (
        GOOD + '[[exercises]]\nslug = "transactions"\nweigth = 1\n',
        "exercises[0].weigth",
        "did you mean weight?",
    ),
    "an unknown exercise": (
        GOOD + '[[exercises]]\nslug = "transaction"\n',
        "exercises[0].slug",
        "did you mean transactions?",
    ),
    "an exercise twice": (
        GOOD + '[[exercises]]\nslug = "transactions"\n[[exercises]]\nslug = "transactions"\n',
        "exercises[1].slug",
        "listed twice",
    ),
    "an unknown language": (
        GOOD + '[[exercises]]\nslug = "transactions"\nlanguages = ["pyton"]\n',
        "exercises[0].languages",
        "did you mean python?",
    ),
    "no language left": (
        GOOD + 'languages = ["cobol"]\n[[exercises]]\nslug = "transactions"\n',
        "exercises[0]",
        "none of the course's languages",
    ),
    "a deadline without an offset": (
        GOOD + '[[exercises]]\nslug = "transactions"\ndeadline = 2026-12-01T23:59:00\n',
        "exercises[0].deadline",
        "a time with its offset",
    ),
    "a weight of nothing": (
        GOOD + '[[exercises]]\nslug = "transactions"\nweight = 0\n',
        "exercises[0].weight",
        "more than 0",
    ),
    "a late policy beyond 100": (
        GOOD + '[late]\npercent_per_day = 120\n[[exercises]]\nslug = "transactions"\n',
        "late.percent_per_day",
        "at most 100",
    ),
    "no such roster": (
        GOOD + 'roster = "nobody.csv"\n[[exercises]]\nslug = "transactions"\n',
        "roster",
        "there is no file",
    ),
    "no such graders": (
        GOOD + 'graders = "nowhere"\n[[exercises]]\nslug = "transactions"\n',
        "graders",
        "there is no folder",
    ),
    "an extension for another exercise": (
        GOOD + '[[exercises]]\nslug = "transactions"\n[[extensions]]\nstudent = "ada"\n'
        'exercise = "transaction"\nuntil = 2026-12-01T00:00:00Z\n',
        "extensions[0].exercise",
        "did you mean transactions?",
    ),
}


@pytest.mark.parametrize(("text", "key", "said"), MISTAKES.values(), ids=list(MISTAKES))
def test_a_mistake_is_said_with_file_key_and_fix(
    load: Load, tmp_path: Path, text: str, key: str, said: str
) -> None:
    with pytest.raises(ManifestError) as caught:
        load(text)
    assert [p.key for p in caught.value.problems] == [key]
    assert str(tmp_path / "kafka_lab.toml") in caught.value.what
    assert said in str(caught.value.problems[0])
    assert "manifest" not in str(caught.value)


def test_a_private_grader_without_a_module_is_a_mistake(load: Load, tmp_path: Path) -> None:
    (tmp_path / "graders" / "transactions").mkdir(parents=True)
    with pytest.raises(ManifestError, match=r"has no test_\*\.py"):
        load(GOOD + 'graders = "graders"\n[[exercises]]\nslug = "transactions"\n')


def test_late_days_and_what_they_cost() -> None:
    due = datetime(2026, 12, 1, tzinfo=UTC)
    late = Late(10, cutoff_days=3, grace_minutes=15)
    after = {
        timedelta(days=-1): 0,
        timedelta(0): 0,
        timedelta(minutes=15): 0,
        timedelta(minutes=16): 1,
        timedelta(days=1): 1,
        timedelta(days=1, seconds=1): 2,
    }
    assert {d: late.days(due, due + d) for d in after} == after
    assert [late.factor(n) for n in range(5)] == pytest.approx([1.0, 0.9, 0.8, 0.7, 0.0])
    assert Late().factor(100) == 1.0
    assert Late(60).factor(2) == 0.0


DOCS = Path(__file__).parents[2] / "docs" / "instructors" / "grade-a-class.md"


def test_the_course_of_the_documentation_loads(load: Load, tmp_path: Path) -> None:
    page = DOCS.read_text()
    (text,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (roster,) = re.findall(r"^```text\n(student.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "graders").mkdir()
    (tmp_path / "roster.csv").write_text(roster)
    (tmp_path / "submitted.csv").write_text("student,exercise,submitted\n")
    course = load(text)
    assert [e.slug for e in course.entries] == ["partitioning", "transactions"]
    assert [s.id for s in read_roster(tmp_path / "roster.csv")] == ["ada", "bob", "cyd"]


def test_every_key_and_every_refusal_is_documented() -> None:
    page = DOCS.read_text()
    rooms = Path(course_module.__file__).parent
    schema = json.loads((rooms / "course.schema.json").read_text())
    properties = schema["properties"]
    keys = [*properties, *properties["late"]["properties"]]
    keys += properties["exercises"]["items"]["properties"]
    assert [k for k in keys if f"`{k}`" not in page and f"[{k}]" not in page] == []
    refused = re.compile(r"""Refused\(\s*"([a-z-]+)",""")
    codes = {c for p in rooms.glob("*.py") for c in refused.findall(p.read_text())}
    assert codes
    assert [c for c in sorted(codes) if f"`{c}`" not in page] == []
