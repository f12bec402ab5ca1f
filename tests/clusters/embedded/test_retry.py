"""A start that something in passing gets in the way of is tried again, and counted."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from kafka_lab.clusters.embedded import backend as module
from kafka_lab.clusters.embedded.backend import EmbeddedBackend
from kafka_lab.clusters.ports import free_ports, listening_socket
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.grading.more_clusters import told
from kafka_lab.runtime.leases import Leases


def test_a_port_taken_in_the_last_moment(
    monkeypatch: pytest.MonkeyPatch, home: Path, scratch: Path
) -> None:
    before = set(scratch.iterdir())
    taken: list[socket.socket] = []

    def first_taken(count: int) -> list[int]:
        if taken:
            return free_ports(count)
        taken.append(listening_socket())
        return [taken[0].getsockname()[1], *free_ports(count - 1)]

    monkeypatch.setattr(module, "free_ports", first_taken)
    leases = Leases.open()
    try:
        cluster = EmbeddedBackend().start(ClusterSpec(), (), leases)
        assert cluster.brokers[0].alive()
        assert cluster.tries == 2
        assert told(cluster, cluster.spec)["tries"] == 2
    finally:
        leases.clear()
        taken[0].close()
    assert set(scratch.iterdir()) <= before
