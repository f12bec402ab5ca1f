"""The properties of one node: the same for every backend.

Values follow "Broker Configs" of the Kafka documentation; the ones that differ from its
defaults either make a small cluster start quickly, or make it strict.
"""

from __future__ import annotations

import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from kafka_lab.clusters.base import BROKER, HARNESS, Credentials
from kafka_lab.clusters.kerberos import SERVICE, Realm
from kafka_lab.clusters.spec import ClusterSpec, ListenerSpec
from kafka_lab.clusters.topology import Node

_SECURITY = "org.apache.kafka.common.security"
_LOGIN_MODULES = {
    "PLAIN": f"{_SECURITY}.plain.PlainLoginModule",
    "SCRAM-SHA-256": f"{_SECURITY}.scram.ScramLoginModule",
    "SCRAM-SHA-512": f"{_SECURITY}.scram.ScramLoginModule",
    "OAUTHBEARER": f"{_SECURITY}.oauthbearer.OAuthBearerLoginModule",
}
BROKER_NAME = "CN=broker"
"""Distinguished name of every broker's certificate, hence its principal on a TLS listener."""
AUDIENCE = "kafka-lab"
"""The audience that tokens of OAUTHBEARER must be made for."""


def kafka_uuid() -> str:
    """A random id in Kafka's own form: 16 bytes, URL-safe base64 without padding.

    As ``org.apache.kafka.common.Uuid.randomUuid`` does, never one that begins with a dash: the
    storage tool would take it for an option.
    """
    while (text := urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


def meta_properties(cluster_id: str, node_id: int) -> str:
    """The file that ``kafka-storage format`` would write into a log directory."""
    return f"version=1\ncluster.id={cluster_id}\nnode.id={node_id}\ndirectory.id={kafka_uuid()}\n"


def _jaas(mechanism: str, credentials: Credentials) -> str:
    module = _LOGIN_MODULES[mechanism]
    if mechanism == "OAUTHBEARER":
        return f"{module} required;"
    own = f'username="{BROKER}" password="{credentials.passwords[BROKER]}"'
    if mechanism != "PLAIN":  # SCRAM's users live in the cluster's metadata (KIP-554)
        return f"{module} required {own};"
    users = credentials.passwords.items()
    entries = " ".join(f'user_{user}="{password}"' for user, password in users)
    return f"{module} required {own} {entries};"


def _ticket_jaas(node: Node) -> str:
    """A broker only accepts tickets, and so never asks the KDC for one of its own."""
    realm = Realm(Path(node.pki) / "kerberos")
    return (
        "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true "
        f'isInitiator=false keyTab="{realm.keytab(realm.broker)}" '
        f'principal="{realm.principal(realm.broker)}";'
    )


def _listener(spec: ListenerSpec, node: Node, credentials: Credentials) -> dict[str, str]:
    """What a listener needs beside its place."""
    prefix = f"listener.name.{spec.name.lower()}"
    config: dict[str, str] = {}
    if spec.sasl:
        if spec.mechanisms != ("PLAIN",):
            config[f"{prefix}.sasl.enabled.mechanisms"] = ",".join(spec.mechanisms)
        for mechanism in spec.mechanisms:
            key = f"{prefix}.{mechanism.lower()}"
            if mechanism == "GSSAPI":
                config[f"{key}.sasl.jaas.config"] = _ticket_jaas(node)
                config["sasl.kerberos.service.name"] = SERVICE
                continue
            config[f"{key}.sasl.jaas.config"] = _jaas(mechanism, credentials)
            if mechanism == "OAUTHBEARER":
                handler = f"{_SECURITY}.oauthbearer.OAuthBearerValidatorCallbackHandler"
                config |= {
                    f"{key}.sasl.server.callback.handler.class": handler,
                    f"{key}.sasl.oauthbearer.jwks.endpoint.url": f"file://{node.pki}/jwks.json",
                    f"{key}.sasl.oauthbearer.expected.audience": AUDIENCE,
                }
    if spec.tls:
        config |= {
            f"{prefix}.ssl.keystore.type": "PEM",
            f"{prefix}.ssl.keystore.location": f"{node.pki}/{spec.keystore}",
            f"{prefix}.ssl.truststore.type": "PEM",
            f"{prefix}.ssl.truststore.location": f"{node.pki}/ca.pem",
            f"{prefix}.ssl.client.auth": spec.client_auth,
        }
    return config


def _tiered(spec: ClusterSpec, node: Node, credentials: Credentials) -> dict[str, str]:
    """Tiered storage (KIP-405) with the remote storage manager of Kafka's own tests."""
    client = "rlmm.config.remote.log.metadata.common.client"
    config = {
        "remote.log.storage.system.enable": "true",
        "remote.log.storage.manager.class.name": (
            "org.apache.kafka.server.log.remote.storage.LocalTieredStorage"
        ),
        "rsm.config.dir": f"{node.data[0]}/../remote",
        "remote.log.metadata.manager.listener.name": node.inter_broker,
        "rlmm.config.remote.log.metadata.topic.num.partitions": "1",
        "rlmm.config.remote.log.metadata.topic.replication.factor": str(min(3, spec.brokers)),
        "remote.log.manager.task.interval.ms": "500",
        "log.retention.check.interval.ms": "500",
        "log.initial.task.delay.ms": "500",
    }
    between = spec.harness if node.inter_broker == "HARNESS" else spec.between
    if between.sasl:
        mechanism = between.mechanisms[0]
        config |= {
            f"{client}.sasl.mechanism": mechanism,
            f"{client}.sasl.jaas.config": _jaas(mechanism, credentials),
        }
    return config


def properties(spec: ClusterSpec, node: Node, credentials: Credentials) -> dict[str, str]:
    """``server.properties`` of one node."""
    at_start = spec.brokers - spec.later
    replicas = str(min(3, at_start))
    quorum = "1" if at_start < 3 else "2"
    protocols = {x.name: x.spec.protocol for x in node.listeners}
    protocols.setdefault("CONTROLLER", "SASL_PLAINTEXT" if spec.secured else "PLAINTEXT")
    roles = [
        role for role, has in (("broker", node.broker), ("controller", node.controller)) if has
    ]
    config = {
        "process.roles": ",".join(roles),
        "node.id": str(node.id),
        "controller.quorum.voters": node.voters,
        "controller.listener.names": "CONTROLLER",
        "listeners": ",".join(f"{x.name}://{x.bind}" for x in node.listeners),
        "listener.security.protocol.map": ",".join(f"{n}:{p}" for n, p in protocols.items()),
        "log.dirs": ",".join(node.data),
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
    if node.broker:
        advertised = [x for x in node.listeners if x.advertised]
        config |= {
            "advertised.listeners": ",".join(f"{x.name}://{x.advertised}" for x in advertised),
            "inter.broker.listener.name": node.inter_broker,
        }
    if spec.brokers == 1:
        config["controlled.shutdown.enable"] = "false"
    else:
        config |= {"replica.fetch.backoff.ms": "50", "replica.fetch.wait.max.ms": "100"}
    if spec.controllers > 1:
        # As for brokers: a killed leader of the quorum is followed within about a second.
        config |= {
            "controller.quorum.election.timeout.ms": "500",
            "controller.quorum.election.backoff.max.ms": "300",
            "controller.quorum.fetch.timeout.ms": "1000",
        }
    if node.rack:
        config["broker.rack"] = node.rack
    if spec.log_dirs > 1:
        # How soon a directory that has gone offline is noticed.
        config["replica.high.watermark.checkpoint.interval.ms"] = "500"
    if spec.jmx:
        config["metric.reporters"] = "org.apache.kafka.common.metrics.JmxReporter"
    if spec.secured:
        supers = [f"User:{BROKER}", f"User:{HARNESS}"]
        if spec.tls:
            supers.insert(0, f"User:{BROKER_NAME}")
        between = spec.between if node.inter_broker == "INTERNAL" else spec.harness
        config |= {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": ";".join(supers),
            "allow.everyone.if.no.acl.found": "false",
            "sasl.enabled.mechanisms": "PLAIN",
            "sasl.mechanism.inter.broker.protocol": between.mechanisms[0],
            "sasl.mechanism.controller.protocol": "PLAIN",
        }
    every = {x.name: x.spec for x in node.listeners}
    # A broker that is no controller still needs credentials to talk to the controller.
    every.setdefault("CONTROLLER", ListenerSpec("CONTROLLER", protocols["CONTROLLER"]))
    for listener in every.values():
        config |= _listener(listener, node, credentials)
    if spec.tiered and node.broker:
        config |= _tiered(spec, node, credentials)
    return config | dict(spec.broker_config) | dict(spec.node_config.get(node.id, {}))


def render(config: Mapping[str, str]) -> str:
    """As a Java properties file."""
    lines = []
    for key, value in config.items():
        escaped = value.replace("\\", "\\\\").replace("\n", "\\n")
        lines.append(f"{key}={escaped}")
    return "\n".join(lines) + "\n"
