"""Waiting until a stopped process really stands still.

``kill(SIGSTOP)`` returns at once: on a busy machine a thread of the process may run on for a
moment, and a broker would still answer a request that comes after its pause.
"""

from __future__ import annotations

import time
from pathlib import Path

import psutil

SETTLE = 5.0
"""Seconds that the threads of a process have to stop."""


def _running_threads(pid: int) -> bool:
    tasks = Path(f"/proc/{pid}/task")
    try:
        if not tasks.is_dir():
            return bool(psutil.Process(pid).status() != psutil.STATUS_STOPPED)
        # "pid (comm) state …" (proc(5)); comm may hold spaces and parentheses.
        states = [p.read_text().rpartition(")")[2].split()[0] for p in tasks.glob("*/stat")]
    except (OSError, psutil.Error):
        return False  # gone: it does nothing any more
    return any(state not in "TtZX" for state in states)


def wait_stopped(pid: int) -> None:
    """Return when no thread of the process runs, or it is gone.

    Raises:
        TimeoutError: after ``SETTLE`` seconds.
    """
    end = time.monotonic() + SETTLE
    while _running_threads(pid):
        if time.monotonic() > end:
            raise TimeoutError(f"process {pid} did not stop within {SETTLE:.0f} s")
        time.sleep(0.001)  # polled, with a deadline: nobody but the parent is told
