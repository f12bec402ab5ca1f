"""What the authorizer denied, from the broker's own authorizer log."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kafka_lab.clusters.base import Cluster

# "Principal = User:x is Denied operation = WRITE from host = … on resource = Topic:LITERAL:t …"
_DENIED = re.compile(
    r"Principal = User:(?P<principal>\S+) is Denied operation = (?P<operation>\w+) from host = \S+ "
    r"on resource = (?P<kind>\w+):\w+:(?P<name>\S+)"
)


@dataclass(frozen=True)
class Denial:
    """One thing that a principal tried and may not do. ``resource``: ``Topic:orders`` …"""

    principal: str
    operation: str
    resource: str


def denials(cluster: Cluster) -> list[Denial]:
    """Each different denial once, in the order of its first appearance."""
    found: dict[Denial, None] = {}
    for broker in cluster.brokers:
        for hit in _DENIED.finditer(broker.log_text()):
            resource = f"{hit['kind']}:{hit['name']}"
            found[Denial(hit["principal"], hit["operation"].upper(), resource)] = None
    return list(found)
