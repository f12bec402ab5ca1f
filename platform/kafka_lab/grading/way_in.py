"""How somebody gets into a cluster that is kept: properties files with the harness's rights."""

from __future__ import annotations

from pathlib import Path

from kafka_lab.clusters.base import HARNESS, Cluster
from kafka_lab.programs.contract import client_properties

FILE = "cluster.properties"
"""For librdkafka: confluent-kafka, kcat …"""
JAVA_FILE = "cluster-java.properties"
"""For Kafka's own tools (``--command-config``) and Java clients."""


def write_way_in(cluster: Cluster, folder: Path) -> Path:
    """Write both files, which hold a password; returns librdkafka's. The other lies beside it."""
    variables = {
        "KAFKA_BOOTSTRAP_SERVERS": cluster.harness_bootstrap,
        "KAFKA_SECURITY_PROTOCOL": cluster.spec.harness.protocol,
    }
    if cluster.spec.secured:
        variables |= {
            "KAFKA_SASL_MECHANISM": "PLAIN",
            "KAFKA_SASL_USERNAME": HARNESS,
            "KAFKA_SASL_PASSWORD": cluster.credentials.passwords[HARNESS],
        }
    for name, dialect in ((FILE, "librdkafka"), (JAVA_FILE, "java")):
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(client_properties(variables, dialect))
    return folder / FILE
