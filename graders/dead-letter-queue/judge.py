"""What became of each order: at the courier, in the retry topics, in the queue."""

from __future__ import annotations

from collections.abc import Sequence

from history import Call, History
from kafka_lab.api import Finding
from kafka_lab.oracles.text import counted, report
from orders import Order, good

EARLY = 0.05
"""Seconds that a retry may come before its time: clocks and timestamps are of milliseconds."""


def _where(order: Order) -> dict[str, object]:
    return {
        "id": order.id,
        "topic": order.topic,
        "partition": order.partition,
        "offset": order.offset,
    }


def of_orders(cases: Sequence[tuple[Order, str]], code: str, said: str, look: str) -> list[Finding]:
    """One finding over orders, each with what is to be said of it."""
    return report(
        code=code,
        said=said,
        cases=list(cases),
        tell=lambda case: (f"{case[0].id} ({case[0].place}): {case[1]}", _where(case[0])),
        look=look,
    )


def told(order: Order, calls: Sequence[Call]) -> str:
    if not calls:
        return "the courier was never asked"
    answers = ", ".join(call.does.shown for call in calls[:8])
    return f"the courier was asked {counted(len(calls), 'time')} and answered {answers}"


# -- what reached the courier -----------------------------------------------------------------


def lost(history: History, orders: Sequence[Order]) -> list[Finding]:
    """Those that are neither with the courier nor in the dead letter queue: ``lost``."""
    cases = []
    for order in orders:
        calls = history.calls_of(order)
        if any(good(c.does) for c in calls) or history.copies(order, "dead_letters"):
            continue
        cases.append((order, told(order, calls)))
    return of_orders(
        cases,
        "lost",
        f"{counted(len(cases), 'order')} of {len(orders)} neither with the courier nor in "
        f"{history.topics['dead_letters']}",
        "Expected one of the two for each. Look at what becomes of an order that was read and not "
        "yet written to its next place, and at whether an offset is committed before that is done."
        + exits(history),
    )


def exits(history: History) -> str:
    """What is to be said of a service that ended by itself; empty if it did not."""
    if not history.exits:
        return ""
    codes = ", ".join(map(str, sorted({code for _, code in history.exits})))
    times = counted(len(history.exits), "time")
    words = f" Its last words: {history.output}" if history.output.strip() else ""
    return f" The service ended by itself {times} (exit codes {codes}).{words}"


def handed_over(history: History) -> list[Finding]:
    """Right requests, each success once, the records of one key in order."""
    plain = [o for o in history.orders if o.attempts() == 1 and not o.error()]
    found = [*lost(history, plain), *right_requests(history)]
    repeated = []
    for order in history.orders:
        successes = [c for c in history.calls_of(order) if good(c.does)]
        if len(successes) > 1:
            again = any(c.at > history.restarted_at > 0 for c in successes[1:])
            why = "the last time after SIGTERM and a new start" if again else "without a crash"
            repeated.append((order, f"handed over {len(successes)} times, {why}"))
    found += of_orders(
        repeated,
        "duplicate",
        f"The courier took {counted(len(repeated), 'order')} more than once",
        "Expected each once as long as nothing is killed. Look at what is committed, also at the "
        "orderly stop, and at what reads an order a second time.",
    )
    return found + _in_order(history)


def right_requests(history: History) -> list[Finding]:
    """Method, path, body and Idempotency-Key: ``wrong-request``."""
    cases: list[tuple[Call, str]] = []
    for call in history.calls:
        order = call.order
        if order is None:
            cases.append((call, "no order calls for this path"))
        elif (call.method, call.body) != (order.method, order.value or b""):
            want = f"{order.method} with {_size(order.value)}"
            cases.append((call, f"expected {want}, seen {call.method} with {_size(call.body)}"))
        elif call.origin != order.place:
            cases.append((call, f"expected Idempotency-Key {order.place!r}, seen {call.origin!r}"))
    return report(
        code="wrong-request",
        said=f"{counted(len(cases), 'request')} to the courier not as the brief has them",
        cases=cases,
        tell=lambda case: (
            f"{case[0].method} {case[0].path}: {case[1]}",
            {"path": case[0].path, "time": case[0].at},
        ),
        look=(
            "Expected PUT with the value's bytes, DELETE for a record without value, and in every "
            "attempt the topic/partition/offset that the order has in the orders topic. Look at "
            "what travels with it through the retry topics."
        ),
    )


def _size(value: bytes | None) -> str:
    if not value:
        return "no body"
    return f"{counted(len(value), 'byte')} ({value[:24]!r}{'…' if len(value) > 24 else ''})"


