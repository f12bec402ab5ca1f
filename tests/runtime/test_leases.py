from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from kafka_lab.runtime.leases import Leases, abandoned, kept, same_process, start_time, sweep
from kafka_lab.runtime.paths import state_dir

# A leader with a child, and a grandchild that has left the process group for a session of its own.
FAMILY = """
import subprocess, sys, time
nap = "import time; time.sleep(600)"
quiet = {"stdout": subprocess.DEVNULL}
a = subprocess.Popen([sys.executable, "-c", nap], **quiet)
b = subprocess.Popen([sys.executable, "-c", nap], **quiet, start_new_session=True)
print(a.pid, b.pid, flush=True)
time.sleep(600)
"""
OWNER = """
import subprocess, sys, time
from pathlib import Path
from kafka_lab.runtime.leases import Leases
leases = Leases.open()
nap = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                       stdout=subprocess.DEVNULL, start_new_session=True)
leases.process(nap.pid)
leases.tree(Path(sys.argv[1]))
if sys.argv[2] == "keep":
    leases.keep()
print(nap.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_LAB_HOME", str(tmp_path / "home"))


@pytest.fixture
def spawn() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *args: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *args],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
        process.kill()
        process.communicate()


def numbers(process: subprocess.Popen[str]) -> list[int]:
    assert process.stdout is not None
    return [int(n) for n in process.stdout.readline().split()]


def gone(pid: int, within: float = 5.0) -> bool:
    """A pid that nobody has, or only a zombie."""
    end = time.monotonic() + within
    while start_time(pid) is not None:
        if time.monotonic() > end:
            return False
        time.sleep(0.01)  # polled, with a deadline
    return True


def test_clear_ends_the_whole_tree(spawn: Callable[..., subprocess.Popen[str]]) -> None:
    leader = spawn(FAMILY)
    child, stranger = numbers(leader)
    leases = Leases.open()
    leases.process(leader.pid)
    assert leases.clear() == 1
    assert gone(leader.pid)
    assert gone(child)
    assert gone(stranger)
    assert not leases.folder.exists()
    assert leases.clear() == 0


def test_clear_deletes_trees_after_processes(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    leases = Leases.open()
    leases.tree(folder)
    leases.tree(tmp_path / "was never there")
    assert leases.clear() == 2
    assert not folder.exists()


# Starts one more every few milliseconds, as a grader does that learns late of its owner's end.
BUSY = """
import subprocess, sys, time
from pathlib import Path
from kafka_lab.runtime.leases import Leases
leases = Leases(Path(sys.argv[1]))
for count in range(200):
    nap = [sys.executable, "-c", "import time; time.sleep(600)", str(leases.folder)]
    nap = subprocess.Popen(nap, stdout=subprocess.DEVNULL, start_new_session=True)
    leases.process(nap.pid)
    if count == 3:
        print("going", flush=True)
    time.sleep(0.002)
time.sleep(600)
"""


def test_what_is_leased_while_clearing_is_ended_too(
    spawn: Callable[..., subprocess.Popen[str]],
) -> None:
    leases = Leases.open()
    busy = spawn(BUSY, str(leases.folder))
    assert busy.stdout is not None
    assert busy.stdout.readline() == "going\n"
    leases.process(busy.pid)
    leases.clear()
    assert not leases.folder.exists()
    assert [p for p in psutil.process_iter() if _speaks_of(p, str(leases.folder))] == []


def _speaks_of(process: psutil.Process, word: str) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE and word in process.cmdline()
    return False


def test_a_recycled_pid_is_not_killed(spawn: Callable[..., subprocess.Popen[str]]) -> None:
    other = spawn(FAMILY)
    numbers(other)
    leases = Leases.open()
    leases.process(other.pid)
    (entry,) = leases.folder.glob("process-*.json")
    raw = json.loads(entry.read_text())
    entry.write_text(json.dumps(raw | {"started": raw["started"] - 1.0}))
    assert leases.clear() == 1
    assert other.poll() is None
    assert start_time(other.pid) is not None


def test_setting_the_clock_does_not_make_a_process_another_one(
    spawn: Callable[..., subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = spawn(FAMILY)
    numbers(other)
    leases = Leases.open()
    leases.process(other.pid)
    if sys.platform == "linux":
        # What psutil takes the time of the boot from, and what moves with the clock.
        booted = psutil._pslinux.boot_time()
        monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: booted + 3600)
    assert list(abandoned()) == []
    leases.clear()
    assert gone(other.pid)


def test_released_leases_are_left_alone(spawn: Callable[..., subprocess.Popen[str]]) -> None:
    other = spawn(FAMILY)
    numbers(other)
    leases = Leases.open()
    lease = leases.process(other.pid)
    lease.release()
    lease.release()
    assert leases.clear() == 0
    assert other.poll() is None


def test_sweep_clears_only_what_dead_owners_left(
    tmp_path: Path, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    (tmp_path / "dead").mkdir()
    (tmp_path / "living").mkdir()
    dead = spawn(OWNER, str(tmp_path / "dead"), "own")
    living = spawn(OWNER, str(tmp_path / "living"), "own")
    (orphan,), (in_use,) = numbers(dead), numbers(living)
    own = Leases.open()
    assert sweep() == 0
    os.kill(dead.pid, signal.SIGKILL)
    dead.wait()
    assert start_time(orphan) is not None
    assert sweep() == 2
    assert gone(orphan)
    assert not (tmp_path / "dead").exists()
    assert start_time(in_use) is not None
    assert (tmp_path / "living").exists()
    assert own.folder.exists()
    assert sweep() == 0
    living.kill()
    living.wait()
    assert sweep() == 2
    assert gone(in_use)
    own.clear()


def test_kept_leases_survive_the_sweep(
    tmp_path: Path, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    (tmp_path / "data").mkdir()
    owner = spawn(OWNER, str(tmp_path / "data"), "keep")
    (left,) = numbers(owner)
    owner.kill()
    owner.wait()
    assert sweep() == 0
    assert start_time(left) is not None
    (found,) = kept()
    assert found.clear() == 2
    assert gone(left)
    assert kept() == []


def test_half_written_and_strange_files_do_no_harm(tmp_path: Path) -> None:
    (state_dir() / "not-a-lease").mkdir()
    (state_dir() / "file").touch()
    folder = state_dir() / "999999999-1.00-abcdef"
    folder.mkdir()
    (folder / "process-1.json").write_text('{"kind": "proc')
    (folder / "tree-1.tmp").write_text("{}")
    assert sweep() == 0
    assert not folder.exists()


def test_start_times(spawn: Callable[..., subprocess.Popen[str]]) -> None:
    process = spawn("print(1); raise SystemExit")
    assert numbers(process) == [1]
    assert gone(process.pid)  # a zombie counts as ended
    process.wait()
    assert start_time(process.pid) is None
    own = start_time(os.getpid())
    assert own is not None
    assert same_process(os.getpid(), own)
    assert not same_process(os.getpid(), own + 0.1)
