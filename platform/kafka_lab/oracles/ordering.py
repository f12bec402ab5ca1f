"""Is the order kept, and is nothing left out on the way?

Numbers are those that the sender gave to its items, ascending by one within a lane. Histories
are in the order of reading: for one partition that of its offsets.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from kafka_lab.api import Finding
from kafka_lab.oracles.history import Numbered, Poll
from kafka_lab.oracles.text import counted, label, place_of, report


def in_order(*, seen: Sequence[Numbered], replays: bool = False) -> list[Finding]:
    """Within each lane the numbers never go down: ``reordered``.

    With ``replays`` a number that was seen before may come again (at-least-once, from the last
    commit on); what comes for the first time must still be higher than all before it. The same
    number twice running is a duplicate, which is for ``delivery``.
    """
    highest: dict[str, Numbered] = {}
    known: set[tuple[str, int]] = set()
    cases: list[tuple[Numbered, Numbered]] = []
    for item in seen:
        top = highest.setdefault(item.lane, item)
        again = (item.lane, item.number) in known
        if item.number < top.number and not (replays and again):
            cases.append((item, top))
        if item.number > top.number:
            highest[item.lane] = item
        known.add((item.lane, item.number))

    def tell(case: tuple[Numbered, Numbered]) -> tuple[str, dict[str, Any]]:
        item, top = case
        words = (
            f"{label(item.lane)}: number {item.number} at {item.record.where} "
            f"comes after number {top.number} at {top.record.where}"
        )
        facts = {"lane": label(item.lane), "number": item.number, "after": top.number}
        return words, {**facts, **place_of(item.record)}

    return report(
        code="reordered",
        said=f"{counted(len(cases), 'record')} out of order",
        cases=cases,
        tell=tell,
        look=(
            "Expected ascending numbers for each key. Look at retries with several requests in "
            "flight and no idempotence, at work done in parallel, and at the partition chosen."
        ),
    )


def no_gaps(*, seen: Sequence[Numbered], first: int | None = None) -> list[Finding]:
    """Within each lane no number is missing between two others: ``gap``.

    Order and repetition do not matter. With ``first``, each lane must begin with that number.
    What is missing at the end cannot be told from here; that is ``lost``.
    """
    lanes: dict[str, dict[int, Numbered]] = {}
    for item in seen:
        lanes.setdefault(item.lane, {}).setdefault(item.number, item)

    cases: list[tuple[int, int, Numbered]] = []
    for lane in lanes.values():
        numbers = sorted(lane)
        before = numbers[0] - 1 if first is None else first - 1
        for number in numbers:
            if number > before + 1:
                cases.append((before + 1, number - 1, lane[number]))
            before = max(before, number)

    def tell(case: tuple[int, int, Numbered]) -> tuple[str, dict[str, Any]]:
        low, high, item = case
        missing = f"number {low}" if low == high else f"numbers {low} to {high}"
        words = (
            f"{label(item.lane)}: {missing} missing before number {item.number} "
            f"at {item.record.where}"
        )
        facts = {"lane": label(item.lane), "from": low, "to": high}
        return words, {**facts, **place_of(item.record)}

    return report(
        code="gap",
        said=f"{counted(len(cases), 'gap')} in the numbers",
        cases=cases,
        tell=tell,
        look=(
            "Expected every number once the ones around it are there. Look at offsets committed "
            "past work that was not finished, and at failed sends that nobody notices."
        ),
    )


def steady_polls(
    *, polls: Sequence[Poll], visible: Mapping[tuple[str, int], Sequence[int]]
) -> list[Finding]:
    """A consumer's polls of a partition go on where they stopped.

    ``skipped-poll``: a visible offset between two that were brought was left out.
    ``nonmonotonic-poll``: an offset came that is not above the one before. ``visible`` are the
    ascending offsets of the records in each (topic, partition) at the consumer's isolation level:
    holes left by markers and compaction are no skips. Polls marked ``fresh`` may begin anywhere.
    """
    last: dict[tuple[str, str, int], int] = {}
    skipped: list[tuple[Poll, int, int]] = []
    back: list[tuple[Poll, int, int]] = []
    for poll in polls:
        reader = (poll.consumer, poll.topic, poll.partition)
        if poll.fresh:
            last.pop(reader, None)
        there = visible.get((poll.topic, poll.partition), ())
        for offset in poll.offsets:
            before = last.get(reader)
            if before is not None and offset <= before:
                back.append((poll, before, offset))
            elif before is not None and bisect_right(there, before) < bisect_left(there, offset):
                skipped.append((poll, before, offset))
            last[reader] = offset

    def tell(case: tuple[Poll, int, int]) -> tuple[str, dict[str, Any]]:
        poll, before, offset = case
        words = (
            f"{label(poll.consumer)} on {poll.topic}-{poll.partition}: "
            f"offset {offset} right after offset {before}"
        )
        facts = {"consumer": label(poll.consumer), "topic": poll.topic}
        return words, {**facts, "partition": poll.partition, "before": before, "offset": offset}

    return [
        *report(
            code="skipped-poll",
            said=f"{counted(len(skipped), 'jump')} over records that were there to be read",
            cases=skipped,
            tell=tell,
            look=(
                "Expected every record in between. Look at seeks, at auto.offset.reset, and at "
                "records of a poll that are dropped."
            ),
        ),
        *report(
            code="nonmonotonic-poll",
            said=f"{counted(len(back), 'step')} back without a new assignment or a seek",
            cases=back,
            tell=tell,
            look=(
                "Expected offsets to grow. Look at two threads that share one consumer, and at "
                "positions that are reset."
            ),
        ),
    ]
