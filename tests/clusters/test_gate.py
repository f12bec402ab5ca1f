"""The gate: passed by a cluster that is ready, as often as one likes."""

from __future__ import annotations

from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.gate import pass_gate


def test_a_ready_cluster_passes_and_again(cluster: Cluster) -> None:
    pass_gate(cluster, 30)
    pass_gate(cluster, 30)
