"""Several Kafka versions in one cluster, and a rolling upgrade."""

from __future__ import annotations

import pytest

from kafka_lab.clusters.admin import Admin
from kafka_lab.clusters.registry import Backend
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.runtime.errors import LabError
from shapes import shape
from shapes.clients import until, write
from shapes.conftest import Start

MIXED = ClusterSpec(2, version="3.9.1", upgrades=("4.3.1",))


@shape(
    "versions 3.9 to 4.3, a rolling upgrade",
    "each broker in turn runs the new version; the feature level is raised at the end",
    refused_by="testcontainers",
)
def test_a_rolling_upgrade(start: Start, backend: Backend) -> None:
    if backend.name == "testcontainers":
        with pytest.raises(LabError, match=r"3\.9\.1"):
            start(MIXED)
        with pytest.raises(LabError, match="several versions"):
            start(ClusterSpec(2, upgrades=("4.3.1",)))
        return
    cluster = start(MIXED)
    config = cluster.harness_client_config()
    with Admin(cluster) as admin:
        admin.create_topics({"t": 2}, 2)
        before = admin.finalized("metadata.version")
        for broker in (2, 1):
            cluster.broker(broker).stop()
            cluster.broker(broker).start(version="4.3.1")
            until(lambda: all(len(isr) == 2 for isr in admin.in_sync("t").values()))
            write(config, "t", b"x")
        assert admin.finalized("metadata.version") == before
        admin.raise_feature("metadata.version", before + 1)
        until(lambda: admin.finalized("metadata.version") == before + 1)
        with pytest.raises(LabError, match="upgrades"):
            cluster.broker(1).stop()
            cluster.broker(1).start(version="4.1.1")
