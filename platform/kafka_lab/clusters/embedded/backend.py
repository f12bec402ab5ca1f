"""The embedded backend: real Apache Kafka in local JVMs."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kafka_lab.clusters.accounts import create_scram_users
from kafka_lab.clusters.base import Address, Broker, Cluster, Credentials
from kafka_lab.clusters.embedded import image as images
from kafka_lab.clusters.embedded.broker import EmbeddedBroker
from kafka_lab.clusters.embedded.image import Image, Say, checkpoint_for
from kafka_lab.clusters.embedded.java import kerberos_java
from kafka_lab.clusters.extras import (
    agent_flags,
    kerberos_flags,
    make_secrets,
    tiered_jars,
    token_flags,
)
from kafka_lab.clusters.gate import pass_gate
from kafka_lab.clusters.nodeconfig import kafka_uuid, meta_properties, properties, render
from kafka_lab.clusters.ports import free_ports
from kafka_lab.clusters.spec import DEFAULT_VERSION, ClusterSpec
from kafka_lab.clusters.topology import Place, places
from kafka_lab.clusters.topology import nodes as lay_out
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Leases
from kafka_lab.runtime.paths import scratch_root

START_TIMEOUT = 60.0
_TRIES = 3

_SESSION = "broker.session.timeout.ms"
_ALONE, _AGAIN = "30000", "1000"
"""A broker that is its own and only controller has no peer that could take over when it is thought
dead, which a busy machine may do wrongly: so it is trusted for long. But after a kill it may not
register before the session of its former self is over: so a later start has a short one."""


class EmbeddedBackend:
    """Starts clusters as local processes."""

    name = "embedded"

    def unavailable(self) -> str:
        """Why this backend cannot be used here; empty if it can."""
        try:
            from kafka_lab.clusters.embedded.java import java

            java()
        except LabError as e:
            return f"{e.what}: {e.fix}"
        return ""

    def prepared(self, version: str) -> bool:
        return images.prepared(version)

    def prepare(self, version: str, say: Say | None = None) -> None:
        """Fetch jars and build the start-up caches, once. Raises ``LabError``."""
        images.prepare(version, say, _train)

    def start(self, spec: ClusterSpec, relay_ports: Sequence[int], leases: Leases) -> Cluster:
        """A fresh cluster that has passed the readiness gate.

        A start that fails for a passing reason (a port taken in the last moment) is tried again.

        Raises:
            LabError: when three tries failed; ``what`` holds the last lines of the broker's log.
        """
        kafkas = {v: images.prepare(v, None, _train) for v in spec.every_version()}
        problem = ""
        for tries in range(1, _TRIES + 1):
            cluster = _launch(kafkas, spec, relay_ports, leases)
            try:
                pass_gate(cluster, START_TIMEOUT)
                create_scram_users(cluster)
                cluster.tries = tries
                return cluster
            except TimeoutError as e:
                tail = "\n".join(b.log_text()[-1500:] for b in cluster.nodes)
                problem = f"{e}\n{tail}"
                for broker in cluster.nodes:
                    broker.kill()
                if not leases.folder.is_dir():  # cleared meanwhile: whoever asked has gone
                    break
        raise LabError(
            f"Kafka did not start: {problem}", "kafka-lab doctor says what this machine lacks"
        )

    def attach(self, handle: Mapping[str, Any], leases: Leases) -> Cluster:
        """A cluster that another process started."""
        nodes = [
            EmbeddedBroker.from_handle(raw, leases)
            for raw in (*handle["brokers"], *handle["controllers"])
        ]
        return _cluster(
            ClusterSpec.from_json(handle["spec"]),
            handle["cluster_id"],
            Credentials(dict(handle["passwords"])),
            nodes,
            handle["relay_ports"],
            handle["pki"],
        )


def _cluster(
    spec: ClusterSpec,
    cluster_id: str,
    credentials: Credentials,
    nodes: Sequence[EmbeddedBroker],
    relay_ports: Sequence[int],
    pki: str,
) -> Cluster:
    cluster = Cluster(
        "embedded",
        spec,
        cluster_id,
        credentials,
        list[Broker](nodes[: spec.brokers]),
        list(relay_ports),
        list[Broker](nodes[spec.brokers :]),
        pki,
    )
    for node in nodes:
        node.on_start = lambda: pass_gate(cluster, START_TIMEOUT)
    return cluster


def _launch(
    kafkas: Mapping[str, Image],
    spec: ClusterSpec,
    relay_ports: Sequence[int],
    leases: Leases,
    extra: tuple[str, ...] = (),
) -> Cluster:
    """Lay out the folders and start every process, without waiting."""
    folder = Path(tempfile.mkdtemp(prefix="cluster-", dir=scratch_root()))
    nodes: list[EmbeddedBroker] = []
    try:
        leases.tree(folder)
        return _set_up(folder, nodes, kafkas, spec, relay_ports, leases, extra)
    except BaseException:
        # Whoever interrupts us clears the leases while we go on; then the next one cannot be
        # taken, and what was made since would be nobody's.
        for node in nodes:
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _set_up(
    folder: Path,
    nodes: list[EmbeddedBroker],
    kafkas: Mapping[str, Image],
    spec: ClusterSpec,
    relay_ports: Sequence[int],
    leases: Leases,
    extra: tuple[str, ...],
) -> Cluster:
    cluster_id, credentials = kafka_uuid(), Credentials.fresh()
    pki = folder / "pki"
    tickets = "GSSAPI" in spec.mechanisms()
    full_java = kerberos_java() if tickets else None
    secrets = make_secrets(spec, pki, ("127.0.0.1", "localhost"), leases)
    here = iter(free_ports(places(spec) + (spec.brokers if spec.jmx else 0)))

    def ground(node: int, listener: str) -> Place:
        place = Address("127.0.0.1", next(here))
        return Place(place, place)

    def data(node: int) -> list[str]:
        own = folder / f"broker-{node}"
        return [str(own / (f"data-{n}" if n else "data")) for n in range(spec.log_dirs)]

    checkpoint = checkpoint_for(kafkas, spec)
    for node in lay_out(spec, relay_ports, ground, data, lambda n: str(pki)):
        own = folder / f"broker-{node.id}"
        for directory in map(Path, node.data):
            directory.mkdir(parents=True)
            (directory / "meta.properties").write_text(meta_properties(cluster_id, node.id))
            shutil.copy(checkpoint, directory / "bootstrap.checkpoint")
        config = own / "server.properties"
        config.touch(mode=0o600)  # it holds passwords
        values = properties(spec, node, credentials)
        asked = {**spec.broker_config, **spec.node_config.get(node.id, {})}
        alone = spec.brokers == 1 and not spec.separate and _SESSION not in asked
        config.write_text(render({**values, _SESSION: _ALONE} if alone else values))
        flags = (*extra, *(token_flags(secrets) if secrets else ()))
        flags += kerberos_flags(secrets) if tickets else ()
        jmx = None
        if spec.jmx and node.broker:
            jmx = Address("127.0.0.1", next(here))
            flags += agent_flags(own, jmx)
        at = {x.name: x.bind for x in node.listeners}
        nodes.append(
            EmbeddedBroker(
                node.id,
                at.get("HARNESS", Address("", 0)),
                {door.name: at[door.name] for door in spec.doors if door.name in at},
                {
                    v: kafka.command(
                        config, flags, tiered_jars(v) if spec.tiered else (), full_java
                    )
                    for v, kafka in kafkas.items()
                },
                spec.version_of(node.id),
                own,
                node.data,
                leases,
                metrics=jmx,
                again=("--override", f"{_SESSION}={_AGAIN}") if alone else (),
            )
        )
        nodes[-1].meant_down = node.broker and node.id > spec.brokers - spec.later
    for broker in nodes:
        if not broker.meant_down:
            broker.launch()
    return _cluster(spec, cluster_id, credentials, nodes, relay_ports, secrets)


def _train(image: Image) -> None:
    """Run a secured broker once, use it as programs do, and let the JVM write its AOT cache."""
    from kafka_lab.clusters.embedded.training import exercise_broker

    if image.version != DEFAULT_VERSION:
        return  # half a minute of training pays only for what every check starts
    output = image.folder / "kafka.aot.part"
    leases = Leases.open()
    try:
        cluster = _launch(
            {image.version: image},
            ClusterSpec(version=image.version),
            (),
            leases,
            (f"-XX:AOTCacheOutput={output}",),
        )
        pass_gate(cluster, START_TIMEOUT * 2)
        exercise_broker(cluster)
        broker = cluster.brokers[0]
        assert isinstance(broker, EmbeddedBroker)
        broker._signal(signal.SIGTERM)
        broker._wait(300)  # the JVM assembles the cache after the broker has shut down
    except (TimeoutError, LabError) as e:
        raise LabError(f"preparing the start-up cache failed: {e}", "try again") from e
    finally:
        leases.clear()
    if output.exists():
        output.replace(image.folder / "kafka.aot")
