"""The grader of ``dead-letter-queue``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

import alarm
import commands
import faulty
import judge
import offsets
import outcome
import postmark
import ringing
import scenarios
from history import History
from kafka_lab.api import expect

if TYPE_CHECKING:
    from kafka_lab.grading.lab import Lab

Runs = Mapping[str, Future[Any]]

CRASHES = [f"crashes-{half}" for half in scenarios.HALVES]
LATER: dict[str, tuple[Callable[[Lab], Any], set[str]]] = {
    **{
        name: (
            lambda lab, half=half: scenarios.crashes(lab, half),  # type: ignore[misc]
            {"survives_crashes"},
        )
        for half, name in zip(scenarios.HALVES, CRASHES, strict=True)
    },
    "connections": (scenarios.connections, {"times_out"}),
    "waiting": (scenarios.waiting, {"waits_without_blocking"}),
    "tools": (commands.tools, {"inspects", "puts_back_a_selection", "puts_back_once"}),
    "alarm": (alarm.alarm, {"counts_dead_letters", "raises_an_alert"}),
}


@pytest.fixture(scope="module")
def runs(lab: Lab, selected: set[str]) -> Runs:
    """All scenarios that a chosen check asks about, side by side.

    Those with faults begin when the ordinary one has seen that the service works at all. The
    commands do not need it for long, so they begin at once.
    """
    works = threading.Event()
    able = threading.Event()

    def begun() -> None:
        able.set()
        works.set()

    def ordinary() -> History:
        try:
            return scenarios.ordinary(lab, begun)
        finally:
            works.set()

    def later(scenario: Callable[[Lab], Any]) -> Callable[[], Any]:
        def run() -> Any:
            works.wait()
            return scenario(lab) if able.is_set() else None

        return run

    chosen = {
        name: (lambda fn=fn: fn(lab)) if name == "tools" else later(fn)  # type: ignore[misc]
        for name, (fn, checks) in LATER.items()
        if checks & selected
    }
    return lab.together({"ordinary": ordinary, **chosen}, at_once=len(chosen) + 1)


@pytest.fixture(scope="module")
def ordinary(runs: Runs) -> History:
    found: History = runs["ordinary"].result()
    return found


def test_hands_over_orders(ordinary: History) -> None:
    """Each order reaches the courier once, with the right request, those of a key in order."""
    expect(faulty.gone(ordinary) + judge.handed_over(ordinary))


@pytest.mark.needs("hands_over_orders")
@pytest.mark.hint(1)
def test_retries_by_retry_topics(ordinary: History) -> None:
    """What fails for now is tried again from the retry topics, not too early, not too often."""
    expect(judge.retried(ordinary))


@pytest.mark.needs("hands_over_orders")
@pytest.mark.hint(0)
def test_gives_up_at_once_where_it_must(ordinary: History) -> None:
    """What cannot succeed goes to the dead letter queue at once, and nothing else goes there."""
    expect(judge.permanent(ordinary))


@pytest.mark.needs("retries_by_retry_topics", "gives_up_at_once_where_it_must")
@pytest.mark.hint(2)
def test_keeps_the_record(ordinary: History) -> None:
    """A dead letter has the order's key, bytes, headers and timestamp, and says why it is dead."""
    expect(postmark.kept(ordinary) + postmark.marked(ordinary))


@pytest.mark.needs("hands_over_orders")
def test_stops_on_sigterm(ordinary: History) -> None:
    """On SIGTERM the service finishes what is in flight and exits with code 0."""
    expect(faulty.stopped(ordinary))


@pytest.mark.needs("hands_over_orders")
@pytest.mark.hint(0)
def test_times_out(runs: Runs) -> None:
    """A courier that hangs or cuts the connection holds nothing up, and is tried again."""
    history = runs["connections"].result()
    expect(faulty.connections(history) or postmark.marked(history))


@pytest.mark.needs("retries_by_retry_topics")
@pytest.mark.hint(3)
def test_waits_without_blocking(runs: Runs) -> None:
    """While one order waits for its retry the others go on, and the group stays able to change."""
    expect(faulty.waiting(runs["waiting"].result()))


@pytest.mark.needs("retries_by_retry_topics")
@pytest.mark.hint(4)
def test_survives_crashes(ordinary: History, runs: Runs) -> None:
    """Killed before and after each step, it loses no order and commits none too early."""
    halves = [runs[name].result() for name in CRASHES]
    found = next(filter(None, map(faulty.after_crashes, halves)), [])
    found = found or offsets.committed_early(ordinary)
    found = found or [f for history in halves for f in postmark.marked(history, slack=1)]
    kills = sum(len(history.kills) for history in halves)
    if not found and kills < len(scenarios.POINTS):
        raise RuntimeError(f"only {kills} of {len(scenarios.POINTS)} kills hit")
    expect(found)


@pytest.mark.needs("hands_over_orders")
@pytest.mark.hint(5)
def test_inspects(runs: Runs) -> None:
    """MODE=inspect lists the letters of a selection, and changes nothing."""
    expect(outcome.inspected(runs["tools"].result()))


@pytest.mark.needs("hands_over_orders")
@pytest.mark.hint(5)
def test_puts_back_a_selection(runs: Runs) -> None:
    """MODE=reprocess puts back the selected letters and no others, and they are tried again."""
    desk = runs["tools"].result()
    back = [*desk.selected, desk.by_key]
    expect(outcome.put_back(desk) or outcome.as_before(desk.history, back))


@pytest.mark.needs("puts_back_a_selection")
@pytest.mark.hint(5)
def test_puts_back_once(runs: Runs) -> None:
    """Run again, even after it was killed in the middle, it puts back what is left and no more."""
    expect(outcome.once(runs["tools"].result()))


@pytest.mark.needs("gives_up_at_once_where_it_must")
@pytest.mark.hint(6)
def test_counts_dead_letters(runs: Runs) -> None:
    """The metric is there from the start, and counts the dead letters and nothing else."""
    expect(ringing.metric(runs["alarm"].result()))


@pytest.mark.needs("counts_dead_letters")
@pytest.mark.hint(6)
def test_raises_an_alert(runs: Runs) -> None:
    """The alert fires soon after an order has died, and only then, and it ends."""
    expect(ringing.alert(runs["alarm"].result()))
