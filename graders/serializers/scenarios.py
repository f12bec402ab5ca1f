"""What happens to the learner's service. Each scenario has topics and a group of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from bench import Bench, History
from codec import AVRO, ENCODINGS, PROTOBUF
from kafka_lab.clusters.admin import Acl
from orders import poison as poison_items
from orders import rare_groups

if TYPE_CHECKING:
    from kafka_lab.grading.lab import Lab

START = 25.0
"""Seconds for a program to start, join its group and handle its first records."""
PROMPT = 15.0
"""Seconds that the brief gives for a record's outcome."""
STALL = 6.0
"""Seconds for which a write is held up; clients that commit by timer do it every 5 s."""
TOPIC_AUTHORIZATION_FAILED = 29


def ordinary(lab: Lab, works: Callable[[], None]) -> History:
    """Nothing breaks, and nothing rare comes; then SIGTERM.

    ``works`` is called once the service has handled its first records.
    """
    bench = Bench(lab, "ordinary")
    mint = bench.mint
    # Before the service starts: it has to begin at the earliest record.
    bench.send([mint.command(e) for e in ENCODINGS] + [mint.event(AVRO), mint.event(AVRO)])
    bench.revive()
    if bench.settle(START):
        works()
        items = [mint.command(e) for e in ENCODINGS for _ in range(3)]
        items += [mint.event(AVRO) for _ in range(3)]
        items += [mint.event(PROTOBUF, topic="events") for _ in range(2)]
        bench.rng.shuffle(items)
        bench.send(items)
        if bench.settle(PROMPT):
            bench.send([mint.command("binary")])  # one alone, with nothing behind it
            bench.settle(PROMPT)
    return bench.finish()


def rare(lab: Lab) -> History:
    """Right records that seldom come, one group after the other."""
    bench = Bench(lab, "rare")
    bench.send([bench.mint.event(AVRO)])
    bench.revive()
    if bench.settle(START):
        for items in rare_groups(bench.mint).values():
            bench.rng.shuffle(items)
            bench.send(items)
            if not bench.settle(PROMPT):
                break
    return bench.finish()


def poison(lab: Lab) -> History:
    """Records that cannot be understood, between good ones."""
    bench = Bench(lab, "poison")
    bench.send([bench.mint.event(AVRO)])
    bench.revive()
    if bench.settle(START):
        items = poison_items(bench.mint)
        for number in range(10):
            encoding = list(ENCODINGS)[number % 3]
            items += [bench.mint.command(encoding), bench.mint.event(ENCODINGS[encoding])]
        bench.rng.shuffle(items)
        bench.send(items)
        if bench.settle(PROMPT):
            bench.feed(1)
            bench.settle(PROMPT)
    return bench.finish()


POINTS = [
    ("Produce", "before"),
    ("Produce", "after"),
    ("OffsetCommit", "before"),
]


def crashes(lab: Lab) -> History:
    """kill -9 around a write of output and before a commit, and a restart each time."""
    bench = Bench(lab, "crashes")
    rng = lab.rng("crashes")
    points = list(POINTS)
    rng.shuffle(points)
    bench.feed(3)
    for api, when in points:
        trigger = lab.kill_at(bench.role, api, rng.randrange(2, 5), when)
        bench.revive()
        hit = bench.until(trigger.hit.is_set, START, depth=4)
        trigger.cancel()
        if not hit:
            bench.history.missed = api
            break
        bench.history.hits.append(f"{when} {api}")
        bench.restart()
    else:
        bench.feed(1)
        bench.settle(START)
    return bench.finish()


def stalled(lab: Lab) -> History:
    """A write is held up for longer than a commit by timer waits; then the process is killed."""
    bench = Bench(lab, "stalled")
    bench.feed(1)
    bench.revive()
    if bench.settle(START):
        held, hold = lab.hold_at(bench.role, "Produce", 1, "before")
        if bench.until(held.hit.is_set, PROMPT, depth=3):
            bench.history.hits.append("Produce held up")
            end = time.monotonic() + STALL
            bench.until(lambda: time.monotonic() > end, STALL + 5)
            bench.role.program.kill()
            hold.release(drop=True)
            bench.restart()
            bench.settle(START)
        else:
            hold.release()
            bench.history.missed = "Produce"
    return bench.finish()


def refused(lab: Lab) -> History:
    """For a moment the service may not write its JSON."""
    bench = Bench(lab, "refused")
    bench.feed(1)
    bench.revive()
    if bench.settle(START):
        topic, principal = bench.topics["json"], bench.role.principal
        right = Acl(principal, "TOPIC", topic, "WRITE")
        lab.excuse(principal, "WRITE", f"Topic:{topic}")
        trigger = lab.at(
            bench.role,
            "Produce",
            1,
            "after",
            lambda r: None,
            lambda r: r.error == TOPIC_AUTHORIZATION_FAILED,
        )
        lab.admin().disallow([right])
        lab.log.write("fault", fault="deny", resource=topic)
        hit = bench.until(trigger.hit.is_set, PROMPT, depth=3)
        lab.admin().allow([right])
        lab.log.write("fault", fault="allow", resource=topic)
        if hit:
            bench.history.hits.append("Produce refused")
            bench.feed(1)
            bench.settle(START)
        else:
            bench.history.missed = "Produce"
    return bench.finish()
