"""Ctrl-C at any moment: it stops the work, but never the clearing up after it."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What asks this process to end: Ctrl-C, a supervisor's stop, a closed terminal."""


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Hold back the signals of ``ENDING`` while the block runs; then they strike.

    Only the main thread hears signals: in another one this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        arrived.append(number)

    before = {number: signal.signal(number, note) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: it was set by something that is not Python, and cannot be set back from here.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if arrived:
            os.kill(os.getpid(), arrived[0])
