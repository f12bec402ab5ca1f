"""A cluster as containers: named, leased and told everything before the first one is made.

The ports of HARNESS and CLIENT are the same in the container and on this machine's loopback
interface, because a broker advertises them. With three brokers there is a network of the
cluster's own, on which they find each other by name (listeners INTERNAL and CONTROLLER).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from kafka_lab.clusters.base import Address, Credentials
from kafka_lab.clusters.nodeconfig import Listener, Node, kafka_uuid, properties
from kafka_lab.clusters.ports import free_ports
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.clusters.testcontainers.broker import ContainerBroker
from kafka_lab.clusters.testcontainers.settings import DATA_PATH, environment, image_name
from kafka_lab.runtime.engine import Engine, refusals, trouble
from kafka_lab.runtime.leases import Lease, Leases

_CONTROLLER = 9093
_INTERNAL = 9094
_EVERYWHERE = "0.0.0.0"
_TAKEN = ("port is already allocated", "address already in use")


class PortTaken(Exception):
    """Somebody took one of our ports between choosing and publishing it."""


@dataclass(frozen=True)
class Member:
    """One broker's container."""

    broker: ContainerBroker
    environment: dict[str, str]


@dataclass(frozen=True)
class Layout:
    """All containers of one cluster. ``network`` is empty for a single broker."""

    spec: ClusterSpec
    engine: Engine
    cluster_id: str
    credentials: Credentials
    members: Sequence[Member]
    network: str
    leases: Sequence[Lease]

    @property
    def brokers(self) -> list[ContainerBroker]:
        return [member.broker for member in self.members]

    def launch(self) -> None:
        """Make and start everything, without waiting for Kafka.

        Raises:
            PortTaken: when it is worth trying again with other ports.
            LabError: when the engine refuses.
        """
        from testcontainers.core.exceptions import (
            ContainerConnectException,
            ContainerStartException,
        )

        from kafka_lab.clusters.testcontainers.container import KafkaContainer, named_network

        try:
            with trouble(f"starting {image_name(self.spec.version)}"):
                try:
                    network = named_network(self.network).create() if self.network else None
                    containers = [
                        KafkaContainer(
                            image_name(self.spec.version),
                            member.broker.container,
                            member.environment,
                            [member.broker.harness.port, member.broker.client.port],
                            network,
                        )
                        for member in self.members
                    ]
                    with ThreadPoolExecutor(len(containers)) as pool:
                        list(pool.map(KafkaContainer.start, containers))
                except (ContainerStartException, ContainerConnectException) as e:
                    raise OSError(f"testcontainers: {e}") from e
        except Exception as e:
            if any(words in str(e) for words in _TAKEN):
                raise PortTaken(str(e)) from e
            raise

    def remove(self) -> None:
        """Remove whatever there is of it; what the engine does not remove stays leased."""
        try:
            gone = [self.engine.remove_container(b.container) for b in self.brokers]
            if self.network:
                gone.append(self.engine.remove_network(self.network))
        except refusals():
            return
        if all(gone):
            for lease in self.leases:
                lease.release()


def plan(spec: ClusterSpec, relay_ports: Sequence[int], leases: Leases, engine: Engine) -> Layout:
    """Choose names, ports and secrets, and lease what is going to be made."""
    stem = f"kafka-lab-{secrets.token_hex(6)}"
    numbers = range(1, spec.brokers + 1)
    names = [f"{stem}-{number}" for number in numbers]
    several = spec.brokers > 1
    network = stem if several else ""
    held = [leases.container(name, engine.address) for name in names]
    if network:
        held.append(leases.network(network, engine.address))
    cluster_id, credentials = kafka_uuid(), Credentials.fresh()
    ports = iter(free_ports(2 * spec.brokers))
    controller = Address(names[0] if several else "127.0.0.1", _CONTROLLER)
    members = []
    for number, name in zip(numbers, names, strict=True):
        harness, client = (Address("127.0.0.1", next(ports)) for _ in range(2))
        relay = Address("127.0.0.1", relay_ports[number - 1]) if relay_ports else client
        listeners = [
            Listener("HARNESS", Address(_EVERYWHERE, harness.port), harness),
            Listener("CLIENT", Address(_EVERYWHERE, client.port), relay),
        ]
        if several:
            bind = Address(_EVERYWHERE, _INTERNAL)
            listeners.insert(0, Listener("INTERNAL", bind, Address(name, _INTERNAL)))
        if number == 1:
            bind = Address(_EVERYWHERE if several else "127.0.0.1", _CONTROLLER)
            listeners.insert(0, Listener("CONTROLLER", bind, None))
        inner = "INTERNAL" if several else "HARNESS"
        node = Node(number, number == 1, listeners, inner, f"1@{controller}", DATA_PATH)
        broker = ContainerBroker(number, harness, client, name, engine)
        told = environment(properties(spec, node, credentials), cluster_id)
        members.append(Member(broker, told))
    return Layout(spec, engine, cluster_id, credentials, members, network, held)
