"""The grader of ``partitioning``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest

import murmur2
import placement
import scenarios
from desk import History
from items import Item, Tenants
from kafka_lab.api import Finding, Record, expect
from kafka_lab.oracles import Seen, at_least_once, offsets_match
from kafka_lab.oracles.text import place_of

if TYPE_CHECKING:
    from kafka_lab.grading.lab import Lab

Runs = Mapping[str, Future[History]]

PRODUCE = {
    "tenant": {"reserved_partition_is_exclusive", "added_partitions_are_used"},
    "round-robin": {"round_robin_is_even", "sticky_saves_batches"},
    "sticky": {"sticky_saves_batches"},
}
WORK = {
    "rebalance": {"rebalance_keeps_order"},
    "killed": {"no_gaps_after_a_kill"},
}


@pytest.fixture(scope="module")
def runs(lab: Lab, selected: set[str]) -> Runs:
    """All scenarios that a chosen check asks about, side by side.

    Two begin, one for each mode; the others follow when the program is seen to work in their mode.
    """
    works = {mode: threading.Event() for mode in ("produce", "work")}
    fine = {"produce": False, "work": False}

    def opening(mode: str, run: Callable[[Callable[[bool], None]], History]) -> History:
        def tell(first: bool) -> None:
            fine[mode] = first
            works[mode].set()

        try:
            return run(tell)
        finally:
            works[mode].set()

    def later(mode: str, name: str, run: Callable[[], History]) -> Callable[[], History]:
        def wait() -> History:
            works[mode].wait()
            return run() if fine[mode] else History(name, "", "", "", 0, skipped=True)

        return wait

    followers: dict[str, Callable[[], History]] = {
        "tenant": lambda: scenarios.tenants(lab),
        "round-robin": lambda: scenarios.bursts(lab, "round-robin"),
        "sticky": lambda: scenarios.bursts(lab, "sticky"),
        "rebalance": lambda: scenarios.rebalance(lab),
        "killed": lambda: scenarios.killed(lab),
    }
    jobs: dict[str, Callable[[], History]] = {
        "hash": lambda: opening("produce", lambda tell: scenarios.hashed(lab, tell)),
        "parallel": lambda: opening("work", lambda tell: scenarios.parallel(lab, tell)),
    }
    for name, checks in (PRODUCE | WORK).items():
        if checks & selected:
            jobs[name] = later("produce" if name in PRODUCE else "work", name, followers[name])
    return lab.together(jobs, at_once=len(jobs))


def _cases(history: History, start: str = "", end: str = "") -> list[tuple[Item, Record]]:
    """Input and output records that belong together, of what was sent between two marks."""
    marks = history.marks
    low = marks.get(start, len(history.sent) if start else 0)
    high = marks.get(end, len(history.sent))
    wanted = {item.value: item for item in history.sent[low:high]}
    return [(wanted[r.value], r) for r in history.records if r.value in wanted]


def _delivered(history: History) -> list[Finding]:
    """The program lived, and wrote everything it was sent, with its key, and nothing else."""
    if history.ended:
        return [
            Finding(
                "exits",
                f"The program ended by itself, {history.ended} It has to run until SIGTERM.",
                {"scenario": history.scenario},
            )
        ]
    if history.missed:
        return [
            Finding(
                "no-request",
                f"The program made no {history.missed} request in time although records were "
                f"waiting in {history.input}. Look at whether it reads on after its last record.",
                {"api": history.missed},
            )
        ]
    by_value = {item.value: item for item in history.sent}
    seen = [
        Seen(by_value[r.value].id if r.value in by_value else repr(r.value)[:60], r)
        for r in history.records
    ]
    sent = {item.id: history.inputs.get(item.id) for item in history.sent}
    found = at_least_once(expected=sent, seen=seen, topic=history.output)
    changed = [
        (by_value[r.value], r)
        for r in history.records
        if r.value in by_value and r.key != by_value[r.value].key
    ]
    if changed and not found:
        item, record = changed[0]
        found = [
            Finding(
                "corrupt",
                f"{len(changed)} records with another key than they came with: {record.where} has "
                f"{record.key!r:.60}, expected {item.key!r:.60}. Copy the key's bytes as they are; "
                "null and empty are not the same.",
                {"id": item.id, "count": len(changed), **place_of(record)},
            )
        ]
    return found


def _stopped(history: History, mode: str) -> list[Finding]:
    code = history.stop_code
    if code is None:
        return [
            Finding(
                "no-stop",
                f"In the mode {mode} the program was still running 10 seconds after SIGTERM. Look "
                "at whether its loop checks a flag that the signal handler sets, and at calls that "
                "block.",
            )
        ]
    if code:
        meaning = f"was ended by signal {-code}" if code < 0 else f"exited with code {code}"
        return [
            Finding(
                "exit-code",
                f"After SIGTERM the program, in the mode {mode}, {meaning}; expected exit code 0. "
                "Catch the signal, leave the loop, close the clients, then end normally.",
                {"code": code},
            )
        ]
    return offsets_match(
        group=history.group,
        committed=history.committed,
        inputs=[Seen(id_, record) for id_, record in history.inputs.items()],
        handled={item.id for item in history.sent},
    )


@pytest.fixture(scope="module")
def hashed(runs: Runs) -> History:
    return runs["hash"].result()


@pytest.fixture(scope="module")
def parallel(runs: Runs) -> History:
    return runs["parallel"].result()


_HASH = (
    "Expected (murmur2 of the key's bytes, without the sign bit) modulo the number of partitions. "
    "Look at the hash (librdkafka's default is a CRC-32), at how the sign is cleared, at bytes "
    "above 127, and at whether null and empty keys are told apart."
)


def test_copies_every_record(hashed: History) -> None:
    """In the mode produce, each input record is written with its key and value as they came."""
    expect(_delivered(hashed))


@pytest.mark.needs("copies_every_record")
@pytest.mark.hint(0)
def test_keys_like_java(hashed: History) -> None:
    """With `hash`, each key is in the partition that the Java client gives it."""
    expect(
        placement.placed(
            cases=_cases(hashed, "", "keys"),
            right=lambda key: murmur2.partition(key, scenarios.BEFORE),
            code="wrong-partition",
            look=_HASH,
        )
    )


@pytest.mark.needs("copies_every_record")
@pytest.mark.hint(0)
def test_nulls_spread(hashed: History) -> None:
    """With `hash`, records without a key are spread over all partitions."""
    nulls = [record for _, record in _cases(hashed, "keys", "nulls")]
    expect(placement.spread(records=nulls, partitions=range(scenarios.BEFORE), topic=hashed.output))


@pytest.mark.needs("copies_every_record")
@pytest.mark.hint(1)
def test_reserved_partition_is_exclusive(runs: Runs, lab: Lab) -> None:
    """With `tenant`, a reserved tenant has its partition alone; others are hashed over the rest."""
    history = runs["tenant"].result()
    who = Tenants.draw(lab.rng("tenants"))
    reserved = len(who.reserved)
    expect(_delivered(history))
    expect(placement.reserved(cases=_cases(history), owner=who.of, names=who.reserved))
    expect(
        placement.placed(
            cases=[c for c in _cases(history, "", "keys") if who.of(c[0].key) is None],
            right=lambda key: placement.of_partition(key, reserved, scenarios.BEFORE),
            code="wrong-partition",
            look=(
                f"Expected {reserved} + (murmur2 of the whole key, without the sign bit) modulo "
                "the number of partitions that are not reserved."
            ),
        )
    )


@pytest.mark.needs("keys_like_java")
@pytest.mark.hint(2)
def test_added_partitions_are_used(runs: Runs, hashed: History, lab: Lab) -> None:
    """Partitions that are added while the program runs are used within ten seconds."""
    who = Tenants.draw(lab.rng("tenants"))
    expect(_delivered(runs["tenant"].result()))
    for history in (hashed, runs["tenant"].result()):
        if not history.seen_growth:
            expect(
                [
                    Finding(
                        "partitions-not-seen",
                        f"{history.output} was given {history.grown - history.partitions} more "
                        f"partitions, to {history.grown}, and {scenarios.GROWTH:.0f} seconds later "
                        "no record was in any of them. Look at how long the number of partitions "
                        "is kept: by your program, and by your client (metadata.max.age.ms, "
                        "topic.metadata.refresh.interval.ms).",
                        {"before": history.partitions, "after": history.grown},
                    )
                ]
            )
    look = "Expected the key hashed over the new number of partitions. " + _HASH
    expect(
        placement.placed(
            cases=_cases(hashed, "probed", "grown"),
            right=lambda key: murmur2.partition(key, scenarios.AFTER),
            code="wrong-partition",
            look=look,
        )
    )
    tenant = runs["tenant"].result()
    expect(
        placement.placed(
            cases=[c for c in _cases(tenant, "probed", "grown") if who.of(c[0].key) is None],
            right=lambda key: placement.of_partition(key, len(who.reserved), scenarios.AFTER),
            code="wrong-partition",
            look=look,
        )
    )


@pytest.mark.needs("copies_every_record")
@pytest.mark.hint(3)
def test_round_robin_is_even(runs: Runs) -> None:
    """With `round-robin`, no two partitions differ by more than one record, key or no key."""
    history = runs["round-robin"].result()
    expect(_delivered(history))
    expect(
        placement.even(records=history.records, partitions=history.partitions, topic=history.output)
    )


@pytest.mark.needs("round_robin_is_even")
@pytest.mark.hint(3)
def test_sticky_saves_batches(runs: Runs) -> None:
    """With `sticky`, as many records take at most half of the batches of `round-robin`."""
    sticky, robin = runs["sticky"].result(), runs["round-robin"].result()
    expect(_delivered(sticky))
    expect(
        placement.sticks(
            records=[r for _, r in _cases(sticky, "", "bursts")],
            partitions=sticky.partitions,
            batches=sticky.batches,
            round_robin=robin.batches,
            topic=sticky.output,
        )
    )


@pytest.mark.hint(4)
def test_works_in_order(parallel: History) -> None:
    """In the mode work, each record is handled and written once, in order for each key."""
    expect(_delivered(parallel))
    before = _cases(parallel, "", "ordered")
    expect(placement.ordered(cases=before))
    expect(
        placement.placed(
            cases=before,
            right=lambda key: murmur2.partition(key, parallel.partitions),
            code="wrong-partition",
            look=_HASH,
        )
    )


@pytest.mark.needs("works_in_order")
@pytest.mark.hint(4)
def test_works_in_parallel(parallel: History, lab: Lab) -> None:
    """Eight keys of one partition are handled side by side, the records of each one by one."""
    expect(
        placement.pace(
            cases=_cases(parallel, "warm", "slow"),
            sent_at={id_: record.timestamp for id_, record in parallel.inputs.items()},
            work_ms=scenarios.WORK_MS,
            slowness=lab.seconds(1.0),
        )
    )


@pytest.mark.needs("copies_every_record", "works_in_order")
@pytest.mark.hint(5)
def test_lost_answer_keeps_order(hashed: History, parallel: History) -> None:
    """When the answer to a write is lost and it is tried again, each key stays in order."""
    for history in (hashed, parallel):
        if "ordered" in history.marks:
            expect(placement.ordered(cases=_cases(history, "ordered")))


@pytest.mark.needs("works_in_order")
@pytest.mark.hint(6)
def test_rebalance_keeps_order(runs: Runs) -> None:
    """When an instance joins or leaves with work in flight, each key stays in order, no gaps."""
    history = runs["rebalance"].result()
    if not history.shared and not history.ended:
        expect(
            [
                Finding(
                    "no-share",
                    "A second instance with the same group wrote nothing, although 4 partitions "
                    "had work. Look at whether the first lets partitions go when it is asked to: "
                    "it has to poll while it works.",
                )
            ]
        )
    expect(_delivered(history))
    expect(placement.ordered(cases=_cases(history), replays=placement.MOST_REPLAYS))


@pytest.mark.needs("works_in_order")
@pytest.mark.hint(7)
def test_no_gaps_after_a_kill(runs: Runs) -> None:
    """Killed while one record is unfinished, it handles that again; what is done is committed."""
    history = runs["killed"].result()
    expect(_delivered(history))
    expect(placement.ordered(cases=_cases(history), replays=1))
    expect(
        offsets_match(
            group=history.group,
            committed=history.committed,
            inputs=[Seen(id_, record) for id_, record in history.inputs.items()],
            handled={item.id for item in history.sent},
        )
    )


@pytest.mark.needs("copies_every_record", "works_in_order")
@pytest.mark.hint(7)
def test_stops_on_sigterm(hashed: History, parallel: History) -> None:
    """On SIGTERM the program finishes and commits what is in flight, and exits with code 0."""
    expect(_stopped(hashed, "produce"))
    expect(_stopped(parallel, "work"))
