"""The log of an attempt, from which its picture can be drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kafka_lab.api import Outcome, Verdict
from kafka_lab.runtime.events import read_events

from .conftest import Grade, folder_of

GRADER = """
def test_it(lab):
    '''It stops when it is told to.'''
    topic = lab.name("topic")
    lab.create_topics({topic: 2})
    role = lab.role("idle", {"TOPIC": topic}, lambda principal: [])
    role.program.start()
    assert lab.wait(lambda: "up" in role.program.tail() or not role.program.running(), 10)
    role.program.pause()
    role.program.resume()
    role.program.terminate()
    assert role.program.wait(lab.seconds(10)) == 0
    role.program.start()
    lab.note("on record")
    role.program.kill()
"""

PROGRAM = """
import signal, sys, threading
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("up")
threading.Event().wait()
"""


def logged(verdict: Verdict) -> list[dict[str, Any]]:
    return read_events(folder_of(verdict) / "events.jsonl")


def test_what_was_started_and_broken_and_when(grade: Grade, source: Path) -> None:
    (source / "main.py").write_text(PROGRAM)
    verdict = grade(GRADER, "it", seed=3)
    assert (verdict.outcome, verdict.error) == (Outcome.PASSED, "")
    events = logged(verdict)
    # A client of a cluster that is gone may knock at a port that is now this relay's: what it
    # asks is refused by the broker, and on record.
    own = [e["kind"] for e in events if e["kind"] not in ("request", "response")]
    assert own == [
        "attempt",
        "cluster",
        "topics",
        "role",
        "program-start",
        "program-pause",
        "program-resume",
        "program-terminate",
        "program-exit",
        "program-start",
        "note",
        "program-kill",
        "program-exit",
        "end",
    ]
    by_kind = {e["kind"]: e for e in events}
    assert by_kind["attempt"]["id"] == verdict.attempt
    assert (by_kind["attempt"]["exercise"], by_kind["attempt"]["seed"]) == ("tiny", 3)
    assert by_kind["cluster"]["backend"] == "embedded"
    assert by_kind["cluster"]["version"] == verdict.kafka_version
    assert by_kind["cluster"]["brokers"] == [1]
    assert list(by_kind["topics"]["topics"].values()) == [2]
    assert [e["code"] for e in events if e["kind"] == "program-exit"] == [0, -9]
    assert {e["program"] for e in events if e["kind"].startswith("program")} == {"idle"}
    assert (by_kind["role"]["program"], by_kind["role"]["principal"]) == ("idle", "program-0")
    # One clock for parent and child.
    times = [e["t"] for e in events]
    assert times == sorted(times)
    assert times[-1] <= verdict.seconds + 0.001  # which is rounded
    assert verdict.notes == ("on record",)


def test_an_attempt_that_breaks_has_its_log_too(grade: Grade) -> None:
    verdict = grade("import os\nos._exit(1)\n", "it")
    kinds = [e["kind"] for e in logged(verdict)]
    assert (kinds[0], kinds[-1]) == ("attempt", "end")


def test_what_an_attempt_leaves_in_its_folder(grade: Grade, source: Path) -> None:
    (source / "main.py").write_text("raise SystemExit(2)\n")
    verdict = grade(GRADER, "it", seed=4)  # resuming what is gone
    assert verdict.outcome is Outcome.ERROR
    names = {p.name for p in folder_of(verdict).iterdir()}
    assert names >= {
        "broker-1.log",
        "events.jsonl",
        "grader.log",
        "program-idle.log",
        "source",
        "verdict.json",
    }


def test_a_report_that_breaks_changes_no_verdict(grade: Grade) -> None:
    told: list[tuple[Path, Outcome]] = []

    def broken(folder: Path, verdict: Verdict) -> None:
        told.append((folder, verdict.outcome))
        raise OSError("the disk is full")

    verdict = grade("def test_it(lab):\n    '''It is.'''\n", "it", report=broken)
    assert (verdict.outcome, verdict.error) == (Outcome.PASSED, "")
    assert told == [(folder_of(verdict), Outcome.PASSED)]
    assert "the disk is full" in (folder_of(verdict) / "report-broke.log").read_text()
    assert (folder_of(verdict) / "verdict.json").is_file()
