"""What a Connect worker is told: its properties, and its container where it runs in one."""

from __future__ import annotations

import os
from pathlib import Path

from kafka_lab.clusters.base import CONNECT, Cluster
from kafka_lab.services.connect import image as images
from kafka_lab.services.container import ContainerSpec
from kafka_lab.services.images import Image

STORES = {"config": "configs", "offset": "offsets", "status": "status"}
"""A worker's word for a store → the end of its topic's name."""


def login(cluster: Cluster, prefix: str = "") -> dict[str, str]:
    """A client's properties with the workers' principal; none where nobody has to log in."""
    if not cluster.spec.secured:
        return {}
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    password = cluster.credentials.passwords[CONNECT]
    return {
        f"{prefix}security.protocol": "SASL_PLAINTEXT",
        f"{prefix}sasl.mechanism": "PLAIN",
        f"{prefix}sasl.jaas.config": (
            f'{module} required username="{CONNECT}" password="{password}";'
        ),
    }


def properties(cluster: Cluster, port: int, path: str) -> dict[str, str]:
    """What both modes have. ``path`` is ``plugin.path``."""
    converter = "org.apache.kafka.connect.json.JsonConverter"
    config = {
        "bootstrap.servers": cluster.harness_bootstrap,
        "listeners": f"http://127.0.0.1:{port}",
        "rest.advertised.host.name": "127.0.0.1",
        "rest.advertised.port": str(port),
        "key.converter": converter,
        "value.converter": converter,
        "plugin.path": path,
        "plugin.discovery": "service_load",
        "metric.reporters": "",
        "reconnect.backoff.ms": "10",
        "reconnect.backoff.max.ms": "200",
        "retry.backoff.ms": "10",
    }
    for prefix in ("", "producer.", "consumer.", "admin."):
        config |= login(cluster, prefix)
    return config


def distributed(cluster: Cluster, group: str) -> dict[str, str]:
    """What a worker of a group has besides."""
    replicas = str(min(3, cluster.spec.brokers - cluster.spec.later))
    config = {
        "group.id": group,
        # A worker that is gone is noticed in seconds, and its tasks move at once.
        "session.timeout.ms": "6000",
        "heartbeat.interval.ms": "1000",
        "scheduled.rebalance.max.delay.ms": "0",
        "offset.storage.partitions": "1",
        "status.storage.partitions": "1",
    }
    for store, topic in STORES.items():
        config[f"{store}.storage.topic"] = f"{group}-{topic}"
        config[f"{store}.storage.replication.factor"] = replicas
    return config


def standalone(folder: Path) -> dict[str, str]:
    """What a worker on its own has besides."""
    return {"offset.storage.file.filename": str(folder / "offsets")}


def contained(image: Image, main: str, config: Path, path: str) -> ContainerSpec:
    """A worker in a container. It shares this machine's network, as brokers tell it addresses of
    the loopback interface; the service's folder and the plugins are there under their own paths."""
    log4j = config.with_name("log4j2.properties")
    log4j.write_text(images.LOG4J)
    script = {"ConnectDistributed": "distributed", "ConnectStandalone": "standalone"}[main]
    heap = [flag for flag in images.FLAGS if flag.startswith("-Xm")]
    return ContainerSpec(
        image.name,
        [str(config)],
        [f"/opt/kafka/bin/connect-{script}.sh"],
        {
            "KAFKA_HEAP_OPTS": " ".join(heap),
            "KAFKA_JVM_PERFORMANCE_OPTS": " ".join(f for f in images.FLAGS if f not in heap),
            "KAFKA_LOG4J_OPTS": f"-Dlog4j2.configurationFile={log4j}",
            "KAFKA_JMX_OPTS": "-Djava.awt.headless=true",
            "LOG_DIR": "/tmp",
        },
        folders=[str(config.parent)],
        sources=[p for p in path.split(",") if p],
        host=True,
        user=f"{os.getuid()}:{os.getgid()}",
    )
