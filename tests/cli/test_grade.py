"""``kafka-lab grade`` on real clusters: workers killed, runs interrupted, graders that break."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from distributed import Client

from kafka_lab.batch.outputs import tables
from kafka_lab.programs.sandbox.kinds import choose
from kafka_lab.runtime.errors import UsageError
from kafka_lab.runtime.events import read_events

from .conftest import PLUGIN, SOLUTION, Tool

STARTER = PLUGIN / "echo" / "starter" / "python"


@pytest.fixture
def submissions(tool: Tool) -> Path:
    """Six submissions: right, the starter, empty, a copy, a copy but for white space, zip-slip."""
    assert tool.call("course", "new", "echo").code == 0
    folder = tool.folder / "submissions"
    for student in ("ada", "dan"):
        shutil.copytree(SOLUTION.parent, folder / student / "echo")
    shutil.copytree(STARTER, folder / "bob" / "echo")
    (folder / "cyd" / "echo").mkdir(parents=True)
    copy = shutil.copytree(SOLUTION.parent, folder / "fay" / "echo") / "echo.py"
    copy.write_text(copy.read_text().replace("\n", "\n\n"))
    with zipfile.ZipFile(folder / "eve.zip", "w") as file:
        file.writestr("echo/echo.py", SOLUTION.read_text())
        file.writestr("../../../escaped.py", "x")
    return folder


def results(tool: Tool) -> dict[str, Any]:
    found = (tool.folder / "out" / "results").glob("*/*.json")
    return {p.parent.name: json.loads(p.read_text()) for p in found}


def workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(process.pid).children():
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            if "kafka_lab.batch.worker" in child.cmdline():
                found.append(child)
    return found


def grading(worker: psutil.Process) -> list[psutil.Process]:
    """A worker's brokers, graders and programs that run now."""
    try:
        return [p for p in worker.children(recursive=True) if p.name() == "java"]
    except psutil.Error:
        return []


ARGS = ("grade", "submissions", "--out", "out", "--no-sandbox")


def test_a_class_is_graded_though_a_worker_is_killed(tool: Tool, submissions: Path) -> None:
    process = tool.begin(*ARGS, "--workers", "2")
    victim: list[psutil.Process] = []

    def at_work() -> bool:
        victim[:] = [w for w in workers(process) if grading(w)]
        return bool(victim)

    tool.until(at_work)
    victim[0].kill()
    done = tool.end(process)
    assert done.code == 0, done.said
    assert "died (SIGKILL); its submissions are graded again" in done.out
    assert tool.left_over() == []
    assert not list(tool.folder.parent.rglob("escaped.py"))

    found = results(tool)
    assert {s: (r["outcome"], r["earned"]) for s, r in found.items()} == {
        "ada": ("passed", 10),
        "bob": ("failed", 0),
        "cyd": ("failed", 0),
        "dan": ("passed", 10),
        "eve": ("failed", 0),
        "fay": ("passed", 10),
    }
    codes = {s: r["checks"][0]["findings"][0]["code"] for s, r in found.items() if not r["earned"]}
    assert codes == {"bob": "missing", "cyd": "empty", "eve": "path-escapes"}
    assert len({r["seed"] for r in found.values()}) == 1
    book = {r["student"]: r for r in csv.DictReader((tool.folder / "out/gradebook.csv").open())}
    assert {s: (r["echo"], r["echo state"], r["percent"]) for s, r in book.items()} == {
        "ada": ("10", "graded", "100"),
        "bob": ("0", "graded", "0"),
        "cyd": ("0", "refused", "0"),
        "dan": ("10", "graded", "100"),
        "eve": ("0", "refused", "0"),
        "fay": ("10", "graded", "100"),
    }
    same = (tool.folder / "out" / "identical.csv").read_text().splitlines()[1:]
    assert same == ["echo,bytes,no,ada,dan", "echo,white space,no,ada,dan,fay"]

    # Again: nothing is graded that has not changed, and what has is said.
    before = {p: p.stat().st_mtime_ns for p in (tool.folder / "out/results").glob("*/*")}
    again = tool.call(*ARGS)
    assert "0 graded, 6 kept" in again.out
    assert "no points have changed" in again.out
    assert before == {p: p.stat().st_mtime_ns for p in before}
    shutil.copy(SOLUTION, submissions / "bob" / "echo")
    shutil.rmtree(submissions / "dan")
    tool.call("course", "override", "eve", "echo", "4", "--reason", "sent again by mail")
    changed = tool.run(*ARGS)
    assert changed.code == 0, changed.said
    assert "1 graded, 4 kept" in changed.out
    assert "bob, echo: 0 → 10 (graded again: another submission)" in changed.out
    assert "dan, echo: 10 → none (no longer handed in)" in changed.out
    assert "eve, echo: 0 → 4 (override: sent again by mail)" in changed.out
    assert sorted(results(tool)) == ["ada", "bob", "cyd", "eve", "fay"]


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill"])
def test_a_run_that_is_stopped_leaves_nothing_and_goes_on_later(
    tool: Tool, submissions: Path, blow: signal.Signals
) -> None:
    process = tool.begin(*ARGS, "--workers", "1")

    def in_the_second() -> bool:
        count = len([s for s in results(tool) if s in ("ada", "bob", "dan", "fay")])
        return count >= 1 and any(grading(w) for w in workers(process))

    tool.until(in_the_second)
    os.killpg(process.pid, blow)
    done = tool.end(process)
    assert done.code == (130 if blow == signal.SIGINT else -9)
    if blow == signal.SIGKILL:
        tool.until(lambda: tool.processes() == [])
    finished = {s: r for s, r in results(tool).items() if r["outcome"] != "error"}
    assert 3 <= len(finished) < 6  # two of them were never run
    rest = tool.run(*ARGS)
    assert rest.code == 0, rest.said
    assert f"{6 - len(finished)} graded, {len(finished)} kept" in rest.out
    found = results(tool)
    assert len(found) == 6
    assert {s: found[s] for s in finished} == finished
    assert tool.left_over() == []


