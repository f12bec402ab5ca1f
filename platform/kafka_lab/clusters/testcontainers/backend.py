"""The testcontainers backend: the official Kafka image on a Docker engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kafka_lab.clusters.accounts import create_scram_users
from kafka_lab.clusters.base import Broker, Cluster, Credentials
from kafka_lab.clusters.gate import pass_gate
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.clusters.testcontainers import images
from kafka_lab.clusters.testcontainers.broker import ContainerBroker
from kafka_lab.clusters.testcontainers.images import Say
from kafka_lab.clusters.testcontainers.layout import PortTaken, plan
from kafka_lab.clusters.testcontainers.settings import image_name
from kafka_lab.clusters.testcontainers.where import engine_address, why_not
from kafka_lab.runtime.engine import Engine
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Leases

START_TIMEOUT = 90.0
_TRIES = 3


class TestcontainersBackend:
    """Starts clusters as containers.

    Ryuk, testcontainers' own cleaner, runs as its settings say. It removes what belongs to a
    kafka-lab that was killed; one that ends in order takes its Ryuk with it first, so that a
    cluster that is kept on purpose stays. With or without it, leases clean up.
    """

    __test__ = False  # no test class, whatever pytest makes of its name
    name = "testcontainers"

    def unavailable(self) -> str:
        """Why this backend cannot be used here; empty if it can. Takes less than a second."""
        return why_not()

    def prepared(self, version: str) -> bool:
        """Whether every image that is needed is on the engine. Raises ``LabError``."""
        engine = Engine(engine_address())
        return all(images.present(engine, name) for name in images.wanted(version))

    def prepare(self, version: str, say: Say | None = None) -> None:
        """Pull the images that are not here yet. Raises ``LabError``."""
        engine = Engine(engine_address())
        for name in images.wanted(version):
            if not images.present(engine, name):
                images.pull(engine, name, say)

    def start(self, spec: ClusterSpec, relay_ports: Sequence[int], leases: Leases) -> Cluster:
        """A fresh cluster that has passed the readiness gate.

        A start that fails for a passing reason (a port taken in the last moment, a broker that
        died) is tried again; one whose brokers run and do not answer is not.

        Raises:
            LabError: when the engine refuses, or the brokers do not come up; ``what`` holds the
                last lines of their logs.
        """
        if int(spec.version.split(".")[0]) < 4:
            raise LabError(
                f"Kafka {spec.version} cannot be had in containers: it sets up its logs otherwise",
                "ask for 4.0.0 or newer",
            )
        if spec.versions or spec.upgrades or spec.release:
            raise LabError(
                "brokers of several versions, or another metadata version, cannot be had in "
                "containers: each container formats itself for its own version",
                "set KAFKA_LAB_BACKEND=embedded",
            )
        if "GSSAPI" in spec.mechanisms():
            raise LabError(
                "GSSAPI cannot be had in containers: their brokers would need the realm's keytabs, "
                "and a Java with Kerberos, which not every image has",
                "set KAFKA_LAB_BACKEND=embedded",
            )
        self.prepare(spec.version)
        engine = Engine(engine_address())
        problem = ""
        for tries in range(1, _TRIES + 1):
            layout = plan(spec, relay_ports, leases, engine)
            try:
                layout.launch()
                cluster = _cluster(
                    spec,
                    layout.cluster_id,
                    layout.credentials,
                    layout.brokers,
                    relay_ports,
                    layout.pki,
                )
                pass_gate(cluster, START_TIMEOUT)
                create_scram_users(cluster)
                cluster.tries = tries
                return cluster
            except PortTaken as e:
                problem = str(e)
                layout.remove()
            except TimeoutError as e:
                problem = "\n".join([str(e), *(b.log_text()[-1500:] for b in layout.brokers)])
                hopeless = all(b.meant_down or b.alive() for b in layout.brokers)
                layout.remove()
                if hopeless:
                    break
        raise LabError(
            f"Kafka did not start from {image_name(spec.version)}: {problem}",
            "kafka-lab doctor says what this machine lacks; KAFKA_LAB_BACKEND=embedded does "
            "without Docker",
        )

    def attach(self, handle: Mapping[str, Any], leases: Leases) -> Cluster:
        """A cluster that another process started."""
        engine = Engine(handle["brokers"][0]["engine"])
        return _cluster(
            ClusterSpec.from_json(handle["spec"]),
            handle["cluster_id"],
            Credentials(dict(handle["passwords"])),
            [
                ContainerBroker.from_handle(raw, engine)
                for raw in (*handle["brokers"], *handle["controllers"])
            ],
            handle["relay_ports"],
            handle["pki"],
        )


def _cluster(
    spec: ClusterSpec,
    cluster_id: str,
    credentials: Credentials,
    nodes: Sequence[ContainerBroker],
    relay_ports: Sequence[int],
    pki: str,
) -> Cluster:
    cluster = Cluster(
        "testcontainers",
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
