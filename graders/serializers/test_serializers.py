"""The grader of ``serializers``."""

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

RARE = {
    "dispatches_on_content_type",
    "money_stays_exact",
    "texts_survive",
    "tombstones_are_not_empty_values",
    "headers_are_kept",
}
LATER: dict[str, tuple[Callable[[Lab], History], set[str]]] = {
    "stalled": (scenarios.stalled, {"loses_nothing_when_killed"}),
    "crashes": (scenarios.crashes, {"loses_nothing_when_killed"}),
    "refused": (scenarios.refused, {"survives_a_refused_write"}),
    "rare": (scenarios.rare, RARE),
    "poison": (
        scenarios.poison,
        {"poison_never_stops_it", "poison_goes_to_the_dead_topic"},
    ),
}


@pytest.fixture(scope="module")
def runs(lab: Lab, selected: set[str]) -> Runs:
    """All scenarios that a chosen check asks about, side by side.

    The others begin when the ordinary one has seen that the service works at all.
    """
    works = threading.Event()

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


def test_events_in_three_encodings(ordinary: History) -> None:
    """Each command becomes one event in the encoding it asks for, with the right key and fields."""
    expect(judge.gone(ordinary) + judge.events(ordinary))


@pytest.mark.needs("events_in_three_encodings")
def test_events_carry_headers(ordinary: History) -> None:
    """Each event says its content type, schema version, trace id and when it was produced."""
    expect(judge.event_headers(ordinary))


@pytest.mark.needs("events_in_three_encodings")
@pytest.mark.hint(1)
def test_events_become_canonical_json(ordinary: History) -> None:
    """Each event, own and of others, becomes the canonical JSON of the brief, byte for byte."""
    expect(judge.documents(ordinary))


@pytest.mark.needs("events_in_three_encodings")
@pytest.mark.hint(4)
def test_stops_on_sigterm(ordinary: History) -> None:
    """On SIGTERM the service finishes and commits what is in flight and exits with code 0."""
    expect(judge.stopped(ordinary))


@pytest.mark.needs("events_become_canonical_json")
@pytest.mark.hint(0)
def test_dispatches_on_content_type(runs: Runs) -> None:
    """The last content-type header alone says how to read an event, in any case and topic."""
    expect(judge.rare(runs["rare"].result(), "content-type"))


@pytest.mark.needs("events_become_canonical_json")
@pytest.mark.hint(2)
def test_money_stays_exact(runs: Runs) -> None:
    """Negative, tiny and huge amounts come out to the cent, in every encoding."""
    expect(judge.rare(runs["rare"].result(), "money"))


@pytest.mark.needs("events_become_canonical_json")
@pytest.mark.hint(2)
def test_texts_survive(runs: Runs) -> None:
    """Long, empty, absent and non-ASCII texts come out as they went in."""
    expect(judge.rare(runs["rare"].result(), "text"))


@pytest.mark.needs("events_become_canonical_json")
@pytest.mark.hint(3)
def test_tombstones_are_not_empty_values(runs: Runs) -> None:
    """A tombstone stays a tombstone; an empty value is poison in every encoding."""
    expect(judge.rare(runs["rare"].result(), "tombstone"))


@pytest.mark.needs("events_become_canonical_json", "events_carry_headers")
@pytest.mark.hint(0)
def test_headers_are_kept(runs: Runs) -> None:
    """Doubled, null and binary headers go along in their order; the last trace id counts."""
    history = runs["rare"].result()
    expect(
        judge.rare(history, "headers")
        + judge.event_headers(history, "headers")
        + judge.kept_headers(history)
    )


@pytest.mark.needs("events_become_canonical_json")
@pytest.mark.hint(3)
def test_poison_never_stops_it(runs: Runs) -> None:
    """Whatever arrives, the service goes on and handles every good record behind it."""
    expect(judge.carried_on(runs["poison"].result()))


@pytest.mark.needs("poison_never_stops_it")
@pytest.mark.hint(3)
def test_poison_goes_to_the_dead_topic(runs: Runs) -> None:
    """What cannot be understood is in the dead topic only, untouched, with a reason."""
    expect(judge.dead(runs["poison"].result()))


@pytest.mark.needs("events_become_canonical_json")
@pytest.mark.hint(4)
def test_loses_nothing_when_killed(runs: Runs) -> None:
    """Killed around a write, before a commit, and while a write is held up, it loses nothing."""
    found = judge.nothing_lost(runs["crashes"].result())
    expect(found or judge.nothing_lost(runs["stalled"].result()))


@pytest.mark.needs("events_become_canonical_json")
@pytest.mark.hint(4)
def test_survives_a_refused_write(runs: Runs) -> None:
    """A write that the cluster refuses for a moment is not taken for done."""
    expect(judge.nothing_lost(runs["refused"].result()))
