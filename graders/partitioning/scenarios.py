"""What happens to the learner's program. Each scenario has topics and a group of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import murmur2
from desk import Desk, History
from items import Item, Tenants

if TYPE_CHECKING:
    from kafka_lab.faults.requests import Request
    from kafka_lab.grading.lab import Lab, Role

START = 25.0
"""Seconds for a program to start, join its group and handle its first records."""
PROMPT = 15.0
"""Seconds that the brief gives for what was sent to be written."""
GROWTH = 10.0
"""Seconds that the brief gives for added partitions to be used."""
COMMIT = 5.0
"""Seconds that the brief gives for finished work to be committed."""
BEFORE, AFTER = 6, 9
"""Partitions of an output topic, and what it grows to."""
NULLS = 300
BURSTS, BURST = 20, 31
LANES, JOBS, WORK_MS = 8, 5, 300
SLOW_MS = 4000


def hashed(lab: Lab, works: Callable[[bool], None]) -> History:
    """Keys of every kind, records without a key, partitions added, an answer lost, SIGTERM."""
    desk = Desk(lab, "hash", 1, BEFORE)
    mint = desk.mint
    desk.send([mint.plain(key) for key in mint.keys(20)])  # before it starts: earliest
    role = desk.role("program", "produce", STRATEGY="hash")
    first = desk.settle(START)
    works(first)
    if first:
        desk.send([mint.plain(key) for key in mint.keys(3000)])
        desk.mark("keys")
        if desk.settle(PROMPT):
            desk.send([mint.plain(None) for _ in range(NULLS)])
            desk.mark("nulls")
            if desk.settle(PROMPT):
                _grow(desk, _probe(desk))
                desk.send([mint.plain(key) for key in mint.keys(400)])
                desk.mark("grown")
                if desk.settle(PROMPT):
                    _lose_an_answer(desk, role)
    desk.history.stop_code = desk.stop(role)
    return desk.finish()


def _probe(desk: Desk, reserved: int = 0) -> Callable[[], bytes]:
    """Keys that belong to one of the added partitions, made one after another."""

    def make() -> bytes:
        while True:
            key = f"probe-{desk.mint.rng.randrange(10**9)}".encode()
            if reserved + murmur2.partition(key, AFTER - reserved) >= BEFORE:
                return key

    return make


def _grow(desk: Desk, probe: Callable[[], bytes]) -> bool:
    """Add partitions; whether a record goes to one of them within the brief's time."""
    desk.grow(AFTER)
    desk.mark("growing")
    state = {"next": 0.0}

    def used() -> bool:
        now = time.monotonic()
        if now >= state["next"]:
            state["next"] = now + 0.2
            desk.send([desk.mint.plain(probe())])
        return any(r.partition >= BEFORE for r in desk.written())

    desk.history.seen_growth = desk.until(used, GROWTH)
    settled = desk.settle(PROMPT)
    desk.mark("probed")
    return desk.history.seen_growth and settled


def _lose_an_answer(desk: Desk, role: Role, partition: int = 0) -> None:
    """The cluster writes a batch; its answer is held while more is written, and then lost."""
    lab = desk.lab
    lanes = [f"lane-{lab.name('lane', desk.history.scenario, str(n))}" for n in range(3)]

    def batch() -> list[Item]:
        return [desk.mint.job(lane, 1, partition) for _ in range(2) for lane in lanes]

    desk.mark("ordered")
    held, hold = lab.hold_at(role, "Produce", 2, "after")
    state = {"next": 0.0, "sent": 0}

    def feed(limit: int) -> None:
        now = time.monotonic()
        if now >= state["next"] and state["sent"] < limit:
            state["next"] = now + 0.1
            state["sent"] += 1
            desk.send(batch())

    def struck() -> bool:
        feed(200)
        return held.hit.is_set()

    if not desk.until(struck, PROMPT):
        hold.release()
        if not held.hit.is_set():
            held.cancel()
            desk.history.missed = "Produce"
        return
    already, more = len(desk.written()), int(state["sent"]) + 5
    # A client with one request in flight writes nothing meanwhile, and is right: no finding.
    end = time.monotonic() + 2.0

    def overtaken() -> bool:
        feed(more)
        return len(desk.written()) >= already + 12 or time.monotonic() > end

    desk.until(overtaken, 5)
    hold.release(drop=True)
    desk.send(batch())
    desk.settle(PROMPT)


def tenants(lab: Lab) -> History:
    """Two tenants with a partition each, others with nearly their names, partitions added."""
    desk = Desk(lab, "tenant", 1, BEFORE)
    who = Tenants.draw(lab.rng("tenants"))
    desk.send([desk.mint.plain(key) for key in who.keys(desk.mint, 500)])
    role = desk.role(
        "program", "produce", STRATEGY="tenant", RESERVED_TENANTS=",".join(who.reserved)
    )
    desk.mark("keys")
    if desk.settle(START) and _grow(desk, _probe(desk, len(who.reserved))):
        desk.send([desk.mint.plain(key) for key in who.keys(desk.mint, 300)])
        desk.mark("grown")
        desk.settle(PROMPT)
    desk.stop(role)
    return desk.finish()