def _in_order(history: History) -> list[Finding]:
    cases: list[tuple[Order, str]] = []
    newest: dict[bytes, Order] = {}
    done: set[int] = set()
    for call in history.calls:
        order = call.order
        if order is None or order.key is None or not good(call.does):
            continue
        before = newest.get(order.key, order)
        if order.version < before.version and id(order) not in done:
            cases.append((order, f"it came after version {before.version}"))
        if order.version >= before.version:
            newest[order.key] = order
        done.add(id(order))
    return of_orders(
        cases,
        "reordered",
        f"{counted(len(cases), 'order')} handed over after a later version of the same key",
        "Expected the records of one key in their order, as long as none of them has to be "
        "retried. Look at work done in parallel.",
    )


# -- retries ----------------------------------------------------------------------------------


def retried(history: History) -> list[Finding]:
    """Transient failures: as often as the brief says, by way of the retry topics, not too early."""
    flaky = [o for o in history.orders if o.attempts() > 1]
    found = lost(history, flaky) + attempts(history, flaky)
    skipped, early = [], []
    for order in flaky:
        calls = history.calls_of(order)
        for number, kind in ((1, "retry_1"), (2, "retry_2")):
            if len(calls) <= number or order.attempts() <= number:
                continue
            if not history.copies(order, kind):
                topic = history.topics[kind]
                skipped.append((order, f"attempt {number + 1} came without a record in {topic}"))
            gap = calls[number].at - calls[number - 1].answered
            delay = history.delays[number - 1] / 1000
            if gap < delay - EARLY:
                said = f"{gap * 1000:,.0f} ms after the one before, not {delay * 1000:,.0f}"
                early.append((order, f"attempt {number + 1} came {said}"))
    found += of_orders(
        skipped,
        "not-in-retry-topic",
        f"{counted(len(skipped), 'attempt')} without a record in the retry topic",
        "Expected the order in the retry topic first: what is only in memory dies with the "
        "process, and a loop on the spot holds up everything behind it.",
    )
    found += of_orders(
        early,
        "too-early",
        f"{counted(len(early), 'attempt')} before the delay was over",
        "Expected the delay since the failure. Look at when the record is due (its timestamp is "
        "the order's, not that of the failure), and at the unit.",
    )
    dying = [o for o in flaky if o.error()]
    return found + dead(history, dying)


def attempts(history: History, orders: Sequence[Order]) -> list[Finding]:
    """The courier is asked exactly as often as the brief says: ``attempts``."""
    cases = []
    for order in orders:
        calls = history.calls_of(order)
        if len(calls) != order.attempts():
            cases.append((order, f"expected {order.attempts()}; {told(order, calls)}"))
    return of_orders(
        cases,
        "attempts",
        f"{counted(len(cases), 'order')} tried more or less often than the brief says",
        "Expected one attempt from the orders topic and one from each retry topic, and none after "
        "an answer that is final. Look at how answers are classified, and what ends the retries.",
    )


# -- dead letters -----------------------------------------------------------------------------


def permanent(history: History) -> list[Finding]:
    """What cannot succeed goes to the queue at once."""
    orders = [o for o in history.orders if o.error() and o.attempts() < 2]
    found = dead(history, orders) + attempts(history, orders)
    detours = [
        (o, f"it is in {history.topics[kind]}")
        for o in orders
        for kind in ("retry_1", "retry_2")
        if history.copies(o, kind)
    ]
    found += of_orders(
        detours,
        "permanent-retried",
        f"{counted(len(detours), 'order')} in a retry topic that no retry can help",
        "Expected such an order in the dead letter queue at once. Look at which answers are "
        "transient: 408, 429 and 5xx, and no others.",
    )
    unasked = [
        (o, f"at {copies[0].where}")
        for o in history.orders
        if not o.error() and (copies := history.copies(o, "dead_letters"))
    ]
    return found + of_orders(
        unasked,
        "unexpected-letter",
        f"{counted(len(unasked), 'order')} in the dead letter queue that the courier would take",
        "Expected there only what failed for good. Look at how an answer is classified, and at "
        "the number of attempts.",
    )


def dead(history: History, orders: Sequence[Order], most: int = 1) -> list[Finding]:
    """Each of these is in the queue: ``not-dead-lettered``; at most so often: ``duplicate``."""
    missing, many = [], []
    for order in orders:
        count = len(history.copies(order, "dead_letters"))
        if not count:
            missing.append((order, told(order, history.calls_of(order))))
        elif count > most:
            many.append((order, f"{count} letters, at most {most} expected"))
    topic = history.topics["dead_letters"]
    return of_orders(
        missing,
        "not-dead-lettered",
        f"{topic} misses {counted(len(missing), 'order')} that failed for good",
        "Expected a dead letter for each. Look at what happens after the last attempt, and after "
        "an answer that is permanent.",
    ) + of_orders(
        many,
        "duplicate",
        f"{topic} holds {counted(len(many), 'order')} too often",
        "Expected one letter for each, and one more at most for each time that the service was "
        "killed.",
    )
