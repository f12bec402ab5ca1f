"""A broker in a container."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kafka_lab.clusters.base import Address, Broker
from kafka_lab.runtime.engine import Engine, trouble
from kafka_lab.runtime.errors import LabError


class ContainerBroker(Broker):
    """A container of the official image, known by its name.

    It stays the same container, with the same data, from ``kill`` to ``start``; whoever made it
    has leased it. Attaching (``from_handle``) needs only the engine's address and the name.
    """

    def __init__(
        self,
        broker_id: int,
        harness: Address,
        doors: Mapping[str, Address],
        container: str,
        engine: Engine,
        data: Sequence[str] = (),
        metrics: Address | None = None,
    ) -> None:
        self.id = broker_id
        self.harness = harness
        self.doors = dict(doors)
        self.data = list(data)
        self.metrics = metrics
        self.container = container
        self.engine = engine
        self.on_start: Callable[[], None] = lambda: None
        """Waits until the broker serves requests again; set by whoever knows the cluster."""

    def start(self, version: str | None = None) -> None:
        if self.alive():
            raise LabError(f"broker {self.id} is already running")
        if version is not None:
            raise LabError(
                "a broker in a container cannot be started with another Kafka version",
                "set KAFKA_LAB_BACKEND=embedded",
            )
        with trouble(f"starting broker {self.id}"):
            self.engine.api.start(self.container)
        self.meant_down = False
        self.on_start()

    def kill(self) -> None:
        self.meant_down = True
        self._end("SIGKILL", 10)

    def stop(self) -> None:
        self.meant_down = True
        self._end("SIGTERM", 60)

    def pause(self) -> None:
        state = self._state()
        if state.get("Running") and not state.get("Paused"):
            with trouble(f"pausing broker {self.id}"):
                self.engine.api.pause(self.container)

    def resume(self) -> None:
        if self._state().get("Paused"):
            with trouble(f"resuming broker {self.id}"):
                self.engine.api.unpause(self.container)

    def alive(self) -> bool:
        return bool(self._state().get("Running"))

    def _state(self) -> dict[str, Any]:
        """The engine's words on it; empty when somebody has removed it."""
        from docker.errors import NotFound

        with trouble(f"looking at broker {self.id}"):
            try:
                found = self.engine.api.inspect_container(self.container)
            except NotFound:
                return {}
        return dict(found["State"])

    def _end(self, signal: str, timeout: float) -> None:
        from docker.errors import APIError
        from requests.exceptions import ConnectionError as Silence
        from requests.exceptions import ReadTimeout

        if not self.alive():
            return
        with trouble(f"ending broker {self.id}"):
            try:
                self.engine.api.kill(self.container, signal)
            except APIError:
                if self.alive():
                    raise
            try:
                self.engine.api.wait(self.container, timeout=timeout)
            except (ReadTimeout, Silence) as e:
                # The SDK says a time-out in both ways; an engine that is gone fails in alive().
                if self.alive():
                    raise LabError(f"broker {self.id} did not end within {timeout:.0f} s") from e

    def fail_log_dir(self, index: int) -> None:
        if len(self.data) < 2:
            raise LabError(f"broker {self.id} has one log directory", "ask for log_dirs=2")
        directory = self.data[index]
        # A file in its place makes every write fail, whoever the broker runs as.
        script = f"mv {directory} {directory}-offline && touch {directory}"
        with trouble(f"taking a log directory from broker {self.id}"):
            run = self.engine.api.exec_create(self.container, ["sh", "-c", script])
            said = self.engine.api.exec_start(run)
            code = self.engine.api.exec_inspect(run)["ExitCode"]
        if code:
            raise LabError(f"cannot take {directory} from broker {self.id}: {said!r}")

    def log_text(self) -> str:
        with trouble(f"reading the log of broker {self.id}"):
            return bytes(self.engine.api.logs(self.container)).decode(errors="replace")

    def handle(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "harness": [self.harness.host, self.harness.port],
            "doors": {name: [a.host, a.port] for name, a in self.doors.items()},
            "container": self.container,
            "data": self.data,
            "metrics": [self.metrics.host, self.metrics.port] if self.metrics else None,
            "meant_down": self.meant_down,
            "engine": self.engine.address,
        }

    @classmethod
    def from_handle(cls, raw: Mapping[str, Any], engine: Engine) -> ContainerBroker:
        broker = cls(
            int(raw["id"]),
            Address(*raw["harness"]),
            {name: Address(*a) for name, a in raw["doors"].items()},
            str(raw["container"]),
            engine,
            raw["data"],
            Address(*raw["metrics"]) if raw["metrics"] else None,
        )
        broker.meant_down = bool(raw["meant_down"])
        return broker
