"""The event log of an attempt: ``events.jsonl``.

One JSON object a line: ``t`` (seconds since the attempt began, monotonic), ``kind``, and the
kind's own fields. Both the parent and the grader's child append to one file; a line is written
with a single ``write`` to a descriptor opened for appending, so lines never mix (POSIX
``O_APPEND``).
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

EVENTS_SCHEMA = 2
"""Stands in the event ``attempt``. Files of schema 1 have no such field there."""


class EventLog:
    """Appends events to one attempt's file. Safe from several threads and processes."""

    def __init__(self, path: Path, origin: float | None = None) -> None:
        """``origin``: ``time.monotonic()`` at which ``t`` is 0; shared with the child."""
        self.path = path
        self.origin = time.monotonic() if origin is None else origin
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, kind: str, **fields: Any) -> float:
        """Append one event and return its time in seconds."""
        t = round(time.monotonic() - self.origin, 6)
        line = json.dumps({"t": t, "kind": kind, **fields}, separators=(",", ":"), default=str)
        os.write(self._fd, line.encode() + b"\n")
        return t

    def tagged(self, **fields: Any) -> EventLog:
        """The same log, with these fields in each event. Closing it closes nothing."""
        return _Tagged(self, fields)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class _Tagged(EventLog):
    def __init__(self, log: EventLog, fields: dict[str, Any]) -> None:
        self._log = log
        self._fields = fields
        self.path, self.origin, self._fd = log.path, log.origin, -1

    def write(self, kind: str, **fields: Any) -> float:
        return self._log.write(kind, **self._fields, **fields)


def read_events(path: Path) -> list[dict[str, Any]]:
    """All whole events of a file; a last line cut short by a crash is left out."""
    events = []
    for line in path.read_bytes().split(b"\n"):
        if line:
            try:
                events.append(json.loads(line))
            except ValueError:
                continue
    return events
