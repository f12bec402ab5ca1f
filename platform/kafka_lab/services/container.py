"""One container of a service: leased, known by its name, logged to a file when it goes."""

from __future__ import annotations

import contextlib
import secrets
import signal
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kafka_lab.runtime.engine import Engine, trouble
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Lease, Leases


@dataclass(frozen=True)
class ContainerSpec:
    """What a container is made of.

    ``ports``: port in the container → port on the loopback interface. ``folders`` of this
    machine are there under their own paths, the read-only ones in ``sources``. ``host``: it
    shares this machine's network and publishes nothing.
    """

    image: str
    command: Sequence[str] = ()
    entrypoint: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[int, int] = field(default_factory=dict)
    folders: Sequence[str] = ()
    sources: Sequence[str] = ()
    host: bool = False
    user: str = ""


class Container:
    """It stays the same container, with the same data, from ``kill`` to ``launch``."""

    def __init__(
        self,
        name: str,
        spec: ContainerSpec,
        log: Path,
        leases: Leases,
        engine: Engine,
        container: str = "",
    ) -> None:
        self.name = name
        self.spec = spec
        self.log = log
        self.container = container
        self.engine = engine
        self._leases = leases
        self._lease: Lease | None = None

    def launch(self) -> None:
        """Make it if need be, and start it, without waiting. Raises ``LabError``."""
        if not self.container:
            self.container = f"kafka-lab-{self.name}-{secrets.token_hex(6)}"
            self._lease = self._leases.container(self.container, self.engine.address)
            with trouble(f"making a container of {self.spec.image}"):
                self._create()
        with trouble(f"starting {self.name}"):
            self.engine.api.start(self.container)

    def _create(self) -> None:
        spec, api = self.spec, self.engine.api
        binds = [f"{f}:{f}" for f in spec.folders] + [f"{f}:{f}:ro" for f in spec.sources]
        host = api.create_host_config(
            binds=binds,
            port_bindings={inner: ("127.0.0.1", outer) for inner, outer in spec.ports.items()},
            network_mode="host" if spec.host else None,
            # Whatever the engine's default is: one whose logs can be read back.
            log_config={"Type": "json-file"},
        )
        api.create_container(
            spec.image,
            command=list(spec.command) or None,
            entrypoint=list(spec.entrypoint) or None,
            environment=dict(spec.environment),
            ports=list(spec.ports),
            host_config=host,
            user=spec.user or None,
            name=self.container,
            labels={"kafka-lab": self.container},
        )

    def _state(self) -> dict[str, Any]:
        """The engine's words on it; empty when there is none."""
        from docker.errors import NotFound

        if not self.container:
            return {}
        with trouble(f"looking at {self.name}"):
            try:
                return dict(self.engine.api.inspect_container(self.container)["State"])
            except NotFound:
                return {}

    def alive(self) -> bool:
        return bool(self._state().get("Running"))

    def end(self, number: signal.Signals = signal.SIGTERM, timeout: float = 20.0) -> None:
        """Send the signal, and SIGKILL when it outlives ``timeout`` seconds."""
        from requests.exceptions import ConnectionError as Silence
        from requests.exceptions import ReadTimeout

        for name, seconds in ((number.name, timeout), ("SIGKILL", 30.0)):
            if not self.alive():
                return
            self.resume()
            with trouble(f"ending {self.name}"), contextlib.suppress(ReadTimeout, Silence):
                # The SDK says a time-out in both ways.
                self._kill(name)
                self.engine.api.wait(self.container, timeout=seconds)

    def _kill(self, name: str) -> None:
        from docker.errors import APIError

        try:
            self.engine.api.kill(self.container, name)
        except APIError:
            if self.alive():
                raise

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def pause(self) -> None:
        state = self._state()
        if state.get("Running") and not state.get("Paused"):
            with trouble(f"pausing {self.name}"):
                self.engine.api.pause(self.container)

    def resume(self) -> None:
        if self._state().get("Paused"):
            with trouble(f"resuming {self.name}"):
                self.engine.api.unpause(self.container)

    def discard(self) -> None:
        """Remove it with its data; its log goes into the file."""
        if not self.container:
            return
        with contextlib.suppress(LabError, OSError):
            self.log.write_text(self.log_text())
        if self.engine.remove_container(self.container):
            if self._lease:
                self._lease.release()
            self.container, self._lease = "", None

    def log_text(self) -> str:
        if not self._state():
            return self.log.read_text(errors="replace") if self.log.exists() else ""
        with trouble(f"reading the log of {self.name}"):
            return bytes(self.engine.api.logs(self.container)).decode(errors="replace")

    def run(self, argv: Sequence[str], doing: str, env: Mapping[str, str]) -> str:
        """The output of a command inside it. Raises ``LabError`` with its words."""
        with trouble(doing):
            api = self.engine.api
            made = api.exec_create(self.container, list(argv), environment=dict(env))
            said, wrong = api.exec_start(made, demux=True)
            code = api.exec_inspect(made)["ExitCode"]
        if code:
            words = (wrong or said or b"").decode(errors="replace").strip()
            raise LabError(f"{doing}: {words[-800:]}")
        return (said or b"").decode(errors="replace")

    def handle(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "container": self.container,
            "spec": asdict(self.spec),
            "log": str(self.log),
            "engine": self.engine.address,
        }

    @classmethod
    def from_handle(cls, raw: Mapping[str, Any], leases: Leases) -> Container:
        spec = dict(raw["spec"])
        spec["ports"] = {int(inner): outer for inner, outer in spec["ports"].items()}
        engine = Engine(raw["engine"])
        return cls(
            raw["name"],
            ContainerSpec(**spec),
            Path(raw["log"]),
            leases,
            engine,
            raw["container"],
        )
