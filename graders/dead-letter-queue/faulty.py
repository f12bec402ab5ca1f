"""Judgements over what was broken: crashes, connections, waits, stops."""

from __future__ import annotations

from history import MOST_RESTARTS, History
from judge import dead, exits, lost, of_orders, told
from kafka_lab.api import Finding
from kafka_lab.oracles.text import counted
from offsets import committed_early


def gone(history: History) -> list[Finding]:
    """The service gave up, or never did the thing at which a fault was planned."""
    if len(history.exits) > MOST_RESTARTS:
        codes = sorted({code for _, code in history.exits})
        return [
            Finding(
                "exits",
                "Each time that the service was started it ended again. It has to run until "
                f"SIGTERM.{exits(history)}",
                {"exits": len(history.exits), "codes": codes, "program": history.exits[-1][0]},
            )
        ]
    if history.missed:
        what = {
            "courier": "asked the courier for the next order",
            "commit": "committed an offset",
            "retry_1": f"wrote to {history.topics['retry_1']}",
            "dead_letters": f"wrote to {history.topics['dead_letters']}",
        }[history.missed]
        return [
            Finding(
                "no-request",
                f"The service never {what} although orders called for it. Look at whether it reads "
                "on, and at where it puts what failed.",
                {"api": history.missed},
            )
        ]
    return []


def after_crashes(history: History) -> list[Finding]:
    """Nothing lost, dead letters in bounds, offsets never ahead."""
    found = gone(history) or lost(history, history.orders)
    if not found:
        dying = [o for o in history.orders if o.error()]
        found = dead(history, dying, most=1 + len(history.kills))
    return found + committed_early(history)


def connections(history: History) -> list[Finding]:
    """Hangs and cuts are transient, a slow answer is none; the errors are called by name."""
    dying = [o for o in history.orders if o.error()]
    found = gone(history) + lost(history, history.orders) + dead(history, dying)
    unasked = [
        (o, f"at {copies[0].where}")
        for o in history.orders
        if not o.error() and (copies := history.copies(o, "dead_letters"))
    ]
    found += of_orders(
        unasked,
        "unexpected-letter",
        f"{counted(len(unasked), 'order')} in the dead letter queue that the courier would take",
        "Expected a retry after a timeout or a cut connection. Look at how they are classified.",
    )
    return found


def waiting(history: History) -> list[Finding]:
    """While one order waits, others go on, the group can be joined, and a stop is a stop."""
    found = gone(history)
    if found:
        return found
    turns = {
        "parked": "An order whose first attempt failed was not in the first retry topic 15 seconds "
        "later. It has to be written there before anything else happens to it.",
        "went on": "While one order waited for its retry, orders behind it were not handled within "
        "15 seconds. A service that sleeps until a retry is due handles nothing else: pause the "
        "partition of the retry topic, or read the retry topics by themselves.",
        "shared": "A second instance joined the group while an order waited for its retry, and got "
        "no partition for 25 seconds. Kafka gives out partitions when every member polls again; a "
        "member that sleeps until a retry is due holds up the whole group.",
        "went on together": "With a second instance in the group, orders were not handled within "
        "15 seconds while another one waited for its retry. Look at what a member does when "
        "partitions are taken from it and given to it.",
    }
    for turn, words in turns.items():
        if turn not in history.reached:
            return [Finding("blocked", words, {"turn": turn, "topic": history.topics["retry_1"]})]
    slow = next(o for o in history.orders if o.attempts() > 1)
    if len(history.calls_of(slow)) > 1:
        found += of_orders(
            [(slow, told(slow, history.calls_of(slow)))],
            "too-early",
            "A retry came before its time",
            f"Expected {history.delays[0] / 1000:.0f} seconds. Look at what a stop or a rebalance "
            "does to an order that waits.",
        )
    pending = [
        r
        for r in history.copies(slow, "retry_1")
        if history.committed.get((r.topic, r.partition), 0) <= r.offset
    ]
    if not pending and not found:
        found += of_orders(
            [(slow, "its offset in the retry topic is committed")],
            "retry-dropped",
            "An order that still waited for its retry will never be read again",
            "Expected its offset uncommitted until it was tried. Look at what is committed when "
            "the service stops, and when it polls past a record that is not due.",
        )
    return found + stopped(history)


def stopped(history: History) -> list[Finding]:
    """SIGTERM ends each instance in time, with code 0."""
    for name, code in history.stops.items():
        if code is None:
            return [
                Finding(
                    "no-stop",
                    f"{name} was still running 10 seconds after SIGTERM. Look at whether its loop "
                    "checks a flag that the signal handler sets, and at calls that block, such as "
                    "a sleep until a retry is due.",
                    {"program": name},
                )
            ]
        if code != 0:
            meaning = f"was ended by signal {-code}" if code < 0 else f"exited with code {code}"
            return [
                Finding(
                    "exit-code",
                    f"After SIGTERM {name} {meaning}; expected exit code 0. Catch the signal, "
                    "leave the loop, close the clients, then end normally.",
                    {"program": name, "code": code},
                )
            ]
    return []
