"""What is being checked right now, for whoever shows progress: a small file for each running check.

It lies beside the progress database, is replaced as the check goes on, and is gone afterwards. One
that a killed kafka-lab left is told by its process, and cleared by who reads it next.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from kafka_lab.api import CheckResult
from kafka_lab.grading.attempt import Listener
from kafka_lab.programs.toolchains.base import Built
from kafka_lab.runtime.leases import same_process, start_time

FOLDER = "checking"


class Following(Listener):
    """Passes on what it hears and writes it down; a context manager that clears up after itself.

    A file that cannot be written is no reason to end a check.
    """

    def __init__(
        self, home: Path, exercise: str, language: str, checks: int, hear: Listener
    ) -> None:
        """``home``: the folder of the progress database. ``checks``: how many will come, or 0."""
        self._path = home / FOLDER / f"{os.getpid()}-{threading.get_ident()}.json"
        self._hear = hear
        self._lock = threading.Lock()
        self._state: dict[str, Any] = {
            "exercise": exercise,
            "language": language,
            "started": time.time(),
            "of": checks,
            "stage": "",
            "checks": [],
            "pid": os.getpid(),
            "pid_started": start_time(os.getpid()),
        }

    def __enter__(self) -> Following:
        running(self._path.parent.parent)  # clears what a killed one left
        self._write()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for path in (self._path, self._path.with_suffix(".tmp")):
            with contextlib.suppress(OSError):
                path.unlink()

    def stage(self, text: str) -> None:
        self._write(stage=text)
        self._hear.stage(text)

    def checking(self, title: str) -> None:
        self._write(stage=title)
        self._hear.checking(title)

    def check(self, result: CheckResult) -> None:
        ended = {"title": result.title, "outcome": result.outcome.value}
        self._write(checks=[*self._state["checks"], ended])
        self._hear.check(result)

    def built(self, built: Built) -> None:
        self._hear.built(built)

    def _write(self, **changes: Any) -> None:
        with self._lock, contextlib.suppress(OSError):
            self._state |= changes
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._path.with_suffix(".tmp")
            temporary.write_text(json.dumps(self._state))
            temporary.replace(self._path)


def running(home: Path) -> dict[str, dict[str, Any]]:
    """Exercise to what is known of its check that began last, of all that run now.

    Each has ``language``, ``started``, ``of``, ``stage`` and ``checks`` (``title``, ``outcome``).
    """
    found: dict[str, dict[str, Any]] = {}
    folder = home / FOLDER
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            raw = json.loads(path.read_text())
            alive = same_process(int(raw.pop("pid")), float(raw.pop("pid_started")))
            slug, began = str(raw.pop("exercise")), float(raw["started"])
        except FileNotFoundError:  # it has just ended
            continue
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            alive, slug, began, raw = False, "", 0.0, {}
        if not alive:
            with contextlib.suppress(OSError):
                path.unlink()
        elif slug not in found or began > found[slug]["started"]:
            found[slug] = raw
    return found
