"""The grader of ``avro-registry``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest

import judge
import scenarios
from bench import History
from kafka_lab.api import expect

if TYPE_CHECKING:
    from kafka_lab.grading.lab import Lab

Runs = Mapping[str, Future[History]]

LATER: dict[str, tuple[Callable[[Lab], History], set[str]]] = {
    "trouble": (scenarios.trouble, {"rides_out_registry_trouble"}),
    "strict": (scenarios.strict, {"registers_nothing_when_told_not_to"}),
    "crashes": (scenarios.crashes, {"loses_nothing_when_killed"}),
    "dead": (scenarios.dead, {"unreadable_goes_to_the_dead_topic", "asks_the_registry_once"}),
    "writers": (scenarios.writers, {"reads_with_the_writers_schema", "asks_the_registry_once"}),
}


@pytest.fixture(scope="module")
def runs(lab: Lab, selected: set[str]) -> Runs:
    """All scenarios that a chosen check asks about, side by side.

    The others begin when the ordinary one has seen that the service works at all.
    """
    works = threading.Event()
    scenarios.make_noise(lab)

    def ordinary() -> History:
        try:
            return scenarios.ordinary(lab, works.set)
        finally:
            works.set()

    def later(scenario: Callable[[Lab], History]) -> Callable[[], History]:
        def run() -> History:
            works.wait()
            return scenario(lab)

        return run

    jobs = {"ordinary": ordinary}
    jobs |= {name: later(fn) for name, (fn, checks) in LATER.items() if checks & selected}
    return lab.together(jobs, at_once=len(jobs))


@pytest.fixture(scope="module")
def ordinary(runs: Runs) -> History:
    return runs["ordinary"].result()


@pytest.mark.hint(0)
def test_events_in_the_wire_format(ordinary: History) -> None:
    """Each scan becomes one event: magic byte, an id that the registry knows, the datum by it."""
    expect(judge.gone(ordinary) + judge.wire(ordinary))


@pytest.mark.needs("events_in_the_wire_format")
@pytest.mark.hint(1)
def test_schema_under_its_subject(ordinary: History) -> None:
    """The schema is registered under topic and record name, as it is, and nowhere else."""
    expect(judge.subject(ordinary))


@pytest.mark.needs("events_in_the_wire_format")
@pytest.mark.hint(2)
def test_events_become_json(ordinary: History) -> None:
    """Each event of the service's own becomes one JSON record with the same content."""
    expect(judge.documents(ordinary))


@pytest.mark.needs("events_in_the_wire_format")
@pytest.mark.hint(4)
def test_stops_on_sigterm(ordinary: History) -> None:
    """On SIGTERM the service finishes and commits what is in flight and exits with code 0."""
    expect(judge.stopped(ordinary))


@pytest.mark.needs("events_become_json")
@pytest.mark.hint(2)
def test_reads_with_the_writers_schema(runs: Runs) -> None:
    """Events of older, newer and other writers come out as the service's own schema has them."""
    expect(judge.every_writer(runs["writers"].result()))


@pytest.mark.needs("events_become_json")
@pytest.mark.hint(3)
def test_asks_the_registry_once(ordinary: History, runs: Runs) -> None:
    """The registry is asked for each schema once, not for each record, and a 404 is an answer."""
    for history in (ordinary, runs["writers"].result(), runs["dead"].result()):
        expect(judge.asked(history))


@pytest.mark.needs("events_in_the_wire_format")
@pytest.mark.hint(1)
def test_registers_nothing_when_told_not_to(runs: Runs) -> None:
    """Forbidden to register, the service looks its schema up, and leaves if it is not there."""
    expect(judge.strict(runs["strict"].result()))


@pytest.mark.needs("events_become_json")
@pytest.mark.hint(3)
def test_unreadable_goes_to_the_dead_topic(runs: Runs) -> None:
    """What cannot be understood is in the dead topic only, untouched, and the service goes on."""
    expect(judge.unreadable(runs["dead"].result()))


@pytest.mark.needs("events_become_json")
@pytest.mark.hint(3)
def test_rides_out_registry_trouble(runs: Runs) -> None:
    """While the registry fails or is silent nothing is lost, rejected, or asked for needlessly."""
    expect(judge.trouble(runs["trouble"].result()))


@pytest.mark.needs("events_become_json")
@pytest.mark.hint(4)
def test_loses_nothing_when_killed(runs: Runs) -> None:
    """Killed before a write and before a commit, the service loses nothing."""
    expect(judge.nothing_lost(runs["crashes"].result()))
