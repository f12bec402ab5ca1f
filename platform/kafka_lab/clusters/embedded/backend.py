"""The embedded backend: real Apache Kafka in local JVMs."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kafka_lab.clusters.base import Address, Broker, Cluster, Credentials
from kafka_lab.clusters.embedded import image as images
from kafka_lab.clusters.embedded.broker import EmbeddedBroker
from kafka_lab.clusters.embedded.image import Image, Say
from kafka_lab.clusters.gate import pass_gate
from kafka_lab.clusters.nodeconfig import (
    Listener,
    Node,
    kafka_uuid,
    meta_properties,
    properties,
    render,
)
from kafka_lab.clusters.ports import free_ports
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Leases
from kafka_lab.runtime.paths import scratch_root

START_TIMEOUT = 60.0
_TRIES = 3


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
        image = images.prepare(spec.version, None, _train)
        problem = ""
        for _ in range(_TRIES):
            cluster = _launch(image, spec, relay_ports, leases)
            try:
                pass_gate(cluster, START_TIMEOUT)
                return cluster
            except TimeoutError as e:
                tail = "\n".join(b.log_text()[-1500:] for b in cluster.brokers)
                problem = f"{e}\n{tail}"
                for broker in cluster.brokers:
                    broker.kill()
                if not leases.folder.is_dir():  # cleared meanwhile: whoever asked has gone
                    break
        raise LabError(
            f"Kafka did not start: {problem}", "kafka-lab doctor says what this machine lacks"
        )

    def attach(self, handle: Mapping[str, Any], leases: Leases) -> Cluster:
        """A cluster that another process started."""
        brokers = [EmbeddedBroker.from_handle(raw, leases) for raw in handle["brokers"]]
        return _cluster(
            ClusterSpec.from_json(handle["spec"]),
            handle["cluster_id"],
            Credentials(dict(handle["passwords"])),
            brokers,
            handle["relay_ports"],
        )


def _cluster(
    spec: ClusterSpec,
    cluster_id: str,
    credentials: Credentials,
    brokers: Sequence[EmbeddedBroker],
    relay_ports: Sequence[int],
) -> Cluster:
    cluster = Cluster(
        "embedded", spec, cluster_id, credentials, list[Broker](brokers), list(relay_ports)
    )
    for broker in brokers:
        broker.on_start = lambda: pass_gate(cluster, START_TIMEOUT)
    return cluster


def _launch(
    image: Image,
    spec: ClusterSpec,
    relay_ports: Sequence[int],
    leases: Leases,
    extra: tuple[str, ...] = (),
) -> Cluster:
    """Lay out the folders and start every process, without waiting."""
    folder = Path(tempfile.mkdtemp(prefix="cluster-", dir=scratch_root()))
    leases.tree(folder)
    cluster_id, credentials = kafka_uuid(), Credentials.fresh()
    ports = iter(free_ports(1 + 2 * spec.brokers))
    controller = Address("127.0.0.1", next(ports))
    brokers = []
    for number in range(1, spec.brokers + 1):
        harness = Address("127.0.0.1", next(ports))
        client = Address("127.0.0.1", next(ports))
        relay = Address("127.0.0.1", relay_ports[number - 1]) if relay_ports else client
        own = folder / f"broker-{number}"
        data = own / "data"
        data.mkdir(parents=True)
        listeners = [Listener("HARNESS", harness, harness), Listener("CLIENT", client, relay)]
        if number == 1:
            listeners.insert(0, Listener("CONTROLLER", controller, None))
        node = Node(number, number == 1, listeners, "HARNESS", f"1@{controller}", str(data))
        (data / "meta.properties").write_text(meta_properties(cluster_id, number))
        shutil.copy(image.checkpoint, data / "bootstrap.checkpoint")
        config = own / "server.properties"
        config.touch(mode=0o600)  # it holds passwords
        config.write_text(render(properties(spec, node, credentials)))
        brokers.append(
            EmbeddedBroker(number, harness, client, image.command(config, extra), own, leases)
        )
    for broker in brokers:
        broker.launch()
    return _cluster(spec, cluster_id, credentials, brokers, relay_ports)


def _train(image: Image) -> None:
    """Run a secured broker once, use it as programs do, and let the JVM write its AOT cache."""
    from kafka_lab.clusters.embedded.training import exercise_broker

    output = image.folder / "kafka.aot.part"
    leases = Leases.open()
    try:
        cluster = _launch(
            image, ClusterSpec(version=image.version), (), leases, (f"-XX:AOTCacheOutput={output}",)
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
