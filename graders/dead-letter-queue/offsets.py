"""Whether offsets are committed only behind what has an outcome."""

from __future__ import annotations

from history import History
from judge import of_orders
from kafka_lab.api import Finding, Record
from kafka_lab.oracles.text import counted
from orders import Order, good

CLOCKS = 0.01
"""Seconds by which the courier's clock and the relay's may differ."""


def committed_early(history: History) -> list[Finding]:
    """An offset was committed while an order before it had no outcome yet: ``committed-early``.

    An outcome is the courier's yes, or the acknowledgement of the record in the next topic. It is
    the relay that saw both, and when.
    """
    sent, acknowledged = _writes(history)
    outcomes: dict[int, list[float]] = {}
    for order in history.orders:
        times = [c.answered - CLOCKS for c in history.calls_of(order) if good(c.does)]
        for kind in ("retry_1", "retry_2", "dead_letters"):
            times += [acknowledged.get(_spot(r), float("inf")) for r in history.copies(order, kind)]
        outcomes[id(order)] = times
    there: dict[tuple[str, int], list[tuple[int, Order, float]]] = {}
    for order in history.orders:
        if order.offset >= 0:
            spot = (order.topic, order.partition)
            first = min(outcomes[id(order)], default=float("inf"))
            there.setdefault(spot, []).append((order.offset, order, first))
        for kind in ("retry_1", "retry_2"):
            for record in history.copies(order, kind):
                # Whoever reads it may be quicker than the acknowledgement is back.
                written = sent.get(_spot(record), 0.0)
                after = [t for t in outcomes[id(order)] if t > written]
                first = min(after, default=float("inf"))
                place = (record.topic, record.partition)
                there.setdefault(place, []).append((record.offset, order, first))
    cases: list[tuple[Order, str]] = []
    told: set[int] = set()
    for request in history.requests:
        if request.api != "OffsetCommit":
            continue
        for topic, partition, upto in request.facts.get("offsets", ()):
            for offset, order, since in there.get((topic, partition), ()):
                if offset < upto and request.time < since and id(order) not in told:
                    told.add(id(order))
                    late = (
                        "never" if since == float("inf") else f"{since - request.time:.3f} s later"
                    )
                    cases.append(
                        (
                            order,
                            f"{upto} of {topic}-{partition} committed, its outcome came {late}",
                        )
                    )
    return of_orders(
        cases,
        "committed-early",
        f"An offset was committed before the outcome of {counted(len(cases), 'order')}",
        "Expected the commit after the courier's yes, or after the cluster has acknowledged the "
        "record in the retry topic or the dead letter queue. A crash in between loses the order. "
        "Look at auto-commit, and at whether a write is waited for.",
    )


def _spot(record: Record) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset


_Times = dict[tuple[str, int, int], float]


def _writes(history: History) -> tuple[_Times, _Times]:
    """When the request for each written record passed the relay, and when the cluster's yes did."""
    sent: _Times = {}
    acknowledged: _Times = {}
    for request in history.requests:
        if request.api != "Produce" or not request.answered:
            continue
        firsts = {(t, p): base for t, p, base in request.answer.get("base_offsets", ())}
        parts = zip(
            request.facts.get("partitions", ()), request.facts.get("records", ()), strict=False
        )
        for (topic, partition), count in parts:
            base = firsts.get((topic, partition), -1)
            for offset in range(base, base + count if base >= 0 else base):
                sent.setdefault((topic, partition, offset), request.time)
                acknowledged.setdefault((topic, partition, offset), request.answered)
    return sent, acknowledged
