"""The readiness gate: a cluster counts as started when first use is quick.

Kafka creates its internal topics on first use; a client that comes too early waits out a retry
step of its own (3 s for a librdkafka group join). So the gate uses groups, transactions and
producer ids once, by raw requests, until each answers as it will from then on.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from kafka.protocol.admin.groups import DescribeGroupsRequest, DescribeGroupsResponse
from kafka.protocol.admin.transactions import (
    DescribeTransactionsRequest,
    DescribeTransactionsResponse,
)
from kafka.protocol.metadata import MetadataRequest, MetadataResponse
from kafka.protocol.producer.transaction import InitProducerIdRequest, InitProducerIdResponse

from kafka_lab.clusters.admin import Admin
from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.wire import WireError

_GROUP_ID_NOT_FOUND = 69
_TRANSACTIONAL_ID_NOT_FOUND = 105
_PROBE = "kafka-lab-gate"
_LOOK = 0.1
"""Seconds between two looks at whether the brokers still run."""


def _groups(admin: Admin) -> bool:
    node = admin.coordinator(_PROBE, 0)
    if node is None:
        return False
    answer = admin.call(
        DescribeGroupsRequest(version=5, groups=[_PROBE]), DescribeGroupsResponse, node
    )
    return answer.groups[0].error_code in (0, _GROUP_ID_NOT_FOUND)


def _transactions(admin: Admin) -> bool:
    node = admin.coordinator(_PROBE, 1)
    if node is None:
        return False
    answer = admin.call(
        DescribeTransactionsRequest(version=0, transactional_ids=[_PROBE]),
        DescribeTransactionsResponse,
        node,
    )
    return bool(answer.transaction_states[0].error_code == _TRANSACTIONAL_ID_NOT_FOUND)


def _producer_ids(admin: Admin) -> bool:
    return all(
        admin.call(
            InitProducerIdRequest(
                version=4,
                transactional_id=None,
                transaction_timeout_ms=60_000,
                producer_id=-1,
                producer_epoch=-1,
            ),
            InitProducerIdResponse,
            broker.id,
        ).error_code
        == 0
        for broker in admin.cluster.running()
    )


def _unfenced(admin: Admin) -> bool:
    """Every broker names every broker: one that has just registered is fenced for a moment.

    Until then it answers requests for metadata with an empty list of brokers, from which
    librdkafka does not always recover (its issue 5511).
    """
    request = MetadataRequest(version=5, topics=[], allow_auto_topic_creation=False)
    every = {broker.id for broker in admin.cluster.running()}
    return all(
        {b.node_id for b in admin.call(request, MetadataResponse, node).brokers} >= every
        for node in every
    )


def pass_gate(cluster: Cluster, timeout: float) -> None:
    """Return when the cluster is ready in the sense above.

    Raises:
        TimeoutError: after ``timeout`` seconds, or at once when a broker has died.
    """
    end = time.monotonic() + timeout
    look = 0.0
    steps = [_unfenced]
    after = [_groups, _transactions, _producer_ids]
    with Admin(cluster) as admin:
        while steps:
            # All of them in each round: the first look at each is what makes the cluster begin it.
            steps = [step for step in steps if not _passed(step, admin)]
            if not steps:
                steps, after = after, []
                continue
            now = time.monotonic()
            if now > look:
                # Not each time: asking a container engine takes it as long as a request to Kafka.
                look = now + _LOOK
                dead = [b.id for b in cluster.nodes if not b.meant_down and not b.alive()]
                if dead:
                    raise TimeoutError(f"broker {dead[0]} died while starting")
            if now > end:
                raise TimeoutError(f"not ready after {timeout:.0f} s ({steps[0].__name__[1:]})")
            time.sleep(0.005)  # nothing announces readiness: polled, with a deadline


def _passed(step: Callable[[Admin], bool], admin: Admin) -> bool:
    try:
        return step(admin)
    except (WireError, KeyError):
        return False  # not listening yet, or a coordinator not registered yet
