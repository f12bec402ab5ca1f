"""One interface to every other real component.

A service is made, started with fresh state, asked whether it is ready by a real request, and
stopped. Whatever it starts or writes is leased, so that nothing outlives a killed kafka-lab.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Lease, Leases
from kafka_lab.runtime.paths import scratch_root
from kafka_lab.services.process import Process

READY_TIMEOUT = 60.0
"""Seconds that a service has to answer its first real request."""


class Service(ABC):
    """A real component on the loopback interface.

    ``logs_folder`` keeps the logs after the service is gone (an attempt's folder); without it
    they go with the service's data. A service that was stopped can be started again, with fresh
    state.
    """

    name: ClassVar[str]

    def __init__(self, leases: Leases, logs_folder: Path | None = None) -> None:
        self.leases = leases
        self.logs_folder = logs_folder
        self.processes: list[Process] = []
        self.folder: Path | None = None
        self._tree: Lease | None = None

    @classmethod
    @abstractmethod
    def unavailable(cls) -> str:
        """Why it cannot be had on this machine ("needs X: install Y"), or nothing. Costs nothing:
        nothing is started or fetched."""

    @abstractmethod
    def _launch(self, folder: Path) -> list[Process]:
        """Lay out ``folder`` and launch the processes, without waiting."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether a real request was answered just now; errors of the connection may pass."""

    @abstractmethod
    def _facts(self) -> dict[str, Any]:
        """What ``attach`` needs besides the processes, as JSON."""

    @abstractmethod
    def _restore(self, facts: Mapping[str, Any]) -> None:
        """Take over what ``_facts`` gave."""

    def start(self) -> None:
        """Launch it with fresh state, without waiting: ``ready`` waits.

        Raises:
            LabError: when it cannot be had here, or runs already.
        """
        missing = self.unavailable()
        if missing:
            what, _, fix = missing.partition(": ")
            raise LabError(f"the service {self.name} {what}", fix)
        if self.folder is not None:
            raise LabError(f"the service {self.name} is already running", "stop it first")
        self.folder = Path(tempfile.mkdtemp(prefix=f"service-{self.name}-", dir=scratch_root()))
        self._tree = self.leases.tree(self.folder)
        try:
            self.processes = self._launch(self.folder)
        except BaseException:
            self.stop()
            raise

    def ready(self, timeout: float = READY_TIMEOUT) -> None:
        """Wait until it answers a real request.

        Raises:
            LabError: when a process ended, or ``timeout`` seconds went by; with the log's end.
        """
        end = time.monotonic() + timeout
        while True:
            dead = [p for p in self.processes if not p.alive()]
            try:
                if not dead and self._answers():
                    return
            except OSError:
                pass  # not yet: nobody listens, or it was cut
            if dead or time.monotonic() > end:
                why = f"{dead[0].name} ended" if dead else f"no answer within {timeout:.0f} s"
                raise LabError(
                    f"the service {self.name} did not become ready: {why}\n{self.logs()[-1500:]}",
                    "kafka-lab doctor says what this machine lacks",
                )
            time.sleep(0.02)  # polled, with a deadline

    def stop(self) -> None:
        """End its processes and delete its data; does nothing twice."""
        for process in self.processes:
            self._end(process)
        self.processes = []
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None
        if self._tree:
            self._tree.release()
            self._tree = None

    def _end(self, process: Process) -> None:
        """How a process is ended: at once, as its data is deleted anyway."""
        process.kill()

    def logs(self) -> str:
        """Everything that it has logged since it was started."""
        return "\n".join(p.log_text() for p in self.processes)

    def _log(self, folder: Path, name: str = "") -> Path:
        where = self.logs_folder or folder
        where.mkdir(parents=True, exist_ok=True)
        stem = f"service-{self.name}" + (f"-{name}" if name else "")
        number, path = 1, where / f"{stem}.log"
        while path.exists():  # of an earlier start
            number += 1
            path = where / f"{stem}-{number}.log"
        path.touch(mode=0o600)
        return path

    def handle(self) -> dict[str, Any]:
        """Plain JSON with which another process attaches while this one runs.

        Raises:
            LabError: when it is not running.
        """
        if self.folder is None:
            raise LabError(f"the service {self.name} is not running", "start it first")
        return {
            "name": self.name,
            "folder": str(self.folder),
            "processes": [p.handle() for p in self.processes],
            "facts": self._facts(),
        }

    @classmethod
    def attach(cls, handle: Mapping[str, Any], leases: Leases) -> Self:
        """A service that another process started."""
        found = cls.__new__(cls)
        Service.__init__(found, leases)
        found.folder = Path(handle["folder"])
        found.processes = [Process.from_handle(p, leases) for p in handle["processes"]]
        found._restore(handle["facts"])
        return found

    def __enter__(self) -> Self:
        try:
            self.start()
            self.ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
