"""The grader of ``schema-compatibility``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import judge
import scenarios
import workflow
from desk import Desk
from kafka_lab.api import Finding, expect
from references import Library
from report import Run
from subjects import Subject

if TYPE_CHECKING:
    from kafka_lab.grading.lab import Lab

Judged = tuple[Run, Sequence[Subject]]
Jobs = Mapping[str, Future[Any]]

TABLES = {
    "fields": ("fields", "names"),
    "types": ("types",),
    "unions": ("unions", "enums"),
    "nested": ("nested",),
}
NEEDED = {
    "registry": {"reads_the_registry", "follows_references"},
    "silent": {"no_answer_is_no_pass"},
    "ci": {"workflow_stops_the_merge"},
}


@pytest.fixture(scope="module")
def jobs(lab: Lab, selected: set[str]) -> Jobs:
    """All calls of the tool. One job is one instance of it, and calls it again and again.

    The others begin when the first call has left a report.
    """
    looked, state = threading.Event(), {"works": False}
    shelves: Future[scenarios.Shelves] = Future()

    def folders() -> dict[str, Judged]:
        try:
            desk = Desk(lab, "folders")
            found = {"compatible": _folder(desk, "nothing breaks", scenarios.compatible(lab))}
            state["works"] = not judge.ended(found["compatible"][0])
        finally:
            looked.set()
        if state["works"]:
            found["breaking"] = _folder(desk, "four changes break", scenarios.breaking(lab))
            found["levels"] = _folder(desk, "each level", scenarios.levels(lab))
            for name in ("fields", "types"):
                found[name] = _table(lab, desk, name)
            library = Library(lab.rng("library", "folder"), lab.name("library", "folder"))
            referring = [*library.types, *library.judged(), *library.unjudged()]
            found["references"] = _folder(desk, "references in a folder", referring)
        return found

    def more_folders() -> dict[str, Any]:
        desk = Desk(lab, "more-folders")
        found: dict[str, Any] = {name: _table(lab, desk, name) for name in ("unions", "nested")}
        several = scenarios.histories(lab, "folder")
        found["histories"] = _folder(desk, "several earlier versions", several)
        found["unreadable"] = _folder(desk, "files that are no schemas", scenarios.unreadable(lab))
        found["no_folders"] = scenarios.no_folders(desk, lab)
        return found

    def registry() -> dict[str, Judged]:
        there = shelves.result()
        gateway = lab.gateway("registry-of-the-check", there.service)
        desk = Desk(lab, "registry", gateway.url)
        scenario = "references in the registry"
        return {
            "ordinary": (scenarios.against_registry(desk, there, gateway), there.ordinary),
            "references": (
                desk.against_registry(scenario, there.referring, gateway.url),
                there.referring,
            ),
        }

    def silent() -> dict[str, Any]:
        there = shelves.result()
        gateway = lab.gateway("silent-registry", there.service)
        desk = Desk(lab, "silent", gateway.url)
        return {
            "all": scenarios.no_answers(desk, there, gateway),
            "one": (*scenarios.one_subject_lost(desk, there, gateway), there.fine),
        }

    def ci() -> tuple[workflow.Workflow, list[tuple[Run, Sequence[Subject] | None]]]:
        read = workflow.read(Path(lab.ready.source))
        if read.step is None:
            return read, []
        there = shelves.result()
        gateway = lab.gateway("registry-of-the-workflow", there.service)
        desk = Desk(lab, "workflow", gateway.url)
        return read, scenarios.workflow_runs(desk, read.step, there, gateway)

    def fill() -> None:
        try:
            shelves.set_result(scenarios.Shelves(lab))
        except BaseException as e:
            shelves.set_exception(e)

    def later(run: Callable[[], Any]) -> Callable[[], Any]:
        def wait() -> Any:
            looked.wait()
            return run() if state["works"] else None

        return wait

    wanted = {"registry": registry, "silent": silent, "ci": ci}
    chosen = {name: run for name, run in wanted.items() if NEEDED[name] & selected}
    todo: dict[str, Callable[[], Any]] = {"folders": folders, "more": later(more_folders)}
    todo |= {name: later(run) for name, run in chosen.items()}
    if chosen:
        todo["fill"] = fill
    return lab.together(todo, at_once=len(todo))


def _folder(desk: Desk, scenario: str, subjects: Sequence[Subject]) -> Judged:
    return desk.against_folder(scenario, subjects), subjects


def _table(lab: Lab, desk: Desk, name: str) -> Judged:
    scenario = f"pairs of schemas: {', '.join(TABLES[name])}"
    return _folder(desk, scenario, scenarios.table(lab, TABLES[name]))


def test_passes_what_is_compatible(jobs: Jobs) -> None:
    """Changes that break nothing pass: exit code 0, and a JUnit test case for each comparison."""
    expect(judge.verdicts(*jobs["folders"].result()["compatible"]))


@pytest.mark.needs("passes_what_is_compatible")
@pytest.mark.hint(0)
def test_stops_a_breaking_change(jobs: Jobs) -> None:
    """A breaking change is a failure in the report, and the exit code is 1."""
    expect(judge.verdicts(*jobs["folders"].result()["breaking"]))


@pytest.mark.needs("stops_a_breaking_change")
@pytest.mark.hint(0)
def test_levels_have_a_direction(jobs: Jobs) -> None:
    """BACKWARD, FORWARD and FULL ask who reads whose data; NONE asks nothing."""
    expect(judge.verdicts(*jobs["folders"].result()["levels"]))


@pytest.mark.needs("levels_have_a_direction")
@pytest.mark.hint(1)
def test_fields_and_names(jobs: Jobs) -> None:
    """Added, removed, renamed and reordered fields, defaults and aliases are judged as by Avro."""
    expect(judge.verdicts(*jobs["folders"].result()["fields"]))


@pytest.mark.needs("levels_have_a_direction")
@pytest.mark.hint(1)
def test_types(jobs: Jobs) -> None:
    """Types that may be read as others, and types that may not, are told apart."""
    expect(judge.verdicts(*jobs["folders"].result()["types"]))


@pytest.mark.needs("levels_have_a_direction")
@pytest.mark.hint(2)
def test_unions_and_enums(jobs: Jobs) -> None:
    """Unions are judged branch by branch, enums symbol by symbol with their default."""
    expect(judge.verdicts(*jobs["more"].result()["unions"]))


@pytest.mark.needs("levels_have_a_direction")
@pytest.mark.hint(2)
def test_nested_types(jobs: Jobs) -> None:
    """Records inside of records, arrays, maps and unions are judged, also those that recur."""
    expect(judge.verdicts(*jobs["more"].result()["nested"]))


@pytest.mark.needs("stops_a_breaking_change")
@pytest.mark.hint(3)
def test_says_where(jobs: Jobs) -> None:
    """Each failure names the field that breaks, with the whole way to it, in report and output."""
    folders, more = jobs["folders"].result(), jobs["more"].result()
    runs = [folders["breaking"], folders["fields"], folders["types"], more["unions"]]
    expect([f for run in (*runs, more["nested"]) for f in judge.places(*run)][:3])


@pytest.mark.needs("levels_have_a_direction")
@pytest.mark.hint(3)
def test_transitive_levels(jobs: Jobs) -> None:
    """Transitive levels compare with every earlier version, the others with the latest alone."""
    expect(judge.verdicts(*jobs["more"].result()["histories"]))


@pytest.mark.needs("stops_a_breaking_change")
@pytest.mark.hint(4)
def test_reads_the_registry(jobs: Jobs) -> None:
    """Against a registry, its versions count, and its levels: the subject's own or the global."""
    expect(judge.verdicts(*jobs["registry"].result()["ordinary"]))


