"""The properties of one broker: the same for every backend.

Values follow "Broker Configs" of the Kafka documentation; the ones that differ from its
defaults either make a small cluster start quickly, or make it strict.
"""

from __future__ import annotations

import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kafka_lab.clusters.base import BROKER, HARNESS, Address, Credentials
from kafka_lab.clusters.spec import ClusterSpec

_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"


def kafka_uuid() -> str:
    """A random id in Kafka's own form: 16 bytes, URL-safe base64 without padding."""
    return urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


@dataclass(frozen=True)
class Listener:
    """Where a listener binds and what it tells clients to connect to."""

    name: str
    bind: Address
    advertised: Address | None
    """``None`` for the controller's listener, which is not advertised."""


@dataclass(frozen=True)
class Node:
    """One node's place in its cluster."""

    id: int
    controller: bool
    listeners: Sequence[Listener]
    inter_broker: str
    """Name of the listener over which brokers talk to each other."""
    voters: str
    """``controller.quorum.voters``: ``id@host:port``."""
    data: str
    """The log directory, as the broker process sees it."""


def meta_properties(cluster_id: str, node_id: int) -> str:
    """The file that ``kafka-storage format`` would write into a log directory."""
    return f"version=1\ncluster.id={cluster_id}\nnode.id={node_id}\ndirectory.id={kafka_uuid()}\n"


def _jaas(listener: Listener, credentials: Credentials) -> str:
    users = credentials.passwords.items()
    entries = " ".join(f'user_{user}="{password}"' for user, password in users)
    own = f'username="{BROKER}" password="{credentials.passwords[BROKER]}"'
    return f"{_PLAIN} required {own} {entries};"


def properties(spec: ClusterSpec, node: Node, credentials: Credentials) -> dict[str, str]:
    """``server.properties`` of one node."""
    replicas = str(min(3, spec.brokers))
    quorum = "1" if spec.brokers < 3 else "2"
    protocol = "SASL_PLAINTEXT" if spec.secured else "PLAINTEXT"
    advertised = [x for x in node.listeners if x.advertised]
    config = {
        "process.roles": "broker,controller" if node.controller else "broker",
        "node.id": str(node.id),
        "controller.quorum.voters": node.voters,
        "controller.listener.names": "CONTROLLER",
        "listeners": ",".join(f"{x.name}://{x.bind}" for x in node.listeners),
        "advertised.listeners": ",".join(f"{x.name}://{x.advertised}" for x in advertised),
        "listener.security.protocol.map": ",".join(
            f"{name}:{protocol}"
            for name in dict.fromkeys(["CONTROLLER", *(x.name for x in node.listeners)])
        ),
        "inter.broker.listener.name": node.inter_broker,
        "log.dirs": node.data,
        "auto.create.topics.enable": "false",
        "num.partitions": "1",
        "default.replication.factor": replicas,
        "min.insync.replicas": quorum,
        # Internal topics of one partition are created at once, not in 50 log folders, and one
        # probe of the readiness gate covers them.
        "offsets.topic.num.partitions": "1",
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.num.partitions": "1",
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": quorum,
        "share.coordinator.state.topic.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": quorum,
        # A group starts with its first member instead of waiting 3 s for more.
        "group.initial.rebalance.delay.ms": "0",
        "group.consumer.heartbeat.interval.ms": "100",
        "group.consumer.min.heartbeat.interval.ms": "100",
        "group.consumer.assignment.interval.ms": "0",
        "log.cleaner.dedupe.buffer.size": "2097152",
        "num.io.threads": "2",
        "num.network.threads": "1",
        "background.threads": "2",
        "num.recovery.threads.per.data.dir": "1",
        "metric.reporters": "",
        # A broker that was killed may register again as soon as its session is over (9 s by
        # default), and only then do its partitions get leaders. At 1 s a machine under load was
        # seen to fence living brokers.
        "broker.session.timeout.ms": "2000",
        "broker.heartbeat.interval.ms": "100",
    }
    if spec.brokers == 1:
        config["controlled.shutdown.enable"] = "false"
    else:
        config |= {"replica.fetch.backoff.ms": "50", "replica.fetch.wait.max.ms": "100"}
    if spec.secured:
        config |= {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{BROKER};User:{HARNESS}",
            "allow.everyone.if.no.acl.found": "false",
            "sasl.enabled.mechanisms": "PLAIN",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "sasl.mechanism.controller.protocol": "PLAIN",
        }
        names = {x.name: x for x in node.listeners}
        # A broker that is no controller still needs credentials to talk to the controller.
        names.setdefault("CONTROLLER", Listener("CONTROLLER", Address("", 0), None))
        for name, listener in names.items():
            config[f"listener.name.{name.lower()}.plain.sasl.jaas.config"] = _jaas(
                listener, credentials
            )
    return config | dict(spec.broker_config)


def render(config: Mapping[str, str]) -> str:
    """As a Java properties file."""
    lines = []
    for key, value in config.items():
        escaped = value.replace("\\", "\\\\").replace("\n", "\\n")
        lines.append(f"{key}={escaped}")
    return "\n".join(lines) + "\n"
