"""A broker in a local JVM."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kafka_lab.clusters.base import Address, Broker
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Lease, Leases, same_process, start_time
from kafka_lab.runtime.pausing import wait_stopped


class EmbeddedBroker(Broker):
    """A JVM that runs ``kafka.Kafka`` in a process group of its own.

    Attaching (``from_handle``) works from another process too: everything is known by pid and
    start time, and whoever starts the broker again leases the new process.
    """

    def __init__(
        self,
        broker_id: int,
        harness: Address,
        doors: Mapping[str, Address],
        commands: Mapping[str, list[str]],
        version: str,
        folder: Path,
        data: Sequence[str],
        leases: Leases,
        metrics: Address | None = None,
        again: Sequence[str] = (),
    ) -> None:
        self.id = broker_id
        self.harness = harness
        self.doors = dict(doors)
        self.version = version
        self.metrics = metrics
        self._commands = dict(commands)
        self._folder = folder
        self._data = list(data)
        self._leases = leases
        self._again = list(again)
        self._pid = 0
        self._started = 0.0
        self._lease: Lease | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self.on_start: Callable[[], None] = lambda: None
        """Waits until the broker serves requests again; set by whoever knows the cluster."""

    @property
    def pid(self) -> int:
        return self._pid

    @property
    def log_path(self) -> Path:
        return self._folder / "broker.log"

    def launch(self, *more: str) -> None:
        """Start the process, with more arguments, without waiting for it."""
        # JAVA_TOOL_OPTIONS would print to the log and could change the flags the cache needs.
        env = {k: v for k, v in os.environ.items() if not k.startswith(("JAVA_", "JDK_", "_JAVA"))}
        with self.log_path.open("ab") as log:
            self._child = subprocess.Popen(
                [*self._commands[self.version], *more],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                start_new_session=True,
                env=env,
            )
        self._pid = self._child.pid
        self._started = start_time(self._pid) or 0.0
        self._lease = self._leases.process(self._pid)

    def start(self, version: str | None = None) -> None:
        if self.alive():
            raise LabError(f"broker {self.id} is already running")
        if version is not None and version not in self._commands:
            raise LabError(
                f"broker {self.id} cannot be started with Kafka {version}",
                "name that version in the cluster's upgrades",
            )
        self.version = version or self.version
        self.launch(*self._again)
        self.meant_down = False
        self.on_start()

    def kill(self) -> None:
        self.meant_down = True
        self._signal(signal.SIGKILL)
        self._wait(10)

    def stop(self) -> None:
        self.meant_down = True
        self._signal(signal.SIGTERM)
        self._wait(60)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)
        wait_stopped(self._pid)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def alive(self) -> bool:
        if self._child is not None and self._child.poll() is not None:
            return False
        return self._pid > 0 and same_process(self._pid, self._started)

    def _signal(self, number: signal.Signals) -> None:
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def _wait(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        # Another process may be the parent and not reap it: a zombie counts as ended.
        while self.alive():
            if time.monotonic() > end:
                raise LabError(f"broker {self.id} did not end within {timeout:.0f} s")
            time.sleep(0.005)  # polled, with a deadline
        if self._lease:
            self._lease.release()

    def fail_log_dir(self, index: int) -> None:
        if len(self._data) < 2:
            raise LabError(f"broker {self.id} has one log directory", "ask for log_dirs=2")
        directory = Path(self._data[index])
        # Moved, not deleted: what was in it can still be looked at. A file in its place makes
        # every write fail, for root as well.
        directory.rename(directory.with_name(f"{directory.name}-offline"))
        directory.touch()

    def log_text(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def handle(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "harness": [self.harness.host, self.harness.port],
            "doors": {name: [a.host, a.port] for name, a in self.doors.items()},
            "commands": self._commands,
            "version": self.version,
            "folder": str(self._folder),
            "data": self._data,
            "again": self._again,
            "metrics": [self.metrics.host, self.metrics.port] if self.metrics else None,
            "meant_down": self.meant_down,
            "pid": self._pid,
            "started": self._started,
        }

    @classmethod
    def from_handle(cls, raw: Mapping[str, Any], leases: Leases) -> EmbeddedBroker:
        broker = cls(
            int(raw["id"]),
            Address(*raw["harness"]),
            {name: Address(*a) for name, a in raw["doors"].items()},
            raw["commands"],
            str(raw["version"]),
            Path(raw["folder"]),
            raw["data"],
            leases,
            Address(*raw["metrics"]) if raw["metrics"] else None,
            raw["again"],
        )
        broker.meant_down = bool(raw["meant_down"])
        broker._pid = int(raw["pid"])
        broker._started = float(raw["started"])
        return broker
