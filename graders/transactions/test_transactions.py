"""The grader of ``transactions``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest

import judge
import scenarios
from bank import History
from kafka_lab.api import Finding, expect

if TYPE_CHECKING:
    from kafka_lab.grading.lab import Lab

Runs = Mapping[str, Future[History]]

CRASHES = [f"crashes-{third}" for third in scenarios.THIRDS]
FAULTY: dict[str, tuple[Callable[[Lab, scenarios.Go], History], set[str]]] = {
    **{
        name: (
            lambda lab, go, third=third: scenarios.crashes(lab, third, go),  # type: ignore[misc]
            {"survives_crashes", "frees_readers_after_a_crash"},
        )
        for third, name in zip(scenarios.THIRDS, CRASHES, strict=True)
    },
    "stalled": (scenarios.stalled_commit, {"rides_out_a_stalled_commit"}),
    "zombie": (scenarios.zombie, {"zombie_leaves_no_trace"}),
    "failed_send": (scenarios.failed_send, {"rewinds_after_a_failed_send"}),
}


@pytest.fixture(scope="module")
def runs(lab: Lab, selected: set[str]) -> Runs:
    """All scenarios that a chosen check asks about, side by side.

    Those with faults begin when the ordinary one has seen that the service works at all. The one
    that needs the broker for itself gets ready with the others and then waits for them.
    """
    works = threading.Event()
    chosen = {name: fn for name, (fn, checks) in FAULTY.items() if checks & selected}
    started: dict[str, Future[History]] = {}
    all_started = threading.Event()

    def ordinary() -> History:
        try:
            return scenarios.ordinary(lab, works.set)
        finally:
            works.set()

    def later(scenario: Callable[[Lab, scenarios.Go], History]) -> Callable[[], History]:
        return lambda: scenario(lab, works.wait)

    def alone() -> None:
        all_started.wait()
        for name, run in started.items():
            if name != "restart":
                run.exception()

    jobs = {"ordinary": ordinary} | {name: later(fn) for name, fn in chosen.items()}
    if "survives_a_broker_restart" in selected:
        jobs["restart"] = later(lambda lab, go: scenarios.broker_restart(lab, alone, go))
    started |= lab.together(jobs, at_once=len(jobs))
    all_started.set()
    return started


@pytest.fixture(scope="module")
def ordinary(runs: Runs) -> History:
    return runs["ordinary"].result()


def test_transfers_become_debit_and_credit(ordinary: History) -> None:
    """Each valid transfer becomes one debit and one credit, with the right key and fields."""
    expect(
        judge.gone(ordinary)
        + [f for f in judge.delivered(ordinary) if f.code != "aborted-read"]
        + judge.ledger_content(ordinary)
    )


@pytest.mark.needs("transfers_become_debit_and_credit")
def test_invalid_transfers_are_rejected(ordinary: History) -> None:
    """Each invalid transfer ends in the rejects topic, unchanged, with a reason, and only there."""
    expect(judge.rejected(ordinary))


@pytest.mark.needs("transfers_become_debit_and_credit")
@pytest.mark.hint(0)
def test_aborted_input_is_ignored(ordinary: History) -> None:
    """A transfer whose own transaction was aborted leaves no trace."""
    expect(judge.aborted_inputs(ordinary))


@pytest.mark.needs("transfers_become_debit_and_credit")
@pytest.mark.hint(1)
def test_one_transaction(ordinary: History) -> None:
    """Debit, credit and consumed offset are committed in one transaction; rejects in their own."""
    expect(judge.in_transactions(ordinary) + judge.offsets(ordinary))


@pytest.mark.needs("transfers_become_debit_and_credit")
def test_stops_on_sigterm(ordinary: History) -> None:
    """On SIGTERM the service finishes or aborts what is in flight and exits with code 0."""
    code = ordinary.stop_code
    if code is None:
        expect(
            [
                Finding(
                    "no-stop",
                    "The service was still running 10 seconds after SIGTERM. Look at whether its "
                    "loop checks a flag that the signal handler sets, and at calls that block.",
                )
            ]
        )
    if code != 0:
        meaning = f"was ended by signal {-code}" if code < 0 else f"exited with code {code}"
        expect(
            [
                Finding(
                    "exit-code",
                    f"After SIGTERM the service {meaning}; expected exit code 0. Catch the signal, "
                    "leave the loop, close the clients, then end normally.",
                    {"code": code},
                )
            ]
        )


@pytest.mark.needs("one_transaction")
@pytest.mark.hint(2)
def test_survives_crashes(runs: Runs) -> None:
    """Killed before and after each step of a transaction, it handles each transfer exactly once."""
    halves = [runs[name].result() for name in CRASHES]
    found = next(filter(None, map(judge.after_a_crash, halves)), [])
    hits = [hit for history in halves for hit in history.hits]
    if not found and sum(history.open_hits for history in halves) < 3:
        raise RuntimeError(f"fewer than 3 kills hit an open transaction: {hits}")
    expect(found)


@pytest.mark.needs("one_transaction")
@pytest.mark.hint(2)
def test_frees_readers_after_a_crash(runs: Runs) -> None:
    """After a crash and a restart, readers get past the transaction that was left open."""
    halves = [runs[name].result() for name in CRASHES]
    expect(next(filter(None, map(judge.hanging, halves)), []))


@pytest.mark.needs("one_transaction")
@pytest.mark.hint(3)
def test_zombie_leaves_no_trace(runs: Runs) -> None:
    """An instance that hangs in a transaction and is replaced leaves no trace and exits non-0."""
    history = runs["zombie"].result()
    expect(judge.zombie(history))


@pytest.mark.needs("one_transaction")
@pytest.mark.hint(3)
def test_rewinds_after_a_failed_send(runs: Runs) -> None:
    """When a send fails, the transaction is aborted and its transfers are handled again."""
    expect(judge.after_faults(runs["failed_send"].result()))


@pytest.mark.needs("one_transaction")
@pytest.mark.hint(4)
def test_rides_out_a_stalled_commit(runs: Runs) -> None:
    """A commit whose answer is late and then lost is neither undone nor done twice."""
    expect(judge.after_faults(runs["stalled"].result()))


@pytest.mark.needs("one_transaction")
@pytest.mark.hint(4)
def test_survives_a_broker_restart(runs: Runs) -> None:
    """The broker is killed in the middle of a commit and comes back: nothing is lost or doubled."""
    expect(judge.after_faults(runs["restart"].result()))
