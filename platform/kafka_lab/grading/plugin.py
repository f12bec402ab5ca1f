"""The pytest plugin in the grader's child: runs checks, reports outcomes, shows nothing."""

from __future__ import annotations

import json
import os
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kafka_lab.api import CheckResult, Finding, Findings, Outcome
from kafka_lab.grading.job import Job
from kafka_lab.grading.lab import Lab
from kafka_lab.runtime.errors import LabError


def check_id(item: pytest.Item) -> str:
    """``test_survives_crashes`` is the check ``survives_crashes``."""
    return item.name.removeprefix("test_")


def _needs(item: pytest.Item) -> tuple[str, ...]:
    return tuple(str(n) for mark in item.iter_markers("needs") for n in mark.args)


class LabPlugin:
    """Collects a grader's checks, honours ``needs``, and writes one JSON line per outcome."""

    def __init__(self, job: Job, lab_source: Any) -> None:
        self._job = job
        self._lab_source = lab_source
        self._lab: Lab | None = None
        self._points = dict(job.checks)
        self._done: dict[str, Outcome] = {}
        self._started: dict[str, float] = {}
        self._stop = False
        self._failure: BaseException | None = None
        self._selected: set[str] = set()
        self._sending = threading.Lock()

    def send(self, kind: str, **fields: Any) -> None:
        line = json.dumps({"type": kind, **fields}, default=str) + "\n"
        with self._sending:  # a long line of another thread must not fall in between
            os.write(self._job.results_fd, line.encode())

    # -- collection -----------------------------------------------------------------------

    @pytest.hookimpl
    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "needs(*checks): not reached unless these passed")
        config.addinivalue_line("markers", "hint(index): the hint to show when this check fails")
        # Not earlier: before pytest has installed its import hook, this would do nothing.
        helpers = Path(self._job.grader).glob("*.py")
        names = [p.stem for p in helpers if not p.name.startswith("test_")]
        pytest.register_assert_rewrite("kafka_lab.oracles", *names)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        by_id = {check_id(item): item for item in items}
        wanted = set(self._job.only) or set(by_id)
        todo = list(wanted)
        while todo:  # a chosen check brings what it needs
            item = by_id.get(todo.pop())
            for need in _needs(item) if item else ():
                if need not in wanted:
                    wanted.add(need)
                    todo.append(need)
        self._selected = wanted
        items[:] = [item for item in items if check_id(item) in wanted]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.send("broken", error=str(report.longrepr))

    # -- one check ------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        name = check_id(item)
        self._started[name] = time.monotonic()
        unknown = [n for n in _needs(item) if n not in self._done]
        if unknown:
            # Else a slip of the grader would count against the learner for ever.
            self._report(
                item, Outcome.ERROR, error=f"it needs {unknown[0]!r}, which no check before it is"
            )
            return True
        missing = [n for n in _needs(item) if self._done.get(n) is not Outcome.PASSED]
        if self._stop or missing:
            self._report(item, Outcome.NOT_REACHED)
            return True
        self.send("checking", id=name, title=_title(item))
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Iterator[Any]:
        report = yield
        name = check_id(item)
        if name in self._done and (call.when != "teardown" or call.excinfo is None):
            return report
        if call.excinfo is not None:  # in the teardown it takes back what was reported
            self._judge(item, call.excinfo.value)
        elif call.when == "call":
            self._report(item, Outcome.PASSED)
        return report

    def _judge(self, item: pytest.Item, problem: BaseException) -> None:
        lost = self._lab.lost_brokers() if self._lab is not None else []
        if isinstance(problem, Findings) and not lost:
            self._report(item, Outcome.FAILED, problem.findings + self._denied())
            return
        text = "".join(traceback.format_exception(problem))
        if lost:
            # Whatever was found may be due to that: it must not count against the learner.
            text += lost[0]
        self._report(item, Outcome.ERROR, error=text)

    def _denied(self) -> tuple[Finding, ...]:
        if self._lab is None:
            return ()
        try:
            denied = self._lab.denials()
        except LabError as e:  # what was found stands, with or without this
            self.send("note", text=f"{e.what}; {e.fix}")
            return ()
        return tuple(
            Finding(
                "denied",
                f"The cluster's authorizer denied your program {d.operation} on {d.resource}: it "
                f"has no right {d.right}. It may use only the topics, the group and the "
                "transactional id that it was given: check for a name that is not taken from its "
                "variable.",
                {"operation": d.operation, "resource": d.resource, "right": d.right},
            )
            for d in denied[:3]
        )

    def _report(
        self,
        item: pytest.Item,
        outcome: Outcome,
        findings: tuple[Finding, ...] = (),
        error: str = "",
    ) -> None:
        name = check_id(item)
        self._done[name] = outcome
        hint = item.get_closest_marker("hint")
        result = CheckResult(
            id=name,
            title=_title(item),
            outcome=outcome,
            points=self._points.get(name, 0),
            findings=findings,
            error=error,
            hint=int(hint.args[0]) if hint else None,
            needs=_needs(item),
            seconds=round(time.monotonic() - self._started[name], 3),
        )
        if outcome is Outcome.FAILED and self._job.fail_fast:
            self._stop = True
        self.send("check", result=result.to_json())

    # -- fixtures -------------------------------------------------------------------------

    @pytest.fixture(scope="session")
    def lab(self) -> Lab:
        """The harness: cluster, programs, faults, time, chance (see the fixtures' reference)."""
        if self._lab is None:
            self._lab = self._lab_source()
        return self._lab

    @pytest.fixture(scope="session")
    def selected(self) -> set[str]:
        """Ids of the checks of this attempt, so that scenarios nobody asks about do not run."""
        return self._selected


def _title(item: pytest.Item) -> str:
    doc = getattr(getattr(item, "function", None), "__doc__", None) or check_id(item)
    return " ".join(doc.split())
