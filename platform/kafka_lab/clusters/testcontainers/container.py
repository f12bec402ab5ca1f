"""A container of the official Kafka image, by testcontainers."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from docker.types import LogConfig
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer, Reaper
from testcontainers.core.network import Network

_reaper = threading.Lock()


class KafkaContainer(DockerContainer):
    """One broker: the image's own entry, told everything by environment.

    ``ports`` are the same inside and on the loopback interface of this machine: a broker must
    advertise them before it starts. There is no wait strategy; the caller's gate is stricter.
    """

    def __init__(
        self,
        image: str,
        name: str,
        env: Mapping[str, str],
        ports: Sequence[int],
        network: Network | None = None,
        copies: Sequence[tuple[bytes, str]] = (),
        start_now: bool = True,
    ) -> None:
        super().__init__(image, name=name, env=dict(env), network=network)
        for port in ports:
            # The type says "a port"; the SDK below takes an address with it as well.
            self.ports[f"{port}/tcp"] = ("127.0.0.1", port)  # type: ignore[assignment]
        for content, path in copies:
            self.with_copy_into_container(content, path)
        self._start_now = start_now
        self.with_kwargs(
            labels={"kafka-lab": name},
            # Whatever the engine's default is: one whose logs can be read back.
            log_config=LogConfig(type=LogConfig.types.JSON),
        )

    def start(self) -> KafkaContainer:
        """Create and start it, without waiting; one that is to come later is only created."""
        if not testcontainers_config.ryuk_disabled:
            with _reaper:  # several brokers start at once: one Ryuk is enough for all
                Reaper.get_instance()
        if not self._start_now:
            # testcontainers knows no creation without a start.
            client = self.get_docker_client()
            client.start = lambda container: None  # type: ignore[method-assign]
        super().start()
        return self


def named_network(name: str) -> Network:
    """A network that is not made yet; its name is known before it is."""
    network = Network()
    network.name = name
    return network
