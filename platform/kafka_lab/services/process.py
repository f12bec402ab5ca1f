"""One process of a service: leased, logged to a file, known by pid and start time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Lease, Leases, kill_tree, same_process, start_time

_DROPPED = ("JAVA_", "JDK_", "_JAVA", "KAFKA_", "PG", "MYSQL_", "KRB5")
"""Variables of the caller that would change what a component does."""


class Process:
    """A command in a process group of its own."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        folder: Path,
        log: Path,
        leases: Leases,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.folder = folder
        self.log = log
        self._leases = leases
        self._env = dict(env or {})
        self.pid = 0
        self._started = 0.0
        self._lease: Lease | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Start it without waiting. Raises ``LabError`` if it already runs, or cannot be run."""
        if self.alive():
            raise LabError(f"{self.name} is already running", "stop it first")
        env = {k: v for k, v in os.environ.items() if not k.startswith(_DROPPED)}
        with self.log.open("ab") as log:
            try:
                self._child = subprocess.Popen(
                    self.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self.folder,
                    start_new_session=True,
                    env=env | self._env,
                )
            except OSError as e:
                raise LabError(
                    f"{self.name} cannot be started: {e}", "kafka-lab doctor says what is missing"
                ) from e
        self.pid = self._child.pid
        self._started = start_time(self.pid) or 0.0
        self._lease = self._leases.process(self.pid)

    def alive(self) -> bool:
        if self._child is not None and self._child.poll() is not None:
            return False
        return self.pid > 0 and same_process(self.pid, self._started)

    def end(self, number: signal.Signals = signal.SIGTERM, timeout: float = 20.0) -> None:
        """Send the signal, and SIGKILL to the whole tree when it outlives ``timeout`` seconds."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
        end = time.monotonic() + timeout
        while self.alive():
            if time.monotonic() > end:
                kill_tree(self.pid, self._started)
                end += timeout
            time.sleep(0.005)  # polled, with a deadline
        if self._lease:
            self._lease.release()
            self._lease = None

    def kill(self) -> None:
        """SIGKILL to the process and its descendants."""
        kill_tree(self.pid, self._started)
        self.end(signal.SIGKILL)

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def handle(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "argv": self.argv,
            "folder": str(self.folder),
            "log": str(self.log),
            "env": self._env,
            "pid": self.pid,
            "started": self._started,
        }

    @classmethod
    def from_handle(cls, raw: Mapping[str, Any], leases: Leases) -> Process:
        found = cls(
            raw["name"],
            raw["argv"],
            Path(raw["folder"]),
            Path(raw["log"]),
            leases,
            raw["env"],
        )
        found.pid, found._started = int(raw["pid"]), float(raw["started"])
        return found
