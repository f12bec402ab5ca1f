"""A course with two of the exercises that come with kafka-lab, and programs to hand in."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kafka_lab import wiring
from kafka_lab.batch.course import Course, load_course

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
