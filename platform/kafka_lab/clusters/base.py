"""One interface to a cluster, whatever backend runs it.

A cluster is made by its backend in the parent process, and attached to by the grader's child
through ``handle()``: plain JSON that says how to reach and control each broker.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka_lab.clusters.spec import PROGRAM_PRINCIPALS, ClusterSpec
from kafka_lab.clusters.wire import Wire

HARNESS = "harness"
BROKER = "broker"
CONNECT = "connect"
"""The principal of Connect workers: with no rights but those that it is given."""
NOBODY = "nobody"
"""A user without any right, to see that the authorizer denies."""


@dataclass(frozen=True)
class Credentials:
    """SASL/PLAIN users and their passwords, made anew for each cluster."""

    passwords: dict[str, str] = field(repr=False)

    @classmethod
    def fresh(cls) -> Credentials:
        own = [BROKER, HARNESS, CONNECT, NOBODY]
        users = [*own, *(f"program-{i}" for i in range(PROGRAM_PRINCIPALS))]
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
    """Where the harness reaches it directly; a controller of its own has no such address."""
    doors: Mapping[str, Address]
    """Where the relay forwards programs' connections to, by the listener's name."""
    metrics: Address | None = None
    """Where its exporter serves ``/metrics``, if the spec asks for one."""
    meant_down: bool = False
    """Set from the beginning of ``kill`` or ``stop`` until ``start`` has begun a new process:
    a broker that is gone without it died by accident, or by somebody else's hand."""

    @property
    def client(self) -> Address:
        """Where the relay forwards connections to the first listener for programs."""
        return next(iter(self.doors.values()))

    @abstractmethod
    def kill(self) -> None: ...

    @abstractmethod
    def stop(self) -> None: ...

    @abstractmethod
    def start(self, version: str | None = None) -> None:
        """Start it, with another Kafka version if one is named, and wait until it serves.

        Raises:
            LabError: when it runs already, or this version is not among the spec's ``upgrades``.
        """

    @abstractmethod
    def pause(self) -> None: ...

    @abstractmethod
    def resume(self) -> None: ...

    @abstractmethod
    def alive(self) -> bool: ...

    @abstractmethod
    def fail_log_dir(self, index: int) -> None:
        """Take a log directory (from 0) away from the running broker, as a dying disk does.

        The broker notices at its next write there and goes on with the others (KIP-112).
        Raises ``LabError`` when the spec has no second one.
        """

    @abstractmethod
    def log_text(self) -> str:
        """Everything that the broker has logged so far."""

    @abstractmethod
    def handle(self) -> dict[str, Any]:
        """What another process needs to attach to this broker."""


@dataclass
class Cluster:
    """A running cluster.

    ``relay_ports`` are the advertised ports of the listeners for programs, listener by listener
    in broker order (``topology.relay_port``); empty where no relay stands before it.
    ``controllers`` are the nodes that are controllers only. ``pki`` is the folder of its
    certificates and keys, empty where no listener has TLS or OAUTHBEARER. ``tries`` is how many
    starts it took: more than one when something in passing, such as a port taken in the last
    moment, was in the way.
    """

    backend: str
    spec: ClusterSpec
    cluster_id: str
    credentials: Credentials
    brokers: Sequence[Broker]
    relay_ports: Sequence[int]
    controllers: Sequence[Broker] = ()
    pki: str = ""
    tries: int = 1

    @property
    def nodes(self) -> list[Broker]:
        """Every process of the cluster."""
        return [*self.brokers, *self.controllers]

    def running(self) -> list[Broker]:
        """The brokers that nobody has ended and that are not to come later."""
        return [b for b in self.brokers if not b.meant_down]

    @property
    def program_bootstrap(self) -> str:
        """``bootstrap.servers`` for a program: the relay's addresses."""
        return self.bootstrap(self.spec.doors[0].name)

    def bootstrap(self, listener: str) -> str:
        """``bootstrap.servers`` of a listener for programs.

        Raises:
            KeyError: when there is no such listener.
        """
        names = [door.name for door in self.spec.doors]
        if listener not in names:
            raise KeyError(listener)
        if not self.relay_ports:
            return ",".join(str(b.doors[listener]) for b in self.brokers)
        first = names.index(listener) * self.spec.brokers
        return ",".join(
            f"127.0.0.1:{port}" for port in self.relay_ports[first : first + self.spec.brokers]
        )

    @property
    def harness_bootstrap(self) -> str:
        """``bootstrap.servers`` for the grader's own clients: past the relay."""
        return ",".join(str(b.harness) for b in self.brokers)

    def broker(self, broker_id: int) -> Broker:
        """The node with this id: a broker's from 1, a separate controller's after them.

        Raises:
            KeyError: when there is none.
        """
        for broker in self.nodes:
            if broker.id == broker_id:
                return broker
        raise KeyError(broker_id)

    def harness_client_config(self) -> dict[str, str]:
        """librdkafka configuration of a client with the harness's rights.

        It is back at once after a broker was: by default librdkafka waits up to ten seconds.
        """
        config = {
            "bootstrap.servers": self.harness_bootstrap,
            "reconnect.backoff.ms": "10",
            "reconnect.backoff.max.ms": "100",
        }
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
            "controllers": [b.handle() for b in self.controllers],
            "pki": self.pki,
        }
