"""No orphan survives: this process adopts what its descendants leave behind, and ends it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

import psutil

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """On Linux, let orphaned descendants become our children (prctl(2)); elsewhere nothing."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants() -> frozenset[int]:
    """Pids of all processes below this one now."""
    with contextlib.suppress(psutil.Error):
        return frozenset(p.pid for p in psutil.Process(os.getpid()).children(recursive=True))
    return frozenset()


def reap_descendants(spare: frozenset[int] = frozenset()) -> int:
    """SIGKILL every descendant but ``spare`` (pids); returns how many there were."""
    count = 0
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(os.getpid()).children(recursive=True):
            if process.pid in spare:
                continue
            with contextlib.suppress(psutil.Error):
                process.kill()
                process.wait(5)
                count += 1
    return count