@pytest.mark.needs("reads_the_registry")
@pytest.mark.hint(4)
def test_follows_references(jobs: Jobs) -> None:
    """Types of other subjects are looked up in their version; what is not found is no pass."""
    found = judge.verdicts(*jobs["folders"].result()["references"])
    expect(found or judge.verdicts(*jobs["registry"].result()["references"]))


@pytest.mark.needs("stops_a_breaking_change")
@pytest.mark.hint(5)
def test_no_verdict_is_no_pass(jobs: Jobs) -> None:
    """No schema, no baseline, files that are no schemas: an error, and exit code 2."""
    more = jobs["more"].result()
    found = judge.verdicts(*more["unreadable"])
    found += [f for run in more["no_folders"] for f in judge.no_verdict(run)]
    expect(found)


@pytest.mark.needs("reads_the_registry")
@pytest.mark.hint(5)
def test_no_answer_is_no_pass(jobs: Jobs) -> None:
    """A registry that cannot be reached, or answers nonsense, is an error and no pass."""
    silent = jobs["silent"].result()
    found: list[Finding] = [f for run in silent["all"] for f in judge.no_verdict(*run)]
    run, asked, _ = silent["one"]
    expect(found or judge.no_verdict(run, asked))


@pytest.mark.needs("reads_the_registry")
@pytest.mark.hint(5)
def test_workflow_stops_the_merge(jobs: Jobs) -> None:
    """The CI workflow is sound, and its step ends as your program does, with its report kept."""
    read, runs = jobs["ci"].result()
    found = list(read.findings)
    for run, subjects in runs:
        found += judge.verdicts(run, subjects) if subjects else judge.no_verdict(run)
    expect(found)
