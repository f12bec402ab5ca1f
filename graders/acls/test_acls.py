"""The grader of ``acls``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest

import judge
import scenarios
from company import History
from kafka_lab.api import Finding, expect
from matrix import Cell, whole

if TYPE_CHECKING:
    from kafka_lab.grading.lab import Lab

Runs = Mapping[str, Future[History]]

STALE = {"stale_grants_are_removed", "rules_of_others_stay", "rights_never_lapse"}
LATER: Mapping[str, tuple[Callable[[Lab], History], set[str]]] = {
    "stale": (scenarios.stale, STALE),
    "crashed": (scenarios.crashed, {"goes_on_after_a_crash"}),
    "refused": (scenarios.refused, {"a_refusal_is_an_error"}),
}


@pytest.fixture(scope="module")
def runs(lab: Lab, selected: set[str]) -> Runs:
    """All scenarios that a chosen check asks about; the others begin when the script works."""
    first = threading.Event()
    fine: list[bool] = []

    def works(well: bool) -> None:
        fine.append(well)
        first.set()

    def fresh() -> History:
        try:
            return scenarios.fresh(lab, works)
        finally:
            first.set()

    def later(name: str, scenario: Callable[[Lab], History]) -> Callable[[], History]:
        def run() -> History:
            first.wait()
            return scenario(lab) if any(fine) else History(name, skipped=True)

        return run

    jobs = {"fresh": fresh}
    jobs |= {n: later(n, fn) for n, (fn, checks) in LATER.items() if checks & selected}
    return lab.together(jobs, at_once=len(jobs))


@pytest.fixture(scope="module")
def fresh(lab: Lab, runs: Runs) -> History:
    history = runs["fresh"].result()
    lab.note(f"who may do what, each tried for real:\n{whole(history.seen)}")
    return history


def later(runs: Runs, name: str) -> History:
    history = runs[name].result()
    if history.skipped:
        raise RuntimeError(f"the scenario {name} was not run although the first one worked")
    return history


def _both(history: History, of: Callable[[Cell], bool]) -> list[Finding]:
    """Allowed what should be, denied what should not be, and listed accordingly."""
    return (
        judge.works(history.seen, of)
        + judge.nothing_more(history.seen, of)
        + judge.lists(history.lists, of)
    )


def test_granted_rights_work(fresh: History) -> None:
    """Shop, billing and analysts can do what the table says: each right tried for real."""
    found = judge.ended(fresh.runs[0]) + judge.works(fresh.seen, judge.granted)
    expect(found or judge.transaction(fresh))


@pytest.mark.needs("granted_rights_work")
@pytest.mark.hint(0)
def test_nothing_else_works(fresh: History) -> None:
    """Whatever else shop, billing, analysts and retired users try is denied."""
    expect(judge.nothing_more(fresh.seen, judge.granted) + judge.lists(fresh.lists, judge.granted))


@pytest.mark.needs("granted_rights_work")
@pytest.mark.hint(1)
def test_names_are_exact(fresh: History) -> None:
    """A prefix covers what begins with it, now and later; a name covers itself and no neighbour."""
    expect(_both(fresh, judge.neighbours))


@pytest.mark.needs("granted_rights_work")
@pytest.mark.hint(2)
def test_the_private_topic_stays_closed(fresh: History) -> None:
    """Analysts can neither read the private topic nor see that it is there, at any moment."""
    expect(
        judge.nothing_more(fresh.seen, judge.private)
        + judge.lists(fresh.lists, judge.private)
        + judge.opened(fresh.runs)
    )


@pytest.mark.needs("granted_rights_work")
@pytest.mark.hint(0)
def test_only_the_operator_configures(fresh: History) -> None:
    """The operator alone reads and changes the topics' configuration, and touches no record."""
    expect(_both(fresh, judge.configuring))


@pytest.mark.needs("granted_rights_work")
@pytest.mark.hint(3)
def test_a_certificate_is_known_by_its_name(fresh: History) -> None:
    """The carrier, who shows a certificate, can do what the table says and nothing else."""
    expect(_both(fresh, judge.by_certificate))


@pytest.mark.needs("granted_rights_work")
@pytest.mark.hint(4)
def test_a_second_run_changes_nothing(fresh: History) -> None:
    """Run again, the script ends well and leaves every rule, and what it allows, as it was."""
    expect(
        judge.same(fresh)
        + judge.works(judge.not_before(fresh.later, fresh.seen), lambda cell: True)
        + judge.nothing_more(judge.not_before(fresh.later, fresh.seen), lambda cell: True)
    )


@pytest.mark.needs("granted_rights_work")
@pytest.mark.hint(4)
def test_stale_grants_are_removed(runs: Runs, fresh: History) -> None:
    """What a predecessor left too much is removed, whatever its shape, and the table holds."""
    history = later(runs, "stale")
    seen = judge.not_before(history.seen, fresh.seen)
    found = judge.ended(history.runs[0]) + judge.removed(history)
    expect(
        found or judge.works(seen, lambda cell: True) + judge.nothing_more(seen, lambda cell: True)
    )


@pytest.mark.needs("granted_rights_work")
@pytest.mark.hint(4)
def test_rules_of_others_stay(runs: Runs) -> None:
    """Rules of principals that the script was not told of are left alone."""
    expect(judge.others(later(runs, "stale")))


@pytest.mark.needs("granted_rights_work")
@pytest.mark.hint(4)
def test_rights_never_lapse(runs: Runs, fresh: History) -> None:
    """A right that is there and is to stay is there at every moment of a run."""
    expect(judge.lapsed([fresh, later(runs, "stale")]))


@pytest.mark.needs("granted_rights_work")
@pytest.mark.hint(5)
def test_goes_on_after_a_crash(runs: Runs, fresh: History) -> None:
    """Killed after its first change and started again, the script brings about the whole table."""
    history = later(runs, "crashed")
    seen = judge.not_before(history.seen, fresh.seen)
    expect(
        judge.unchanged(history)
        or judge.ended(history.runs[1])
        or judge.works(seen, lambda cell: True) + judge.nothing_more(seen, lambda cell: True)
    )


@pytest.mark.needs("granted_rights_work")
@pytest.mark.hint(5)
def test_a_refusal_is_an_error(runs: Runs) -> None:
    """Where the cluster refuses its changes, the script ends with another exit code than 0."""
    expect(judge.refusal(later(runs, "refused")))