def bursts(lab: Lab, strategy: str) -> History:
    """Records without a key in bursts, each after the one before has been written."""
    desk = Desk(lab, strategy, 1, BEFORE)
    role = desk.role("program", "produce", STRATEGY=strategy, LINGER_MS="50")
    for number in range(BURSTS):
        # Longer than the linger after the last burst was written: batches never run together.
        due = time.monotonic() + 0.15
        desk.until(lambda due=due: time.monotonic() >= due, 5)  # type: ignore[misc]
        desk.send([desk.mint.plain(None) for _ in range(BURST)])
        if not desk.settle(PROMPT if number else START):
            break
    else:
        desk.mark("bursts")
        desk.history.batches = sum(log.batches for log in desk.reader.topic(desk.history.output))
        if strategy == "round-robin":
            # A key makes no difference to it.
            desk.send([desk.mint.plain(b"always the same") for _ in range(BURST)])
            desk.settle(PROMPT)
    desk.stop(role)
    return desk.finish()


def parallel(lab: Lab, works: Callable[[bool], None]) -> History:
    """Slow work on many keys of one partition; then a lost answer; then SIGTERM."""
    desk = Desk(lab, "parallel", 2, 4)
    mint, tag = desk.mint, lab.name("lanes")
    lanes = [f"{tag}-{n}" for n in range(LANES)]
    desk.send([mint.job(f"{tag}-warm-{n}", 1, n % 2) for n in range(6)])
    role = desk.role("program", "work")
    first = desk.settle(START)
    works(first)
    if first:
        desk.mark("warm")
        desk.send([mint.job(lane, WORK_MS) for _ in range(JOBS) for lane in lanes])
        desk.mark("slow")
        if desk.settle(LANES * JOBS * WORK_MS / 1000 + PROMPT):
            _lose_an_answer(desk, role, 1)
    desk.history.stop_code = desk.stop(role)
    return desk.finish()


def rebalance(lab: Lab) -> History:
    """A second instance joins while the first has work in flight and in hand, and leaves again."""
    desk = Desk(lab, "rebalance", 4, 4)
    tag = lab.name("lanes", "rebalance")
    lanes = [(f"{tag}-{n}", n % 4) for n in range(12)]
    rounds = {"sent": 0}
    rng = lab.rng("work", "rebalance")

    def round_() -> list[Item]:
        """Of uneven length, so that two who do the same work do not keep step."""
        return [desk.mint.job(lane, rng.choice([100, 200, 300]), p) for lane, p in lanes]

    def feed(ahead: int) -> None:
        """Keep so many records of each key waiting."""
        left = desk.outstanding()
        if left < ahead * len(lanes) and rounds["sent"] < 60:
            rounds["sent"] += 1
            desk.send(round_())

    def working(role: Role, results: int) -> Callable[[], bool]:
        def done() -> bool:
            feed(8)
            asked = lab.requests(role.principal)
            return sum(r.api == "Produce" for r in asked) >= results

        return done

    desk.send([item for _ in range(8) for item in round_()])
    first = desk.role("first", "work")
    if desk.until(working(first, 3), START):
        second = desk.role("second", "work")
        desk.history.shared = desk.until(working(second, 20), START)
        if desk.history.shared:
            desk.history.stop_code = desk.stop(second)  # in the middle of its work
            desk.settle(30)
    else:
        desk.history.missed = "Produce"
    desk.stop(first)
    return desk.finish()


def killed(lab: Lab) -> History:
    """kill -9 while one slow record is unfinished and everything behind it is done."""
    desk = Desk(lab, "killed", 1, 4)
    mint, tag = desk.mint, lab.name("lanes", "killed")
    desk.send([mint.job(f"{tag}-warm-{n}", 1) for n in range(4)])
    role = desk.role("program", "work")
    if desk.settle(START):
        # Committed before the slow one comes: such a commit could hide a wrong one before it.
        desk.until(lambda: desk.committed().get((desk.history.input, 0), 0) >= 4, COMMIT)
        slow = mint.job(f"{tag}-slow", SLOW_MS)
        desk.send([slow])
        desk.send([mint.job(f"{tag}-{n % 6}", 5) for n in range(60)])
        at = 4  # the slow one's offset, behind the warm ones

        def fast_done() -> bool:
            return desk.outstanding() <= 1

        desk.until(fast_done, PROMPT)
        # Give a wrong commit its chance; a right program makes none beyond the slow record.
        end = time.monotonic() + 1.3

        def beyond(request: Request) -> bool:
            return any(part[2] > at for part in request.facts.get("offsets", ()))

        def over() -> bool:
            asked = lab.requests(role.principal)
            wrong = any(r.api == "OffsetCommit" and r.answered and beyond(r) for r in asked)
            return wrong or time.monotonic() > end

        desk.until(over, 5)
        role.stopping = True
        role.program.kill()
        lab.evict(desk.history.group, [role.program], "its process was killed")
        role.stopping = False
        desk.mark("killed")
        role.program.start()
        # In a neutral run the dead member blocks its group for the session timeout. The wait for
        # the second lot has it too: on a slow machine the slow record may be done before the kill.
        blocked = 50 if lab.job.neutral else 0
        if desk.settle(START + SLOW_MS / 1000 + blocked):
            desk.send([mint.job(f"{tag}-{n}", 1) for n in range(6)])
            desk.settle(PROMPT + blocked)
            ends = {log.partition: log.next for log in desk.reader.topic(desk.history.input)}
            desk.until(
                lambda: all(
                    desk.committed().get((desk.history.input, p), 0) >= n for p, n in ends.items()
                ),
                COMMIT,
            )
    desk.stop(role)
    return desk.finish()
