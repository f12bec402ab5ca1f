"""What the authorizer denied, from the brokers' own authorizer logs."""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from dataclasses import dataclass

from kafka.protocol.metadata import FindCoordinatorRequest, FindCoordinatorResponse

from kafka_lab.clusters.base import NOBODY, Broker, Cluster
from kafka_lab.clusters.wire import Wire, WireError
from kafka_lab.runtime.errors import LabError

# "Principal = User:x is Denied operation = WRITE from host = … on resource = Topic:LITERAL:t …"
_DENIED = re.compile(
    r"Principal = User:(?P<principal>\S+) is Denied operation = (?P<operation>\w+) from host = \S+ "
    r"on resource = (?P<kind>\w+):\w+:(?P<name>\S+)"
)

_RIGHTS = {
    ("READ", "Topic"): "to read the topic {}",
    ("WRITE", "Topic"): "to write to the topic {}",
    ("CREATE", "Topic"): "to create the topic {}",
    ("DESCRIBE", "Topic"): "to read or write the topic {}",
    ("READ", "Group"): "to use the consumer group {}",
    ("DESCRIBE", "Group"): "to use the consumer group {}",
    ("WRITE", "TransactionalId"): "to use the transactional id {}",
    ("DESCRIBE", "TransactionalId"): "to use the transactional id {}",
}


@dataclass(frozen=True)
class Denial:
    """One thing that a principal tried and may not do. ``resource``: ``Topic:orders`` …"""

    principal: str
    operation: str
    resource: str

    @property
    def right(self) -> str:
        """The right that is missing, in words: ``to write to the topic orders``."""
        kind, _, name = self.resource.partition(":")
        words = _RIGHTS.get((self.operation, kind))
        if words:
            return words.format(name)
        what = "the cluster" if kind == "Cluster" else f"{kind} {name}"
        return f"of {self.operation} on {what}"


def denials(cluster: Cluster) -> list[Denial]:
    """Each different denial once, in the order of its first appearance."""
    found: dict[Denial, None] = {}
    for broker in cluster.brokers:
        for hit in _DENIED.finditer(broker.log_text()):
            resource = f"{hit['kind']}:{hit['name']}"
            found[Denial(hit["principal"], hit["operation"].upper(), resource)] = None
    return list(found)


def settle(cluster: Cluster, timeout: float = 10.0) -> None:
    """Wait until everything that was denied until now can be read by ``denials``.

    A broker's log reaches us later than its answer reaches the program: through a file, or through
    a container engine. So a principal that may do nothing asks each broker for something, and
    whatever was denied before that stands before that in the log. It is the positive control as
    well: a log without denials means that nothing was denied, and not that nothing is logged.

    Raises:
        LabError: when a broker that answers does not log its denial.
    """
    if not cluster.spec.secured:
        return
    waiting: list[tuple[Broker, str]] = []
    for broker in cluster.running():
        mark = f"denied-{secrets.token_hex(8)}"
        with contextlib.suppress(WireError):  # paused, or gone: it has denied what it has denied
            _ask(cluster, broker, mark)
            waiting.append((broker, mark))
    end = time.monotonic() + timeout
    while waiting:
        waiting = [(b, mark) for b, mark in waiting if f"Group:LITERAL:{mark}" not in b.log_text()]
        if waiting and time.monotonic() > end:
            raise LabError(
                f"broker {waiting[0][0].id} does not log what its authorizer denies",
                "this is a fault of the lab: findings cannot name a missing right",
            )
        time.sleep(0.01 if waiting else 0)  # polled, with a deadline


def _ask(cluster: Cluster, broker: Broker, group: str) -> None:
    at, password = broker.harness, cluster.credentials.passwords[NOBODY]
    with Wire(at.host, at.port, NOBODY, password) as wire:
        answer = wire.call(
            FindCoordinatorRequest(version=4, key_type=0, coordinator_keys=[group]),
            FindCoordinatorResponse,
        )
    if answer.coordinators[0].error_code != _GROUP_AUTHORIZATION_FAILED:
        raise LabError(
            f"broker {broker.id} denied nothing to a principal without rights",
            "this is a fault of the lab: its authorizer does not work",
        )


_GROUP_AUTHORIZATION_FAILED = 30
