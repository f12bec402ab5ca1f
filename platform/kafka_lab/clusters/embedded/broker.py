"""A broker in a local JVM."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kafka_lab.clusters.base import Address, Broker
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Lease, Leases, same_process, start_time


class EmbeddedBroker(Broker):
    """A JVM that runs ``kafka.Kafka`` in a process group of its own.

    Attaching (``from_handle``) works from another process too: everything is known by pid and
    start time, and whoever starts the broker again leases the new process.
    """

    def __init__(
        self,
        broker_id: int,
        harness: Address,
        client: Address,
        command: list[str],
        folder: Path,
        leases: Leases,
    ) -> None:
        self.id = broker_id
        self.harness = harness
        self.client = client
        self._command = command
        self._folder = folder
        self._leases = leases
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

    def launch(self) -> None:
        """Start the process without waiting for it."""
        # JAVA_TOOL_OPTIONS would print to the log and could change the flags the cache needs.
        env = {k: v for k, v in os.environ.items() if not k.startswith(("JAVA_", "JDK_", "_JAVA"))}
        with self.log_path.open("ab") as log:
            self._child = subprocess.Popen(
                self._command,
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

    def start(self) -> None:
        if self.alive():
            raise LabError(f"broker {self.id} is already running")
        self.launch()
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

    def log_text(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def handle(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "harness": [self.harness.host, self.harness.port],
            "client": [self.client.host, self.client.port],
            "command": self._command,
            "folder": str(self._folder),
            "pid": self._pid,
            "started": self._started,
        }

    @classmethod
    def from_handle(cls, raw: Mapping[str, Any], leases: Leases) -> EmbeddedBroker:
        broker = cls(
            int(raw["id"]),
            Address(*raw["harness"]),
            Address(*raw["client"]),
            list(raw["command"]),
            Path(raw["folder"]),
            leases,
        )
        broker._pid = int(raw["pid"])
        broker._started = float(raw["started"])
        return broker
