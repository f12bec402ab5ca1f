"""Shapes that a manifest asks for, and clusters that a grader asks for, in real checks."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kafka_lab import wiring
from kafka_lab.api import ExerciseSource, Outcome
from kafka_lab.clusters.registry import backends
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.grading.attempt import check
from kafka_lab.runtime.events import read_events

from .conftest import Grade, folder_of

EXERCISES = Path(__file__).with_name("exercises")


@pytest.fixture(params=["embedded", pytest.param("testcontainers", marks=pytest.mark.docker)])
def backend(request: pytest.FixtureRequest) -> str:
    reason = backends()[request.param].unavailable()
    if reason and os.environ.get("KAFKA_LAB_REQUIRE_DOCKER") == "1":
        pytest.fail(f"KAFKA_LAB_REQUIRE_DOCKER is set, but {reason}", pytrace=False)
    if reason:
        pytest.skip(reason)
    return str(request.param)


def test_many_brokers_and_two_clusters(backend: str, home: Path) -> None:
    exercise = Exercise.load(ExerciseSource.in_folder(EXERCISES / "across"))
    request = wiring.request_for(exercise, "python", exercise.solution("python"), backend=backend)
    assert request.spec.brokers == 4
    verdict = check(request)
    assert (verdict.outcome, verdict.error) == (Outcome.PASSED, "")
    folder = folder_of(verdict)
    events = read_events(folder / "events.jsonl")
    clusters = [(e.get("name"), e["brokers"]) for e in events if e["kind"] == "cluster"]
    assert clusters == [(None, [1, 2, 3, 4]), ("target", [1])]
    faults = [
        (e.get("cluster", ""), e["fault"], e["broker"])
        for e in events
        if e["kind"] == "fault" and e["fault"] not in ("refuse", "accept")  # the relay's
    ]
    refused = {e.get("cluster", "") for e in events if e.get("fault") == "refuse"}
    assert refused == {"", "target"}
    assert faults == [
        ("target", "broker-kill", 1),
        ("target", "broker-start", 1),
        ("", "broker-pause", 2),
        ("", "broker-resume", 2),
        ("", "broker-stop", 3),
        ("", "broker-start", 3),
        ("", "broker-kill", 3),
        ("", "broker-start", 3),
        ("", "broker-start", 4),
        ("", "log-dir-offline", 4),
    ]
    # The relay reads what is not TLS: the program's records on their way to the other cluster.
    produced = [e for e in events if e["kind"] == "request" and e["api"] == "Produce"]
    assert {e["cluster"] for e in produced} == {"target"}
    logs = {p.name for p in folder.glob("broker-*.log")}
    assert logs == {*(f"broker-{n}.log" for n in (1, 2, 3, 4)), "broker-target-1.log"}


@pytest.mark.parametrize("sandbox", ["none", "bubblewrap"])
def test_a_program_is_let_in_by_its_ticket(sandbox: str, home: Path) -> None:
    exercise = Exercise.load(ExerciseSource.in_folder(EXERCISES / "tickets"))
    missing = wiring.missing_services(exercise)
    missing += [m.tool for m in wiring.toolchain("java").missing()]
    if sandbox == "bubblewrap" and not shutil.which("bwrap"):
        missing.append("bubblewrap")
    if missing and os.environ.get("KAFKA_LAB_REQUIRE_DOCKER") == "1":
        pytest.fail(", ".join(missing), pytrace=False)
    if missing:
        pytest.skip(", ".join(missing))
    request = wiring.request_for(
        exercise, "java", exercise.solution("java"), backend="embedded", sandbox=sandbox
    )
    verdict = check(request)
    assert (verdict.error, [f for c in verdict.checks for f in c.findings]) == ("", [])
    assert verdict.outcome is Outcome.PASSED
    # What the KDC issued is among the attempt's logs.
    assert "program-0@" in (folder_of(verdict) / "service-kdc.log").read_text()


def test_a_cluster_that_cannot_be_had_is_an_error_of_the_lab(grade: Grade) -> None:
    verdict = grade(
        """
        from kafka_lab.clusters.spec import ClusterSpec
        from kafka_lab.runtime.errors import LabError

        def test_it(lab):
            with pytest.raises(LabError, match="9.9.9"):
                lab.start_cluster("odd", ClusterSpec(version="9.9.9"))
            with pytest.raises(LabError, match="there is no broker 7"):
                lab.broker(7)
            with pytest.raises(LabError, match="no broker left to add"):
                lab.add_broker()
            lab.start_cluster("odd", ClusterSpec(version="9.9.9"))
        """,
        "it",
    )
    assert verdict.outcome is Outcome.ERROR
    assert "choose one of" in verdict.error  # the fix, which the last line of an error is


def test_an_attempt_whose_grader_ends_takes_its_clusters_with_it(
    grade: Grade, scratch: Path
) -> None:
    before = set(scratch.iterdir())
    verdict = grade(
        """
        import os

        def test_it(lab):
            lab.start_cluster("second")
            os._exit(3)
        """,
        "it",
    )
    assert verdict.outcome is Outcome.ERROR
    assert "ended early" in verdict.error
    names = [e.get("name") for e in events(verdict) if e["kind"] == "cluster"]
    assert names == [None, "second"]
    assert set(scratch.iterdir()) <= before


def events(verdict: Any) -> list[dict[str, Any]]:
    return read_events(folder_of(verdict) / "events.jsonl")


def test_an_exercise_of_another_shape_is_not_given_the_spare() -> None:
    from kafka_lab.cli.watch import Spare
    from kafka_lab.clusters.spec import ClusterSpec

    class Standing:
        closed = False

        class cluster:  # noqa: N801 - stands for an attribute
            spec = ClusterSpec()
            nodes = ()

        def close(self) -> None:
            self.closed = True

    spare: Any = Spare(None, ClusterSpec())  # type: ignore[arg-type]
    spare._made = made = Standing()
    assert spare.take(replace(ClusterSpec(), brokers=3)) is None
    assert made.closed
    spare._made = again = Standing()
    assert spare.take(ClusterSpec()) is again
