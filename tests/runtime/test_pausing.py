"""A stopped process stands still."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from kafka_lab.runtime import pausing

BUSY = """
import threading
def spin():
    while True: pass
for _ in range(8): threading.Thread(target=spin, daemon=True).start()
print("up", flush=True)
spin()
"""


@pytest.fixture
def busy() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_after_the_wait_no_thread_runs(busy: subprocess.Popen[str]) -> None:
    os.kill(busy.pid, signal.SIGSTOP)
    pausing.wait_stopped(busy.pid)
    used = pausing.psutil.Process(busy.pid).cpu_times()
    for _ in range(200_000):  # time for a thread that ran on
        pass
    assert pausing.psutil.Process(busy.pid).cpu_times() == used


def test_one_that_runs_on(busy: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pausing, "SETTLE", 0.05)
    with pytest.raises(TimeoutError, match=f"process {busy.pid} did not stop"):
        pausing.wait_stopped(busy.pid)


def test_one_that_is_gone(busy: subprocess.Popen[str]) -> None:
    busy.kill()
    busy.wait()
    pausing.wait_stopped(busy.pid)
