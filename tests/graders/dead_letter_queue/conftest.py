"""The grader's modules, and a history made by hand in which everything is right."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kafka_lab.api import Record
from kafka_lab.faults.requests import API_NAMES, Request
from kafka_lab.services.http_endpoint import Behaviour

GRADER = Path(__file__).parents[3] / "graders" / "dead-letter-queue"
MODULES = (
    *("orders", "history", "depot", "scenarios", "commands", "alarm"),
    *("judge", "offsets", "faulty", "postmark", "outcome", "ringing"),
)
KEYS = {name: key for key, name in API_NAMES.items()}
KINDS = ("orders", "retry_1", "retry_2", "dead_letters", "reprocessed")


@pytest.fixture
def grader(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The grader's modules under their own names, which other graders use as well."""
    monkeypatch.syspath_prepend(GRADER)
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    for name in MODULES:
        sys.modules.pop(name, None)


class Day:
    """A service's day, told step by step, as a right one would do it; ``time`` goes on."""

    def __init__(self, grader: Any) -> None:
        self.grader = grader
        self.time = 10.0
        self.history = grader.history.History(
            "day", {kind: kind for kind in KINDS}, "couriers", (400, 700)
        )
        self.history.records = {kind: [] for kind in KINDS}
        self.history.complete = True
        self.history.stops = {"service": 0}

    def order(self, *statuses: int, key: bytes | None = b"o-1", value: bytes | None = b"v") -> Any:
        plan = tuple(Behaviour(s) for s in statuses) or (Behaviour(),)
        order = self.grader.orders.Order(key, value, plan, (("tag", b"1"), ("tag", None)), 1234)
        order.topic, order.partition = "orders", 0
        order.offset = len(self.history.records["orders"])
        self.history.orders.append(order)
        self.history.records["orders"].append(
            Record("orders", 0, order.offset, key, value, order.headers, order.timestamp)
        )
        return order

    def ask(self, order: Any, does: Behaviour, wait: float = 0.0) -> None:
        """One request to the courier, ``wait`` seconds on."""
        self.time += 0.01 + wait
        self.history.calls.append(
            self.grader.history.Call(
                self.time,
                order.method,
                f"/shipments/{(order.key or b'').decode()}",
                order.value or b"",
                order.place,
                does,
                order,
            )
        )

    def write(self, kind: str, order: Any, *headers: tuple[str, str]) -> Record:
        """One record, acknowledged at once."""
        self.time += 0.01
        offset = len(self.history.records[kind])
        heads = (*order.headers, *((name, text.encode()) for name, text in headers))
        record = Record(kind, 0, offset, order.key, order.value, heads, order.timestamp)
        self.history.records[kind].append(record)
        self.history.requests.append(
            self._request(
                "Produce",
                {"partitions": [[kind, 0]], "records": [1]},
                {"base_offsets": [[kind, 0, offset]]},
            )
        )
        return record

    def commit(self, kind: str, offset: int) -> None:
        self.time += 0.01
        self.history.requests.append(
            self._request("OffsetCommit", {"group": "couriers", "offsets": [[kind, 0, offset]]})
        )
        self.history.committed[kind, 0] = offset

    def _request(
        self, api: str, facts: dict[str, Any], answer: dict[str, Any] | None = None
    ) -> Request:
        return Request(
            KEYS[api],
            1,
            len(self.history.requests),
            "",
            0,
            1,
            "program-0",
            facts=facts,
            time=self.time,
            answered=self.time,
            error=0,
            answer=answer or {},
        )

    def bury(self, order: Any) -> Record:
        return self.write(
            "dead_letters",
            order,
            ("dlq-topic", order.topic),
            ("dlq-partition", str(order.partition)),
            ("dlq-offset", str(order.offset)),
            ("dlq-error", order.error()),
            ("dlq-attempts", str(order.attempts())),
        )

    def handle(self, order: Any) -> None:
        """From its first attempt to its end, each step committed."""
        kinds = ("orders", "retry_1", "retry_2")
        at = order.offset
        for attempt in range(order.attempts()):
            does = order.answer(attempt + 1)
            self.ask(order, does, (0.0, 0.45, 0.75)[attempt])
            if attempt + 1 < order.attempts():
                record = self.write(kinds[attempt + 1], order)
                self.commit(kinds[attempt], at + 1)
                at = record.offset
        if order.error():
            self.bury(order)
        self.commit(kinds[max(order.attempts() - 1, 0)], at + 1)


@pytest.fixture
def day(grader: Any) -> Day:
    return Day(grader)
