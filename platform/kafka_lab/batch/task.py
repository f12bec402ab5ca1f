"""What a Dask worker runs: one submission in a child process, which ends with the worker.

The child's standard input is a pipe that stays open as long as this process lives. However the
worker ends, with SIGKILL too, the pipe is closed then, and the child clears up what it started.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from typing import Any

LIMIT = 900.0
"""Seconds (scaled) after which one submission is given up as an error of the lab."""
_CLEARING = 40.0

_running: dict[subprocess.Popen[bytes], str] = {}
_lock = threading.Lock()


def grade(order: dict[str, Any]) -> dict[str, Any]:
    """``{"verdict": …}`` as ``Verdict.to_json`` has it, or ``{"broken": why}``; never raises."""
    with tempfile.TemporaryFile() as errors:
        try:
            # -P: the folder that one stands in is not on the child's path.
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "kafka_lab.batch.one"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # a terminal's Ctrl-C is for who gave the order
            )
        except OSError as e:
            return {"broken": f"cannot start a process: {e}"}
        assert child.stdin is not None
        assert child.stdout is not None
        with _lock:
            _running[child] = str(order.get("run", ""))
        late = threading.Timer(LIMIT * _scale(), _give_up, (child,))
        late.daemon = True
        late.start()
        try:
            with contextlib.suppress(OSError, ValueError):
                child.stdin.write(json.dumps(order).encode() + b"\n")
                child.stdin.flush()
            out = child.stdout.read()
            child.wait()
        finally:
            late.cancel()
            with _lock:
                _running.pop(child, None)
            for pipe in (child.stdin, child.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            said: dict[str, Any] = json.loads(out.splitlines()[-1])
        except (ValueError, IndexError):
            errors.seek(0)
            words = errors.read().decode(errors="replace").strip()[-800:]
            return {"broken": f"grading ended early (exit code {child.returncode}) {words}".strip()}
        return said


def stop(run: str = "") -> int:
    """End what goes on here for a run (empty: for all), cleanly; returns how many there were."""
    with _lock:
        children = [child for child, name in _running.items() if not run or name == run]
    for child in children:
        with contextlib.suppress(OSError, ValueError):
            assert child.stdin is not None
            child.stdin.close()
    return len(children)


def stop_and_wait() -> None:
    """End everything here and wait until it is cleared up."""
    stop()
    with _lock:
        children = list(_running)
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_CLEARING)


def _give_up(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_CLEARING)
    except subprocess.TimeoutExpired:
        child.kill()


def _scale() -> float:
    try:
        return max(1.0, float(os.environ.get("KAFKA_LAB_TIME_SCALE", "1")))
    except ValueError:
        return 1.0  # said by the attempt itself
