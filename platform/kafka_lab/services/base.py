"""One interface to every other real component.

A service is made, started with fresh state, asked whether it is ready by a real request, and
stopped. Whatever it starts or writes is leased, so that nothing outlives a killed kafka-lab.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Self

from kafka_lab.clusters.base import Cluster
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Lease, Leases
from kafka_lab.runtime.paths import scratch_root
from kafka_lab.services.unit import Unit, attached

READY_TIMEOUT = 60.0
"""Seconds that a service has to answer its first real request."""

Tell = Callable[..., Any]
"""Writes an event: its kind, then fields by name."""
Say = Callable[[str], None]
"""Told what is being prepared, for a person who waits."""


class Service(ABC):
    """A real component on the loopback interface; ``processes`` may be containers.

    ``name`` is what an exercise calls it, ``kind`` what it is. ``settings`` are those of
    ``keys``, ``kafka`` waits for the cluster and gives it, ``logs_folder`` keeps the logs after
    the service is gone (an attempt's folder); without it they go with the service's data. A
    service that was stopped can be started again, with fresh state.

    Raises:
        LabError: for a setting that it does not have.
    """

    kind: ClassVar[str]
    keys: ClassVar[Mapping[str, type]] = {}
    """Settings that it takes, with the type of each."""
    in_grader: ClassVar[bool] = False
    """Whether it lives in the grader's own process, and is started there."""

    def __init__(
        self,
        leases: Leases,
        logs_folder: Path | None = None,
        *,
        name: str = "",
        settings: Mapping[str, Any] | None = None,
        kafka: Callable[[], Cluster] | None = None,
        tell: Tell | None = None,
    ) -> None:
        self.leases = leases
        self.logs_folder = logs_folder
        self.name = name or self.kind
        self.settings = dict(settings or {})
        self.tell: Tell = tell or (lambda *_, **__: None)
        self._kafka = kafka
        self.processes: list[Unit] = []
        self.folder: Path | None = None
        self._tree: Lease | None = None
        for key, value in self.settings.items():
            if key not in self.keys:
                known = ", ".join(self.keys) or "it has none"
                raise LabError(f"the service {self.name} has no setting {key!r}", f"known: {known}")
            if not isinstance(value, self.keys[key]):
                raise LabError(
                    f"the service {self.name}: {key} is {value!r}",
                    f"it takes a value of type {self.keys[key].__name__}",
                )

    @classmethod
    @abstractmethod
    def unavailable(cls) -> str:
        """Why it cannot be had on this machine ("needs X: install Y"), or nothing. Costs nothing:
        nothing is started or fetched."""

    @classmethod  # noqa: B027 - most need none
    def prepare(cls, settings: Mapping[str, Any], say: Say) -> None:
        """Fetch and cache what a start with these settings needs. Raises ``LabError``."""

    @abstractmethod
    def _launch(self, folder: Path) -> Sequence[Unit]:
        """Lay out ``folder`` and launch the processes, without waiting."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether a real request was answered just now; errors of the connection may pass."""

    def _facts(self) -> dict[str, Any]:
        """What ``attach`` needs besides the processes, as JSON."""
        return {}

    def _restore(self, facts: Mapping[str, Any]) -> None:  # noqa: B027 - most need none
        """Take over what ``_facts`` gave."""

    def addresses(self) -> dict[str, str]:
        """What a program may be told of it, such as ``url``; manifests map variables to it."""
        return {}

    @property
    def kafka(self) -> Cluster:
        """The cluster that it works with. Raises ``LabError`` where there is none."""
        if self._kafka is None:
            raise LabError(f"the service {self.name} needs a Kafka cluster", "start one first")
        return self._kafka()

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
        self.tell("service-start", service=self.name, component=self.kind)
        self.folder = self._make_folder()
        self._tree = self.leases.tree(self.folder)
        try:
            self.processes = list(self._launch(self.folder))
        except BaseException:
            self.stop()
            raise

    def _make_folder(self) -> Path:
        """A new folder for its data."""
        return Path(tempfile.mkdtemp(prefix=f"service-{self.name}-", dir=scratch_root()))

    def ready(self, timeout: float = READY_TIMEOUT) -> None:
        """Wait until it answers a real request.

        Raises:
            LabError: when a process ended, or ``timeout`` seconds went by; with the log's end.
        """
        began = time.monotonic()
        while True:
            dead = [p for p in self.processes if not p.alive()]
            try:
                if not dead and self._answers():
                    break
            except OSError:
                pass  # not yet: nobody listens, or it was cut
            if dead or time.monotonic() > began + timeout:
                why = f"{dead[0].name} ended" if dead else f"no answer within {timeout:.0f} s"
                raise LabError(
                    f"the service {self.name} did not become ready: {why}\n{self.logs()[-1500:]}",
                    "kafka-lab doctor says what this machine lacks",
                )
            time.sleep(0.02)  # polled, with a deadline
        seconds = round(time.monotonic() - began, 3)
        self.tell("service-ready", service=self.name, seconds=seconds)

    def stop(self) -> None:
        """End its processes and delete its data; does nothing twice."""
        if self.processes:
            self.tell("service-stop", service=self.name)
        for process in self.processes:
            self._end(process)
        self.processes = []
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None
        if self._tree:
            self._tree.release()
            self._tree = None

    def _end(self, process: Unit) -> None:
        """How a part is ended for good: at once, as its data is deleted anyway."""
        process.discard()

    # -- faults: data stays -----------------------------------------------------------------

    def kill(self) -> None:
        """SIGKILL; its data stays for ``restart``."""
        self.tell("service-kill", service=self.name)
        for process in self.processes:
            process.kill()

    def restart(self, timeout: float = READY_TIMEOUT) -> None:
        """Launch again what was killed, on the data that it left; waits as ``ready`` does."""
        self.tell("service-start", service=self.name, component=self.kind)
        for process in self.processes:
            if not process.alive():
                process.launch()
        self.ready(timeout)

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing is answered."""
        self.tell("service-pause", service=self.name)
        for process in self.processes:
            process.pause()

    def resume(self) -> None:
        """SIGCONT after ``pause``."""
        self.tell("service-resume", service=self.name)
        for process in self.processes:
            process.resume()

    # -- logs and handles -------------------------------------------------------------------

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
            LabError: when it is not running, and ought to be.
        """
        if self.folder is None and not self.in_grader:
            raise LabError(f"the service {self.name} is not running", "start it first")
        return {
            "class": f"{type(self).__module__}:{type(self).__qualname__}",
            "root": _root(type(self)),
            "name": self.name,
            "settings": self.settings,
            "logs_folder": str(self.logs_folder or ""),
            "folder": str(self.folder or ""),
            "processes": [p.handle() for p in self.processes],
            "facts": self._facts() if self.folder else {},
        }

    @classmethod
    def attach(
        cls,
        handle: Mapping[str, Any],
        leases: Leases,
        kafka: Callable[[], Cluster] | None = None,
        tell: Tell | None = None,
    ) -> Self:
        """A service that another process started."""
        logs = Path(handle["logs_folder"]) if handle["logs_folder"] else None
        found = cls(
            leases, logs, name=handle["name"], settings=handle["settings"], kafka=kafka, tell=tell
        )
        if handle["folder"]:
            found.folder = Path(handle["folder"])
            found.processes = [attached(p, leases) for p in handle["processes"]]
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


def _root(cls: type) -> str:
    """The folder from which a service's module can be imported."""
    module = sys.modules[cls.__module__]
    depth = cls.__module__.count(".") + 1 + (getattr(module, "__path__", None) is not None)
    path = Path(module.__file__ or "")
    return str(path.parents[depth - 1]) if module.__file__ else ""


def class_of(handle: Mapping[str, Any]) -> type[Service]:
    """The class that a handle names, imported if need be.

    A plugin's package may be importable in the process that made the handle and not in this one:
    its folder comes last on the path, so that it hides nothing.

    Raises:
        LabError: when it cannot be imported, or is no service.
    """
    module, _, name = handle["class"].partition(":")
    try:
        found = import_module(module)
    except ImportError:
        sys.path.append(handle["root"])
        try:
            found = import_module(module)
        except ImportError as e:
            raise LabError(f"the service {handle['name']} cannot be imported: {e}") from e
    cls = getattr(found, name, None)
    if not (isinstance(cls, type) and issubclass(cls, Service)):
        raise LabError(f"{handle['class']} is no service", "let the plugin give a Service class")
    return cls