BROKEN = """\
def test_copies(lab):
    \"\"\"Each value arrives once.\"\"\"
    raise RuntimeError("the grader's own fault")


def test_keeps_keys(lab):
    \"\"\"Each value has its own key.\"\"\"
"""


def test_when_the_lab_breaks_the_instructor_decides(tool: Tool) -> None:
    assert tool.call("course", "new", "echo").code == 0
    course = tool.folder / "kafka_lab.toml"
    course.write_text(course.read_text().replace('# graders = "graders" ', 'graders = "graders" '))
    private = tool.folder / "graders" / "echo"
    private.mkdir(parents=True)
    (private / "test_mine.py").write_text(BROKEN)
    shutil.copytree(SOLUTION.parent, tool.folder / "submissions" / "ada" / "echo")
    done = tool.run(*ARGS)
    assert done.code == 3, done.said
    assert "ada, echo: the lab broke (try 3)" in done.out
    assert "the lab broke, no points: ada, echo: the check copies broke" in done.out
    (attempts,) = [list(tool.home.glob("attempts/*"))]
    assert len(attempts) == 3
    out = tool.folder / "out"
    (row,) = csv.DictReader((out / "gradebook.csv").open())
    assert (row["echo"], row["echo state"]) == ("", "needs attention")
    assert not (out / "gradescope").exists()
    told = json.loads((out / "prairielearn/ada/echo/results.json").read_text())
    assert told["gradable"] is False
    assert "To decide" in (out / "index.html").read_text()
    # The grader is mended: it is graded again, without being asked.
    grader = (PLUGIN / "echo" / "grader" / "test_echo.py").read_text()
    (private / "test_mine.py").write_text(grader)
    mended = tool.run(*ARGS)
    assert mended.code == 0, mended.said
    assert "ada, echo: none → 10 (graded again: the lab broke before)" in mended.out
    assert tool.left_over() == []


def test_without_a_sandbox_it_has_to_be_said(tool: Tool, submissions: Path) -> None:
    tool.env["PATH"] = str(tool.folder)  # nothing is installed here
    tool.env["DOCKER_HOST"] = "tcp://127.0.0.1:1"
    refused = tool.run("grade", "submissions", "--out", "out")
    assert refused.code == 2, refused.said
    assert "no sandbox works here" in refused.err
    assert "--no-sandbox" in refused.err
    assert not (tool.folder / "out").exists()


SPY = """\
import os, pathlib, sys
sys.stderr.write(f"sees {os.path.exists('PLACE')}\\n")
"""


