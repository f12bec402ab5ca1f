"""A course with two of the exercises that come with kafka-lab, and programs to hand in."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from kafka_lab import wiring
from kafka_lab.api import CheckResult, Finding, Outcome, Verdict
from kafka_lab.batch.course import Course, load_course
from kafka_lab.batch.records import Record

COURSE = """\
title = "Kafka 101"
secret_seed = "nobody knows this one"
overrides = "overrides.csv"

[[exercises]]
slug = "transactions"
weight = 3
deadline = 2026-12-01T23:59:00+01:00

[[exercises]]
slug = "partitioning"
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Write a course file."""

    def wrote(text: str) -> Path:
        path = tmp_path / "kafka_lab.toml"
        path.write_text(text)
        return path

    return wrote


@pytest.fixture
def load(write: Callable[[str], Path]) -> Callable[[str], Course]:
    """Load a course from its text."""
    return lambda text: load_course(write(text), wiring.catalog())


@pytest.fixture
def course(load: Callable[[str], Course]) -> Course:
    return load(COURSE)


@pytest.fixture
def submissions(tmp_path: Path) -> Path:
    folder = tmp_path / "submissions"
    folder.mkdir()
    return folder


@pytest.fixture
def solution(tmp_path: Path) -> Callable[..., Path]:
    """Lay the reference solution of an exercise somewhere."""

    def lay(to: Path, slug: str = "transactions", language: str = "python") -> Path:
        exercise = wiring.catalog().get(slug)
        shutil.copytree(
            exercise.solution(language), to, ignore=shutil.ignore_patterns("__pycache__")
        )
        return to

    return lay


def make_record(
    course: Course,
    student: str,
    slug: str = "transactions",
    *,
    earned: int = 0,
    outcome: Outcome | None = None,
    submitted: datetime | None = None,
    message: str = "The transfer 3 is missing.",
    why: tuple[str, ...] = (),
) -> Record:
    """A result as a worker would have made it: one check that holds, one that does not."""
    entry = course.entry(slug)
    assert entry is not None
    possible = entry.exercise.manifest.points
    found = outcome or (Outcome.PASSED if earned == possible else Outcome.FAILED)
    checks = (
        CheckResult("first", "It works.", Outcome.PASSED, earned),
        CheckResult(
            "second",
            "It works under faults.",
            Outcome.FAILED,
            possible - earned,
            (Finding("lost", message),),
        ),
    )
    verdict = Verdict(
        slug, "python", found, checks, 424242, "embedded", "4.3.1", "20260101-x", 1e9, 12.5
    )
    if found is Outcome.ERROR:
        verdict = replace(verdict, error="the broker of the lab fell over")
    return Record(student, slug, verdict, {"submission": "1"}, "1", "2", submitted, why=why)
