"""The grader's child process: one grader, one attempt.

Started isolated (``-I``), in an empty folder, with nothing of the learner's importable. When
its standard input ends, the parent is gone: it kills the programs and exits.
"""

from __future__ import annotations

import contextlib
import importlib.resources
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from kafka_lab.grading.asking import Parent
from kafka_lab.grading.job import Job, Ready

_DROPPED = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DEBUG")


class _Standby:
    """Reads the parent's second line while the grader is being imported."""

    def __init__(self) -> None:
        self.ready: Ready | None = None
        self.arrived = threading.Event()
        self.lab: Any = None
        self.parent: Parent | None = None
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        line = sys.stdin.readline()
        if line:
            self.ready = Ready.parse(line)
            self.arrived.set()
            while line := sys.stdin.readline():
                if self.parent is not None:
                    self.parent.answered(line)
        if self.lab is not None:
            with contextlib.suppress(Exception):
                self.lab.stop_programs()
        os._exit(70)


def main() -> None:
    """Entry point of the child; exit code 0 says only that it came to its end."""
    for name in _DROPPED:
        os.environ.pop(name, None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    job = Job.parse(sys.stdin.readline())
    standby = _Standby()

    import pytest

    from kafka_lab.faults.relay import Relay, doors
    from kafka_lab.grading.lab import Lab
    from kafka_lab.grading.plugin import LabPlugin
    from kafka_lab.grading.services import attach_services, leave_services
    from kafka_lab.runtime.events import EventLog
    from kafka_lab.runtime.leases import Leases

    log = EventLog(Path(job.attempt_folder) / "events.jsonl", job.origin)
    relays: list[Relay] = []

    def make_lab() -> Lab:
        standby.arrived.wait()
        assert standby.ready is not None
        from kafka_lab.clusters.registry import choose

        leases = Leases(Path(job.leases_folder))
        handle = standby.ready.cluster
        cluster = choose(handle["backend"]).attach(handle, leases)
        sockets = [socket.socket(fileno=fd) for fd in job.relay_fds]
        relay = Relay(sockets, doors(cluster), log).start()
        relays.append(relay)
        services, told = attach_services(standby.ready.services, leases, log, cluster)
        assert standby.parent is not None
        standby.lab = Lab(
            job,
            standby.ready,
            cluster,
            relay,
            leases,
            log,
            standby.parent,
            services=services,
            told=told,
        )
        return standby.lab  # type: ignore[no-any-return]

    plugin = LabPlugin(job, make_lab)
    standby.parent = Parent(plugin.send)
    grader = Path(job.grader)
    sys.path.insert(0, str(grader))
    ini = importlib.resources.files("kafka_lab.grading").joinpath("grader.ini")
    modules = sorted(str(p) for p in grader.glob("test_*.py"))
    code: int = 0
    try:
        code = int(
            pytest.main(
                ["-c", str(ini), "--rootdir", str(grader), "--noconftest", "-q", "-s"]
                + ["--import-mode=importlib", "-p", "no:cacheprovider", "-p", "no:faulthandler"]
                + modules,
                plugins=[plugin],
            )
        )
    finally:
        if standby.lab is not None:
            standby.lab.stop_programs()
            leave_services(standby.lab.services)
            for text in standby.lab.notes:
                plugin.send("note", text=text)
            relays += [site.relay for site in standby.lab.sites.values()]
        for relay in relays:
            relay.stop()
        plugin.send("end", code=code)
    # Threads of a scenario that nobody waits for any more must not keep the process alive.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