def test_in_a_sandbox_by_default(tool: Tool, submissions: Path) -> None:
    """A right program passes, and one that looks for others' work finds none."""
    try:
        choose()
    except UsageError as e:
        if os.environ.get("KAFKA_LAB_REQUIRE_DOCKER"):
            raise
        pytest.skip(f"no sandbox works here: {e.what}")
    for student in ("bob", "cyd", "dan", "fay"):
        shutil.rmtree(submissions / student)
    shutil.copytree(SOLUTION.parent, submissions / "spy" / "echo")
    program = submissions / "spy" / "echo" / "echo.py"
    spy = SPY.replace("PLACE", str(submissions / "ada" / "echo" / "echo.py"))
    program.write_text(spy + program.read_text())
    shutil.copytree(SOLUTION.parent, submissions / "gil" / "echo")
    with (submissions / "gil" / "echo" / "requirements.txt").open("a") as file:
        file.write("\nrequests==2.32.0\n")
    done = tool.run("grade", "submissions", "--out", "out", "--workers", "2")
    assert done.code == 0, done.said
    found = results(tool)
    assert {s: r["earned"] for s, r in found.items()} == {
        "ada": 10, "eve": 0, "gil": 0, "spy": 10,
    }  # fmt: skip
    assert found["gil"]["outcome"] == "failed"  # a named verdict, and not the lab's error
    assert "library-not-allowed" in json.dumps(found["gil"])
    for student in ("ada", "spy"):
        folder = tool.home / "attempts" / found[student]["attempt"]
        assert "sandbox" in [e["kind"] for e in read_events(folder / "events.jsonl")]
    output = tool.home / "attempts" / found["spy"]["attempt"]
    said = "".join(p.read_text() for p in output.glob("*.log"))
    assert "sees False" in said
    assert "sees True" not in said
    assert tool.left_over() == []


def test_bad_input_is_said_before_anything_starts(tool: Tool, submissions: Path) -> None:
    (tool.folder / "mine").mkdir()
    (tool.folder / "mine" / "notes.txt").write_text("x")
    for args, said in (
        (("grade", "nowhere", "--out", "out", "--no-sandbox"), "is no folder"),
        (("grade", "submissions", "--out", "mine", "--no-sandbox"), "mine is not empty"),
        ((*ARGS, "--course", "other.toml"), "kafka-lab course new"),
        ((*ARGS, "--scheduler", "tcp://127.0.0.1:1"), "does not answer"),
    ):
        done = tool.call(*args)
        assert (done.code, said in done.err) == (2, True), done.said
    assert (tool.folder / "mine" / "notes.txt").read_text() == "x"


def test_no_cell_is_a_formula() -> None:
    for text in ("=1+1", "+1", "-1", "@x", "\t=1"):
        assert not tables.cell(text).startswith(("=", "+", "-", "@", "\t"))
    assert tables.cell("Ada") == "Ada"


@pytest.fixture
def scheduler(tool: Tool) -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """A Dask scheduler with two workers by Dask's own commands, as somebody has them already."""
    file = tool.folder.parent / "scheduler.json"
    common = ["--scheduler-file", str(file), "--no-dashboard"]

    def dask(*args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "dask", *args],
            env=tool.env,
            cwd=tool.folder.parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    running = [dask("scheduler", *common, "--host", "127.0.0.1", "--port", "0")]
    try:
        tool.until(file.exists)
        resources = ["--nthreads", "1", "--no-nanny", "--resources", "clusters=1"]
        running += [dask("worker", *common, *resources) for _ in range(2)]
        address = json.loads(file.read_text())["address"]

        def both() -> bool:
            with Client(address, set_as_default=False) as client:
                return len(client.scheduler_info()["workers"]) == 2

        tool.until(both)
        yield address, running[1:]
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(60)


def test_the_workers_of_a_scheduler_grade_and_one_may_die(
    tool: Tool, submissions: Path, scheduler: tuple[str, list[subprocess.Popen[str]]]
) -> None:
    address, hired = scheduler
    process = tool.begin(*ARGS, "--scheduler", address)
    at_work: list[subprocess.Popen[str]] = []

    def busy() -> bool:
        at_work[:] = [w for w in hired if grading(psutil.Process(w.pid))]
        return bool(at_work)

    tool.until(busy)
    at_work[0].kill()
    at_work[0].wait()
    done = tool.end(process)
    assert done.code == 0, done.said
    found = results(tool)
    assert {s: r["earned"] for s, r in found.items()} == {
        "ada": 10,
        "bob": 0,
        "cyd": 0,
        "dan": 10,
        "eve": 0,
        "fay": 10,
    }
    # Ctrl-C: what others run for us is told to stop, and does.
    (left,) = [w for w in hired if w is not at_work[0]]
    again = tool.begin(*ARGS, "--scheduler", address, "--again")
    tool.until(lambda: bool(grading(psutil.Process(left.pid))))
    again.send_signal(signal.SIGINT)
    assert tool.end(again).code == 130
    tool.until(lambda: not grading(psutil.Process(left.pid)))
    assert {s: r["earned"] for s, r in results(tool).items()} == {
        s: r["earned"] for s, r in found.items()
    }
