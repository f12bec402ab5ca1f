"""Attempts with graders of a few lines, on the session's broker: a real child each time."""

from __future__ import annotations

import ctypes
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kafka_lab.api import CheckResult, Verdict
from kafka_lab.grading.attempt import Listener, Request, attempts_dir, check
from kafka_lab.grading.sandbox_cluster import Standing
from kafka_lab.programs.toolchains.python import PythonToolchain
from kafka_lab.runtime.leases import Leases

HEAD = """
from __future__ import annotations
import pytest
from kafka_lab.api import Finding, Findings, expect
from kafka_lab.grading.lab import fail
"""

IDLE = "import threading\nthreading.Event().wait()\n"


class Heard(Listener):
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.checks: list[CheckResult] = []
        self.titles: list[str] = []

    def check(self, result: CheckResult) -> None:
        self.checks.append(result)

    def checking(self, title: str) -> None:
        self.titles.append(title)


Grade = Callable[..., Verdict]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The learner's folder: a program that does nothing."""
    folder = tmp_path / "learner"
    folder.mkdir()
    (folder / "main.py").write_text(IDLE)
    return folder


@pytest.fixture
def grade(site: Any, source: Path, tmp_path: Path, heard: Heard) -> Iterator[Grade]:
    """Grade ``source`` by the text of a grader; checks have two points each."""

    def run(
        grader: str, *checks: str, helpers: Mapping[str, str] | None = None, **options: Any
    ) -> Verdict:
        folder = tmp_path / "grader"
        folder.mkdir(exist_ok=True)
        (folder / "test_it.py").write_text(HEAD + textwrap.dedent(grader))
        for name, text in (helpers or {}).items():
            (folder / name).write_text(textwrap.dedent(text))
        request = Request(
            exercise="tiny",
            language="python",
            source=source,
            entry="main.py",
            grader=folder,
            checks=[(name, 2) for name in checks],
            toolchain=PythonToolchain(),
            backend="embedded",
            spare=Standing(site.cluster, [site.door.dup()], Leases.open()),
            **options,
        )
        return check(request, heard)

    yield run
    if sys.platform == "linux":
        # An attempt lets its process adopt orphans; the other tests' are none of ours.
        ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)


def folder_of(verdict: Verdict) -> Path:
    return attempts_dir() / verdict.attempt
