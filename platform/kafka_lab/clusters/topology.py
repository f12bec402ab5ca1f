"""Which nodes a spec asks for and which listeners each has: the same for every backend.

A backend only says where a node's listener binds and under what address others reach it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kafka_lab.clusters.base import Address
from kafka_lab.clusters.spec import ClusterSpec, ListenerSpec


@dataclass(frozen=True)
class Place:
    """Where a listener binds, and what it tells clients to connect to."""

    bind: Address
    advertised: Address


@dataclass(frozen=True)
class Listener:
    """One listener of one node. ``advertised`` is ``None`` for the controller's."""

    spec: ListenerSpec
    bind: Address
    advertised: Address | None

    @property
    def name(self) -> str:
        return self.spec.name


@dataclass(frozen=True)
class Node:
    """One node's place in its cluster.

    ``inter_broker`` names the listener over which brokers talk to each other; ``voters`` is
    ``controller.quorum.voters``. ``data`` are its log directories and ``pki`` the folder of
    certificates, as the node's own process sees them.
    """

    id: int
    broker: bool
    controller: bool
    listeners: Sequence[Listener]
    inter_broker: str
    voters: str
    data: Sequence[str]
    rack: str = ""
    pki: str = ""


Ground = Callable[[int, str], Place]
"""(node id, listener name) → where it is; asked once for each."""


def controller_ids(spec: ClusterSpec) -> list[int]:
    """Node ids of the controllers."""
    first = spec.brokers + 1 if spec.separate else 1
    return list(range(first, first + spec.controllers))


def node_ids(spec: ClusterSpec) -> list[int]:
    """Ids of all nodes: brokers, then controllers of their own."""
    brokers = list(range(1, spec.brokers + 1))
    return brokers + (controller_ids(spec) if spec.separate else [])


def alone(spec: ClusterSpec) -> bool:
    """Whether there is nobody for a broker to talk to, and so no listener INTERNAL."""
    return spec.brokers == 1 and spec.internal is None


def places(spec: ClusterSpec) -> int:
    """How many listeners all nodes have together."""
    own = (1 if alone(spec) else 2) + len(spec.doors)
    return spec.controllers + spec.brokers * own


def relay_port(spec: ClusterSpec, relay_ports: Sequence[int], broker: int, door: int) -> int:
    """The relay's port for a broker's nth listener for programs."""
    return relay_ports[door * spec.brokers + broker - 1]


def nodes(
    spec: ClusterSpec,
    relay_ports: Sequence[int],
    ground: Ground,
    data: Callable[[int], Sequence[str]],
    pki: Callable[[int], str],
) -> list[Node]:
    """Every node of the cluster, brokers first."""
    controllers = controller_ids(spec)
    protocol = "SASL_PLAINTEXT" if spec.secured else "PLAINTEXT"
    at = {node: ground(node, "CONTROLLER") for node in controllers}
    voters = ",".join(f"{node}@{place.advertised}" for node, place in at.items())
    made = []
    for number in node_ids(spec):
        listeners: list[Listener] = []
        if number in at:
            spec_ = ListenerSpec("CONTROLLER", protocol)
            listeners.append(Listener(spec_, at[number].bind, None))
        broker = number <= spec.brokers
        if broker:
            own = [spec.harness] if alone(spec) else [spec.between, spec.harness]
            for kind in own:
                place = ground(number, kind.name)
                listeners.append(Listener(kind, place.bind, place.advertised))
            for index, kind in enumerate(spec.doors):
                place = ground(number, kind.name)
                seen = place.advertised
                if relay_ports:
                    seen = Address("127.0.0.1", relay_port(spec, relay_ports, number, index))
                listeners.append(Listener(kind, place.bind, seen))
        made.append(
            Node(
                number,
                broker,
                number in at,
                listeners,
                "HARNESS" if alone(spec) else "INTERNAL",
                voters,
                data(number),
                spec.racks[(number - 1) % len(spec.racks)] if spec.racks and broker else "",
                pki(number),
            )
        )
    return made
