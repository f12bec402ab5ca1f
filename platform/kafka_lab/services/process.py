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

import psutil

from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Lease, Leases, kill_tree, same_process, start_time

_DROPPED = ("JAVA_", "JDK_", "_JAVA", "KAFKA_", "PG", "MYSQL_", "KRB5")
"""Variables of the caller that would change what a component does."""


class Process:
    """A command in a process group of its own; ``user`` runs it if this process is root.

    ``first`` is the signal that it is sent before it is killed for being left behind (0: none).
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        folder: Path,
        log: Path,
        leases: Leases,
        env: Mapping[str, str] | None = None,
        user: str = "",
        first: int = 0,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.folder = folder
        self.log = log
        self._leases = leases
        self._env = dict(env or {})
        self._user = user
        self._first = first
        self.pid = 0
        self._started = 0.0
        self._lease: Lease | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Start it without waiting. Raises ``LabError`` if it already runs, or cannot be run."""
        if self.alive():
            raise LabError(f"{self.name} is already running", "stop it first")
        env = {k: v for k, v in os.environ.items() if not k.startswith(_DROPPED)}
        other: dict[str, Any] = {}
        if self._user:
            other = {"user": self._user, "group": group_of(self._user), "extra_groups": []}
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
                    **other,
                )
            except OSError as e:
                raise LabError(
                    f"{self.name} cannot be started: {e}", "kafka-lab doctor says what is missing"
                ) from e
        self.pid = self._child.pid
        self._started = start_time(self.pid) or 0.0
        try:
            self._lease = self._leases.process(self.pid, first=self._first)
        except OSError:  # cleared meanwhile: whoever asked has gone
            kill_tree(self.pid, self._started)
            raise

    def alive(self) -> bool:
        if self._child is not None and self._child.poll() is not None:
            return False
        return self.pid > 0 and same_process(self.pid, self._started)

    def end(self, number: signal.Signals = signal.SIGTERM, timeout: float = 20.0) -> None:
        """Send the signal, and SIGKILL to the whole tree when it outlives ``timeout`` seconds."""
        self.send(number)
        end = time.monotonic() + timeout
        while self.alive():
            if time.monotonic() > end:
                kill_tree(self.pid, self._started)
                end += timeout
            time.sleep(0.005)  # polled, with a deadline
        if self._lease:
            self._lease.release()
            self._lease = None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process alone, without waiting."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL to the process and its descendants."""
        kill_tree(self.pid, self._started)
        self.end(signal.SIGKILL)

    def discard(self) -> None:
        """As ``kill``: a process has nothing of its own but its folder, which is the service's."""
        self.kill()

    def pause(self) -> None:
        """SIGSTOP to the process and its descendants."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT to the process and its descendants."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        if not self.alive():
            return
        with contextlib.suppress(psutil.Error):
            mother = psutil.Process(self.pid)
            for process in (mother, *mother.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    process.send_signal(number)

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def handle(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "argv": self.argv,
            "folder": str(self.folder),
            "log": str(self.log),
            "env": self._env,
            "user": self._user,
            "first": self._first,
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
            raw["user"],
            raw["first"],
        )
        found.pid, found._started = int(raw["pid"]), float(raw["started"])
        return found


def group_of(user: str) -> int:
    """A user's first group. Raises ``LabError`` when there is no such user."""
    import pwd

    try:
        return pwd.getpwnam(user).pw_gid
    except KeyError as e:
        raise LabError(f"there is no user {user}", "kafka-lab doctor says what is missing") from e
