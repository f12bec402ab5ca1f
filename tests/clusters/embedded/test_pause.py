"""A broker that stands still, and goes on as if nothing had been."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Producer

from kafka_lab.clusters.admin import Admin
from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.logreader import LogReader
from kafka_lab.clusters.wire import WireError
from kafka_lab.faults.relay import Relay


def test_pause_and_resume(
    cluster: Cluster,
    relay: Relay,
    admin: Admin,
    unique: Callable[[str], str],
    open_to_all: Callable[..., None],
    program_config: dict[str, Any],
) -> None:
    topic = unique("topic")
    admin.create_topics({topic: 1})
    open_to_all(topic=topic)
    producer = Producer(program_config)
    producer.produce(topic, b"before")
    assert producer.flush(20) == 0
    broker = cluster.brokers[0]
    broker.pause()
    try:
        producer.produce(topic, b"meanwhile")
        assert producer.flush(1.5) == 1  # accepted by nobody
        with pytest.raises(WireError, match="timed out"):
            cluster.wire(broker, timeout=0.5)  # connected by the kernel, answered by nobody
    finally:
        broker.resume()
    assert producer.flush(20) == 0
    reader = LogReader(admin, {topic: 1})
    reader.refresh()
    assert [r.value for r in reader.visible(topic)] == [b"before", b"meanwhile"]
