"""Which groups there are and who is in one, whichever protocol its members speak.

DescribeGroups knows classic groups only and shows one of the newer protocol (KIP-848) as empty;
librdkafka's admin client asks with ConsumerGroupDescribe first. LeaveGroup removes members of
both kinds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from kafka_lab.clusters.admin import AdminError

_SECONDS = 30.0
_PASSING = {"COORDINATOR_LOAD_IN_PROGRESS", "COORDINATOR_NOT_AVAILABLE", "NOT_COORDINATOR"}
"""What a broker says for a moment that was fenced, under load for instance, and is back."""


def group_members(client_config: Mapping[str, Any], group: str) -> list[str]:
    """Member ids of a consumer group of either protocol; empty for an unknown group.

    ``client_config``: librdkafka's settings for a client that may describe groups.

    Raises:
        AdminError: when the coordinator does not answer.
    """
    admin = AdminClient(dict(client_config))  # kept while its futures wait
    end = time.monotonic() + _SECONDS
    while True:
        asked = admin.describe_consumer_groups([group], request_timeout=_SECONDS)[group]
        try:
            return [member.member_id for member in asked.result(_SECONDS + 5).members]
        except KafkaException as problem:
            code = problem.args[0].name()
            if code == "GROUP_ID_NOT_FOUND":
                return []
            if code not in _PASSING or time.monotonic() > end:
                raise AdminError(f"asking for the members of {group}: {problem}") from problem
            time.sleep(0.1)  # asked again, with a deadline


def groups_that_begin(client_config: Mapping[str, Any], prefix: str) -> list[str]:
    """Names of the consumer groups of either protocol that begin so, also of those that have not
    committed anything yet.

    Raises:
        AdminError: when the cluster does not answer.
    """
    admin = AdminClient(dict(client_config))
    try:
        found = admin.list_consumer_groups(request_timeout=_SECONDS).result(_SECONDS + 5)
    except KafkaException as problem:
        raise AdminError(f"asking for the consumer groups: {problem}") from problem
    return sorted(g.group_id for g in found.valid if g.group_id.startswith(prefix))
