"""Judgements of where records went, and in which order. Pure: no broker, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import murmur2
from items import Item
from kafka_lab.api import Finding, Record
from kafka_lab.oracles.text import counted, label, place_of, report, show_bytes

NULL_SHARE = 0.05
"""Of the records without a key, what every partition gets at least (the brief's rule)."""
MOST_OF_SERIAL = 0.9
"""Of the time that records take one after another, what no machine's slowness excuses."""
MOST_REPLAYS = 2
"""Times that a key may go back in a run in which an instance joins and one leaves."""


def placed(
    *,
    cases: Iterable[tuple[Item, Record]],
    right: Callable[[bytes], int],
    code: str,
    look: str,
) -> list[Finding]:
    """Every record with a key is in the partition that ``right`` gives for the key."""
    wrong = [
        (item, record, right(item.key))
        for item, record in cases
        if item.key is not None and record.partition != right(item.key)
    ]

    def tell(case: tuple[Item, Record, int]) -> tuple[str, dict[str, Any]]:
        item, record, expected = case
        words = f"key {show_bytes(item.key)} at {record.where}, expected partition {expected}"
        return words, {"id": item.id, "expected": expected, **place_of(record)}

    return report(
        code=code,
        said=f"{counted(len(wrong), 'record')} in the wrong partition",
        cases=wrong,
        tell=tell,
        look=look,
    )


def spread(*, records: Sequence[Record], partitions: Sequence[int], topic: str) -> list[Finding]:
    """Records without a key: every partition gets at least its share."""
    count = Counter(r.partition for r in records)
    least = int(len(records) * NULL_SHARE)
    poor = [p for p in partitions if count[p] < least]
    return report(
        code="nulls-not-spread",
        said=f"{topic} got {counted(len(records), 'record')} without a key, unevenly",
        cases=poor,
        tell=lambda p: (
            f"partition {p} has {count[p]}, expected {least} or more",
            {"partition": p, "count": count[p], "least": least},
        ),
        look=(
            "Look at what your client does without a key: null is no key to be hashed, and some "
            "clients stay on one partition until a batch is full."
        ),
    )


def reserved(
    *,
    cases: Sequence[tuple[Item, Record]],
    owner: Callable[[bytes | None], int | None],
    names: Sequence[str],
) -> list[Finding]:
    """A tenant's records are all in its partition, and nobody else's are there."""
    missed = [(i, r) for i, r in cases if owner(i.key) not in (None, r.partition)]
    guests = [(i, r) for i, r in cases if owner(i.key) is None and r.partition < len(names)]

    def tell(case: tuple[Item, Record]) -> tuple[str, dict[str, Any]]:
        item, record = case
        return f"key {show_bytes(item.key)} at {record.where}", {
            "id": item.id,
            **place_of(record),
        }

    said = ", ".join(f"{label(name)} in {p}" for p, name in enumerate(names))
    return [
        *report(
            code="reserved-missed",
            said=f"{counted(len(missed), 'record')} of reserved tenants elsewhere",
            cases=missed,
            tell=tell,
            look=f"Expected {said}. Look at how the tenant is cut from the key.",
        ),
        *report(
            code="reserved-shared",
            said=f"{counted(len(guests), 'record')} of others in reserved partitions",
            cases=guests,
            tell=tell,
            look=(
                f"Expected only these tenants there: {said}. Look at the partitions over which "
                "the others are hashed, at keys that are null, and at names compared in part."
            ),
        ),
    ]


def even(*, records: Sequence[Record], partitions: int, topic: str) -> list[Finding]:
    """Round robin: no two partitions differ by more than one record."""
    count = Counter(r.partition for r in records)
    numbers = [count[p] for p in range(partitions)]
    if max(numbers) - min(numbers) <= 1:
        return []
    shown = ", ".join(f"{p}: {n}" for p, n in enumerate(numbers))
    return [
        Finding(
            "uneven",
            f"{topic} holds, by partition, {shown} records. Expected that no two differ by more "
            "than one. Look at whether one counter serves all records, also those with a key, and "
            "at clients whose own round robin turns once a batch.",
            {"counts": numbers},
        )
    ]


def sticks(
    *, records: Sequence[Record], partitions: int, batches: int, round_robin: int, topic: str
) -> list[Finding]:
    """Sticky: at most half of the batches of round robin, and yet not always one partition."""
    found = []
    if batches * 2 > round_robin:
        found.append(
            Finding(
                "many-batches",
                f"{topic} holds {len(records):,} records in {batches:,} batches; your round robin "
                f"needed {round_robin:,} for as many, expected at most half of that. Look at when "
                "the partition changes: not with each record, but with each batch, LINGER_MS after "
                "its first record; and at whether the client is given LINGER_MS as its linger.",
                {"batches": batches, "round_robin": round_robin},
            )
        )
    count = Counter(r.partition for r in records)
    most, used = max(count.values(), default=0), len(count)
    if used < min(3, partitions) or most * 3 > len(records) * 2:
        found.append(
            Finding(
                "stuck",
                f"{topic}: {used} of {partitions} partitions were used, the fullest one holds "
                f"{most:,} of {len(records):,} records. Expected another partition for each "
                "batch. Look at whether the next batch begins elsewhere.",
                {"used": used, "most": most},
            )
        )
    return found


def ordered(*, cases: Sequence[tuple[Item, Record]], replays: int = 0) -> list[Finding]:
    """Each lane's numbers ascend by one; it may go back up to ``replays`` times: ``reordered``.

    ``cases`` in the order of offsets, for each partition. After going back (a replay from the last
    commit) a lane goes on by one again, and its last record is its highest: an instance that
    still writes what it no longer owns breaks this, though every number was seen before.
    ``two-partitions``: the records of one lane are in more than one.
    """
    lanes: dict[str, list[tuple[Item, Record]]] = {}
    for item, record in cases:
        if item.lane:
            lanes.setdefault(item.lane, []).append((item, record))
    wrong: list[tuple[str, Item, Record, int]] = []
    torn: list[str] = []
    for lane, entries in lanes.items():
        if len({record.partition for _, record in entries}) > 1:
            torn.append(lane)
            continue
        before, backs = entries[0][0].number - 1, 0
        for item, record in entries:
            if item.number <= before:
                backs += 1
            if item.number > before + 1 or backs > replays:
                wrong.append((lane, item, record, before))
                break
            before = item.number
        else:
            if before < max(item.number for item, _ in entries):
                item, record = entries[-1]
                wrong.append((lane, item, record, max(i.number for i, _ in entries)))

    def tell(case: tuple[str, Item, Record, int]) -> tuple[str, dict[str, Any]]:
        lane, item, record, before = case
        words = f"key {label(lane)}: number {item.number} at {record.where} follows {before}"
        return words, {"lane": lane, "number": item.number, "after": before, **place_of(record)}

    again = "" if replays else " and none again"
    return [
        *report(
            code="reordered",
            said=f"{counted(len(wrong), 'key')} out of order",
            cases=wrong,
            tell=tell,
            look=(
                f"Expected each key's numbers one after another{again}. Look at retries with "
                "several requests in flight and no idempotence, at two records of a key being "
                "handled at once, and at work that goes on after its partition was taken away."
            ),
        ),
        *report(
            code="two-partitions",
            said=f"{counted(len(torn), 'key')} in more than one partition",
            cases=torn,
            tell=lambda lane: (f"key {label(lane)}", {"lane": lane}),
            look="Expected one partition for a key. Look at how the partition is chosen.",
        ),
    ]


def pace(
    *,
    cases: Sequence[tuple[Item, Record]],
    sent_at: Mapping[str, int],
    work_ms: int,
    slowness: float = 1.0,
) -> list[Finding]:
    """Keys side by side, each key's records one after another, judged by the broker's clock.

    ``sent_at``: id → the input record's timestamp, ms. ``not-parallel``: all together took more
    than half of the time that one after another takes; on a machine that is ``slowness`` times as
    slow, that much longer, but never as long as one after another. ``too-fast``: a key's results
    were there before its records, one after another, can have been handled.
    """
    if not cases:
        return []
    began = min(sent_at[item.id] for item, _ in cases)
    took = max(record.timestamp for _, record in cases) - began
    serial = len({item.id for item, _ in cases}) * work_ms
    found = []
    if took > serial * min(0.5 * slowness, MOST_OF_SERIAL):
        found.append(
            Finding(
                "not-parallel",
                f"{len(cases)} records on {len({i.lane for i, _ in cases})} keys took "
                f"{took / 1000:.1f} s; one after another they take {serial / 1000:.1f} s, expected "
                "at most half of that. Look at whether the keys of one partition are handled side "
                "by side, at least eight at once, and at how keys are assigned to workers.",
                {"milliseconds": took, "serial": serial},
            )
        )
    rushed = []
    for lane in dict.fromkeys(item.lane for item, _ in cases):
        mine = [(i, r) for i, r in cases if i.lane == lane]
        least = len({i.id for i, _ in mine}) * work_ms
        lasted = max(r.timestamp for _, r in mine) - min(sent_at[i.id] for i, _ in mine)
        if lasted < least * 0.9:
            rushed.append((lane, lasted, least))
    found += report(
        code="too-fast",
        said=f"{counted(len(rushed), 'key')} finished before its work can be done",
        cases=rushed,
        tell=lambda c: (
            f"key {label(c[0])}: {c[1] / 1000:.2f} s for {c[2] / 1000:.2f} s of work",
            {"lane": c[0], "milliseconds": c[1], "least": c[2]},
        ),
        look=(
            "Expected work_ms for each record, and the next of the same key only then. Look at two "
            "records of a key being handled at once."
        ),
    )
    return found


def of_partition(key: bytes, reserved_count: int, partitions: int) -> int:
    """Where a key belongs when the first ``reserved_count`` partitions are not for it."""
    return reserved_count + murmur2.partition(key, partitions - reserved_count)
