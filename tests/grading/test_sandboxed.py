"""A right program passes in a sandbox, faults and all, in every track."""

from __future__ import annotations

import contextlib
import os

import psutil
import pytest

from kafka_lab import wiring
from kafka_lab.api import Outcome
from kafka_lab.grading.attempt import check
from kafka_lab.programs.sandbox.kinds import kind_of, kinds
from kafka_lab.runtime.events import read_events

from .conftest import folder_of


def sandbox(kind: str) -> str:
    reason = kind_of(kind).why_not()
    if reason and os.environ.get("KAFKA_LAB_REQUIRE_DOCKER") == "1":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    return kind


CASES = [("python", kind) for kind in kinds()] + [("java", "bubblewrap"), ("go", "bubblewrap")]


@pytest.mark.parametrize(("language", "kind"), CASES)
def test_the_solution_passes_in_a_sandbox(language: str, kind: str) -> None:
    exercise = wiring.catalog().get("transactions")
    missing = wiring.toolchain(language).missing()
    if missing:
        pytest.skip(f"lacks {missing[0].tool}")
    source = exercise.solution(language)
    verdict = check(
        wiring.request_for(exercise, language, source, backend="embedded", sandbox=sandbox(kind))
    )
    assert verdict.outcome is Outcome.PASSED, verdict
    events = read_events(folder_of(verdict) / "events.jsonl")
    boxes = [e for e in events if e["kind"] == "sandbox"]
    programs = {e["program"] for e in events if e["kind"] == "program-start"}
    assert {e["program"] for e in boxes} == programs
    # Every program's process was hit itself: the pid that was killed is the learner's own.
    assert [e for e in events if e["kind"] == "program-exit" and e["code"] == -9]
    left = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.ZombieProcess, psutil.NoSuchProcess):  # it has ended
            left += [process] if "inside.py" in " ".join(process.cmdline()) else []
    assert left == []
