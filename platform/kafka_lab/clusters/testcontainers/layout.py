"""A cluster as containers: named, leased and told everything before the first one is made.

The ports of HARNESS and CLIENT are the same in the container and on this machine's loopback
interface, because a broker advertises them. With three brokers there is a network of the
cluster's own, on which they find each other by name (listeners INTERNAL and CONTROLLER).
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from kafka_lab.clusters.base import Address, Credentials
from kafka_lab.clusters.extras import (
    EXPORTER_RULES,
    agent_jar,
    make_secrets,
    needs_secrets,
    tiered_jars,
    token_flags,
)
from kafka_lab.clusters.nodeconfig import kafka_uuid, properties
from kafka_lab.clusters.ports import free_ports
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.clusters.testcontainers.broker import ContainerBroker
from kafka_lab.clusters.testcontainers.settings import DATA_PATH, environment, image_name
from kafka_lab.clusters.topology import Place, node_ids
from kafka_lab.clusters.topology import nodes as lay_out
from kafka_lab.runtime.engine import Engine, refusals, trouble
from kafka_lab.runtime.leases import Lease, Leases
from kafka_lab.runtime.paths import scratch_root

_CONTROLLER = 9093
_INTERNAL = 9094
_EVERYWHERE = "0.0.0.0"
PKI_PATH = "/etc/kafka/secrets"
_AGENT_PATH = "/etc/kafka/docker/jmx-agent.jar"
_RULES_PATH = "/etc/kafka/docker/jmx-exporter.yml"
_TAKEN = ("port is already allocated", "address already in use")


class PortTaken(Exception):
    """Somebody took one of our ports between choosing and publishing it."""


@dataclass(frozen=True)
class Member:
    """One node's container: what it is told, and the files that are put into it."""

    broker: ContainerBroker
    environment: dict[str, str]
    copies: Sequence[tuple[bytes, str]]

    @property
    def ports(self) -> list[int]:
        own = self.broker
        found = [a.port for a in (own.harness, *own.doors.values()) if a.port]
        return found + ([own.metrics.port] if own.metrics else [])


@dataclass(frozen=True)
class Layout:
    """All containers of one cluster. ``network`` is empty for a single broker."""

    spec: ClusterSpec
    engine: Engine
    cluster_id: str
    credentials: Credentials
    members: Sequence[Member]
    network: str
    pki: str
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
                            member.ports,
                            network,
                            member.copies,
                            start_now=not member.broker.meant_down,
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
    ids = node_ids(spec)
    names = {number: f"{stem}-{number}" for number in ids}
    several = len(ids) > 1
    network = stem if several else ""
    held = [leases.container(name, engine.address) for name in names.values()]
    if network:
        held.append(leases.network(network, engine.address))
    cluster_id, credentials = kafka_uuid(), Credentials.fresh()
    pki = _secrets(spec, [*names.values(), "127.0.0.1", "localhost"], leases)
    here = iter(free_ports(spec.brokers * (2 + len(spec.doors))))

    def ground(node: int, listener: str) -> Place:
        inner = {"CONTROLLER": _CONTROLLER, "INTERNAL": _INTERNAL}.get(listener)
        if inner is None:
            port = next(here)
            return Place(Address(_EVERYWHERE, port), Address("127.0.0.1", port))
        if several:
            return Place(Address(_EVERYWHERE, inner), Address(names[node], inner))
        return Place(Address("127.0.0.1", inner), Address("127.0.0.1", inner))

    def data(node: int) -> list[str]:
        more = [f"{DATA_PATH}/disk-{n}" for n in range(1, spec.log_dirs + 1)]
        return more if spec.log_dirs > 1 else [DATA_PATH]

    members = []
    for node in lay_out(spec, relay_ports, ground, data, lambda n: PKI_PATH):
        at = {x.name: Address("127.0.0.1", x.bind.port) for x in node.listeners}
        metrics = Address("127.0.0.1", next(here)) if spec.jmx and node.broker else None
        broker = ContainerBroker(
            node.id,
            at.get("HARNESS", Address("", 0)),
            {door.name: at[door.name] for door in spec.doors if door.name in at},
            names[node.id],
            engine,
            node.data,
            metrics,
        )
        broker.meant_down = node.broker and node.id > spec.brokers - spec.later
        told = environment(properties(spec, node, credentials), cluster_id)
        copies = list(_copies(spec, pki, metrics is not None))
        options: list[str] = []
        if pki:
            options += token_flags(PKI_PATH)
        if metrics:
            agent = f"{_EVERYWHERE}:{metrics.port}:{_RULES_PATH}"
            options.append(f"-javaagent:{_AGENT_PATH}={agent}")
        if options:
            told["KAFKA_OPTS"] = " ".join(options)
        members.append(Member(broker, told, copies))
    return Layout(spec, engine, cluster_id, credentials, members, network, pki, held)


def _secrets(spec: ClusterSpec, hosts: Sequence[str], leases: Leases) -> str:
    if not needs_secrets(spec):
        return ""
    folder = Path(tempfile.mkdtemp(prefix="pki-", dir=scratch_root()))
    try:
        leases.tree(folder)
    except OSError:  # cleared meanwhile: whoever asked has gone
        folder.rmdir()
        raise
    return make_secrets(spec, folder, hosts, leases)


def _copies(spec: ClusterSpec, pki: str, agent: bool) -> Iterator[tuple[bytes, str]]:
    """(content, path in the container) of what a shape needs beside the image."""
    if pki:
        shown = (door.keystore for door in spec.doors if door.tls)
        for name in dict.fromkeys(("ca.pem", "broker.pem", "jwks.json", *shown)):
            yield (Path(pki) / name).read_bytes(), f"{PKI_PATH}/{name}"
    if agent:
        yield agent_jar().read_bytes(), _AGENT_PATH
        yield EXPORTER_RULES.encode(), _RULES_PATH
    if spec.tiered:
        for jar in tiered_jars(spec.version):
            # After the image's own jars on the class path, which is in alphabetical order.
            yield jar.read_bytes(), f"/opt/kafka/libs/zz-{jar.name}"
