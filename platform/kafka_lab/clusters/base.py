"""One interface to a cluster, whatever backend runs it.

A cluster is made by its backend in the parent process, and attached to by the grader's child
through ``handle()``: plain JSON that says how to reach and control each broker.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka_lab.clusters.spec import PROGRAM_PRINCIPALS, ClusterSpec
from kafka_lab.clusters.wire import Wire

HARNESS = "harness"
BROKER = "broker"


@dataclass(frozen=True)
class Credentials:
    """SASL/PLAIN users and their passwords, made anew for each cluster."""

    passwords: dict[str, str] = field(repr=False)

    @classmethod
    def fresh(cls) -> Credentials:
        users = [BROKER, HARNESS, *(f"program-{i}" for i in range(PROGRAM_PRINCIPALS))]
        return cls({user: secrets.token_urlsafe(18) for user in users})


@dataclass(frozen=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Broker(ABC):
    """One broker process or container.

    ``kill`` is SIGKILL, ``stop`` an orderly shutdown, ``pause`` SIGSTOP (or the container
    freezer's equivalent). After ``start`` the broker answers requests again.
    """

    id: int
    harness: Address
    """Where the harness reaches it directly."""
    client: Address
    """Where the relay forwards programs' connections to."""
    meant_down: bool = False
    """Set from the beginning of ``kill`` or ``stop`` until ``start`` has begun a new process:
    a broker that is gone without it died by accident, or by somebody else's hand."""

    @abstractmethod
    def kill(self) -> None: ...

    @abstractmethod
    def stop(self) -> None: ...

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def pause(self) -> None: ...

    @abstractmethod
    def resume(self) -> None: ...

    @abstractmethod
    def alive(self) -> bool: ...

    @abstractmethod
    def log_text(self) -> str:
        """Everything that the broker has logged so far."""

    @abstractmethod
    def handle(self) -> dict[str, Any]:
        """What another process needs to attach to this broker."""


@dataclass
class Cluster:
    """A running cluster. ``relay_ports`` are the advertised ports of the client listeners."""

    backend: str
    spec: ClusterSpec
    cluster_id: str
    credentials: Credentials
    brokers: Sequence[Broker]
    relay_ports: Sequence[int]

    @property
    def program_bootstrap(self) -> str:
        """``bootstrap.servers`` for a program: the relay's addresses."""
        return ",".join(f"127.0.0.1:{port}" for port in self.relay_ports)

    @property
    def harness_bootstrap(self) -> str:
        """``bootstrap.servers`` for the grader's own clients: past the relay."""
        return ",".join(str(b.harness) for b in self.brokers)

    def broker(self, broker_id: int) -> Broker:
        """The broker with this node id (from 1). Raises ``KeyError`` if there is none."""
        for broker in self.brokers:
            if broker.id == broker_id:
                return broker
        raise KeyError(broker_id)

    def harness_client_config(self) -> dict[str, str]:
        """librdkafka configuration of a client with the harness's rights."""
        config = {"bootstrap.servers": self.harness_bootstrap}
        if self.spec.secured:
            config |= {
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "PLAIN",
                "sasl.username": HARNESS,
                "sasl.password": self.credentials.passwords[HARNESS],
            }
        return config

    def wire(self, broker: Broker, timeout: float = 5.0) -> Wire:
        """A raw connection to one broker with the harness's rights."""
        if not self.spec.secured:
            return Wire(broker.harness.host, broker.harness.port, timeout=timeout)
        return Wire(
            broker.harness.host,
            broker.harness.port,
            HARNESS,
            self.credentials.passwords[HARNESS],
            timeout,
        )

    def handle(self) -> dict[str, Any]:
        return {
            "backend": self.backend,
            "spec": self.spec.to_json(),
            "cluster_id": self.cluster_id,
            "passwords": self.credentials.passwords,
            "relay_ports": list(self.relay_ports),
            "brokers": [b.handle() for b in self.brokers],
        }
