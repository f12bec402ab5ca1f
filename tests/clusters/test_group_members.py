"""Members are found, and removed, whichever group protocol they speak."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Consumer

from kafka_lab.clusters.admin import Admin, poll
from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.group_members import group_members, groups_that_begin
from kafka_lab.faults.relay import Relay


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_member_is_found_and_removed(
    protocol: str,
    relay: Relay,
    cluster: Cluster,
    admin: Admin,
    unique: Callable[[str], str],
    open_to_all: Callable[..., None],
    program_config: dict[str, Any],
) -> None:
    topic, group = unique("topic"), unique("group")
    harness = cluster.harness_client_config()
    admin.create_topics({topic: 1})
    open_to_all(topic=topic, group=group)
    assert group_members(harness, group) == []
    joined = threading.Event()
    consumer = Consumer(program_config | {"group.id": group, "group.protocol": protocol})
    consumer.subscribe([topic], on_assign=lambda *_: joined.set())
    poll(lambda: consumer.poll(0.05) is None and joined.is_set(), 30, "it did not join")
    assert groups_that_begin(harness, group) == [group]
    assert groups_that_begin(harness, group + "-") == []
    (member,) = group_members(harness, group)
    admin.evict(group, [member])
    assert member not in group_members(harness, group)
    consumer.close()
