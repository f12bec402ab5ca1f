"""An attempt made by hand: a duplicate is born when a commit's answer is held back."""

from __future__ import annotations

import copy
from typing import Any

from kafka_lab.api import CheckResult, Finding, Outcome, Verdict

Event = dict[str, Any]


class Told:
    """Events of one program on one connection, written one after the other."""

    def __init__(self, program: str = "service", principal: str = "program-0") -> None:
        self.events: list[Event] = []
        self.principal = principal
        self.correlation = 0
        self.add(0.0, "attempt", schema=2, id="a", exercise="x", seed=1)
        self.add(0.5, "cluster", backend="embedded", version="4.3.1", brokers=[1])
        self.add(
            0.6, "topics", topics={"in": 1, "out": 2}, ids={"uuid-in": "in", "uuid-out": "out"}
        )
        self.add(0.7, "role", program=program, principal=principal)
        self.add(1.0, "program-start", program=program, pid=10)

    def add(self, t: float, kind: str, **fields: Any) -> Event:
        event = {"t": t, "kind": kind, **fields}
        self.events.append(event)
        return event

    def ask(self, t: float, api: str, answer: Event | None = None, **facts: Any) -> int:
        """A request, and its answer 2 ms later unless ``answer`` is None; its correlation id."""
        self.correlation += 1
        key = {"broker": 1, "connection": 1, "correlation": self.correlation}
        who = {"api": api, "principal": self.principal, **key}
        self.add(t, "request", **who, client_id="c", size=1, **facts)
        if answer is not None:
            self.add(round(t + 0.002, 6), "response", **who, **{"error": 0, **answer})
        return self.correlation

    def transaction(self, t: float, offset: int, source: int, commit: bool = True) -> int:
        """One record to ``out-0`` with the offset of its input, and the end."""
        name = {"transactional_id": "tx"}
        produce = {
            "partitions": [["uuid-out", 0]],
            "records": [1],
            "producer_id": 5,
            "producer_epoch": 0,
        }
        self.ask(t, "Produce", {"base_offsets": [["uuid-out", 0, offset]]}, **name, **produce)
        self.ask(t + 0.005, "TxnOffsetCommit", {}, **name, group="g", offsets=[["in", 0, source]])
        correlation = self.ask(t + 0.01, "EndTxn", {}, **name, committed=commit)
        self.read(t + 0.02, "out", 0, offset, 1, 5, [[offset + 1, 5, int(commit)]])
        return correlation

    def read(
        self,
        t: float,
        topic: str,
        partition: int,
        first: int,
        count: int,
        producer: int = -1,
        markers: Any = (),
    ) -> None:
        ranges = [[first, first + count - 1, 1, producer, 0, int(producer >= 0)]]
        shown = [[first, "k", "v"]]
        self.add(
            t,
            "read",
            topic=topic,
            partition=partition,
            ranges=ranges,
            markers=list(markers),
            shown=shown,
        )


def duplicate() -> list[Event]:
    """Input 0 becomes out-0@0, whose commit is held back, and out-0@2 after that."""
    told = Told()
    told.read(1.1, "in", 0, 0, 2)
    correlation = told.transaction(2.0, 0, 1)
    key = {"broker": 1, "connection": 1, "correlation": correlation}
    who = {"program": "service", "principal": "program-0", "api": "EndTxn"}
    told.add(2.013, "fault", fault="hold", when="after", **who, **key)
    told.ask(4.0, "InitProducerId", {"producer_id": 5, "producer_epoch": 1}, transactional_id="tx")
    told.transaction(4.1, 2, 1)
    told.add(4.5, "release", dropped=True, **who, **key)
    told.transaction(5.0, 4, 2, commit=False)
    told.add(6.0, "program-kill", program="service", pid=10)
    told.add(6.01, "program-exit", program="service", pid=10, code=-9)
    told.add(6.1, "end")
    return copy.deepcopy(sorted(told.events, key=lambda e: e["t"]))


def verdict(*findings: Finding, outcome: Outcome = Outcome.FAILED) -> Verdict:
    checks = (
        CheckResult("works", "It works.", Outcome.PASSED, 10),
        CheckResult("once", "Each input once.", outcome, 90, findings),
    )
    return Verdict("x", "python", outcome, checks, 7, "embedded", "4.3.1", "a", 1.75e9, 6.1)


def place(topic: str, partition: int, offset: int) -> dict[str, Any]:
    return {"topic": topic, "partition": partition, "offset": offset}


TWICE = Finding(
    "duplicate",
    "out holds 1 of 1 inputs more than once: t-1 2 times.",
    {
        "count": 1,
        "cases": [{"id": "t-1", "times": 2, "places": [place("out", 0, 0), place("out", 0, 2)]}],
    },
)
