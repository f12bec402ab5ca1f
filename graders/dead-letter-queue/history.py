"""What one scenario saw: plain data, for the checks to judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kafka_lab.api import Record
from kafka_lab.services.http_endpoint import Behaviour
from orders import Order

if TYPE_CHECKING:
    from kafka_lab.faults.requests import Request

PARTITIONS = {"orders": 2, "retry_1": 2, "retry_2": 2, "dead_letters": 2, "reprocessed": 1}
MOST_RESTARTS = 10


@dataclass(frozen=True)
class Call:
    """A request to the courier, and the order that it is about, if any.

    ``at`` is in seconds of the attempt, as the relay's times are.
    """

    at: float
    method: str
    path: str
    body: bytes
    origin: str | None
    """The Idempotency-Key."""
    does: Behaviour
    order: Order | None

    @property
    def answered(self) -> float:
        """The earliest moment at which whoever asked can know the answer."""
        return self.at + self.does.latency


@dataclass
class History:
    """What one scenario saw, for the checks to judge."""

    scenario: str
    topics: dict[str, str]
    group: str
    delays: tuple[int, int]
    """Of the two retries, in milliseconds."""
    orders: list[Order] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    records: dict[str, list[Record]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    groups: set[str] = field(default_factory=set)
    committed: dict[tuple[str, int], int] = field(default_factory=dict)
    """The highest offset that any of the groups committed."""
    exits: list[tuple[str, int]] = field(default_factory=list)
    """Exits that nobody had asked for: role, exit code."""
    output: str = ""
    complete: bool = False
    missed: str = ""
    """The request at which a fault was planned and which the program never made."""
    kills: list[str] = field(default_factory=list)
    stops: dict[str, int | None] = field(default_factory=dict)
    """Role → what it made of SIGTERM: its exit code, or none within ten seconds."""
    reached: set[str] = field(default_factory=set)
    """Turns of the scenario that were taken."""
    restarted_at: float = 0.0
    """When the service was started again after an orderly stop."""

    def calls_of(self, order: Order) -> list[Call]:
        return [call for call in self.calls if call.order is order]

    def copies(self, order: Order, kind: str) -> list[Record]:
        """The records of a topic that are this order: by its key, or, without one, its value."""
        return [r for r in self.records.get(kind, ()) if is_copy(r, order)]


def is_copy(record: Record, order: Order) -> bool:
    if order.key is None:
        return record.value == order.value
    return record.key == order.key
