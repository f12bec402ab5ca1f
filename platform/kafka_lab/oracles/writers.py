"""Who wrote the records, as the batch headers tell: evidence that needs no lucky crash.

Records here must come from the log reader, which fills ``transactional``, ``producer_id`` and
``producer_epoch``; an ordinary consumer does not see them. An empty history proves nothing:
whether there is enough of it is for ``delivery`` to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kafka_lab.api import Finding, Record
from kafka_lab.oracles.history import PartitionEnd
from kafka_lab.oracles.text import counted, place_of, report


def _tell_place(record: Record) -> tuple[str, dict[str, Any]]:
    return record.where, place_of(record)


def all_transactional(*, records: Sequence[Record]) -> list[Finding]:
    """Every record was written in a transaction: ``not-transactional``."""
    cases = [r for r in records if not r.transactional]
    return report(
        code="not-transactional",
        said=f"{len(cases):,} of {counted(len(records), 'record')} written outside a transaction",
        cases=cases,
        tell=_tell_place,
        look=(
            "Expected the transactional bit on every batch. Look at which producer writes to this "
            "topic: it needs a transactional.id, and the send must stand between begin and commit."
        ),
    )


def one_producer(*, records: Sequence[Record], limit: int = 1) -> list[Finding]:
    """All records bear at most ``limit`` producer ids: ``several-producers``, ``not-idempotent``.

    A transactional.id keeps its producer id over restarts, only the epoch grows (KIP-98), so a
    new producer id at each start means a new transactional.id, or none. ``not-idempotent`` is
    for records without a producer id. Raise ``limit`` where a program may own several producers.
    """
    first: dict[int, Record] = {}
    for record in records:
        first.setdefault(record.producer_id, record)
    without = [r for r in records if r.producer_id == -1]
    first.pop(-1, None)

    def tell(record: Record) -> tuple[str, dict[str, Any]]:
        facts = {"producer_id": record.producer_id, **place_of(record)}
        return f"producer id {record.producer_id} from {record.where} on", facts

    return [
        *report(
            code="several-producers",
            said=f"{counted(len(first), 'producer id')} wrote these records, {limit:,} allowed",
            cases=list(first.values()) if len(first) > limit else [],
            tell=tell,
            look=(
                "Expected the id to stay the same over restarts. Look at whether transactional.id "
                "is the same at every start."
            ),
        ),
        *report(
            code="not-idempotent",
            said=f"{len(without):,} of {counted(len(records), 'record')} without a producer id",
            cases=without,
            tell=_tell_place,
            look=(
                "Expected an idempotent or transactional producer. Look at enable.idempotence and "
                "transactional.id of the producer that writes here."
            ),
        ),
    ]


def fenced_writes(*, records: Sequence[Record], zombie: Sequence[Record] = ()) -> list[Finding]:
    """No trace of a writer after its successor took over: ``fenced-write``.

    ``records`` is what a ``read_committed`` reader sees. A record is a fenced writer's if, in its
    partition, a record of the same producer id and a newer epoch stands before it (KIP-98), or if
    it is one of ``zombie``: the records of the old instance's open transaction, read as
    ``read_uncommitted`` before the successor came. They are compared by place, not by id, because
    the successor rightly does the same work again.
    """
    open_then = {r.where for r in zombie}
    newest: dict[tuple[str, int, int], Record] = {}
    cases: list[tuple[Record, Record | None]] = []
    for record in sorted(records, key=lambda r: (r.topic, r.partition, r.offset)):
        writer = (record.topic, record.partition, record.producer_id)
        before = newest.setdefault(writer, record)
        if record.where in open_then:
            cases.append((record, None))
        elif record.producer_epoch < before.producer_epoch:
            cases.append((record, before))
        else:
            newest[writer] = record

    def tell(case: tuple[Record, Record | None]) -> tuple[str, dict[str, Any]]:
        record, newer = case
        facts = {**place_of(record), "producer_id": record.producer_id}
        facts["producer_epoch"] = record.producer_epoch
        by = f"{record.where} by producer id {record.producer_id}, epoch {record.producer_epoch}"
        if newer is None:
            return f"{by}, from the transaction that was open when it was replaced", facts
        facts["newer"] = place_of(newer)
        return f"{by}, after epoch {newer.producer_epoch} at {newer.where}", facts

    return report(
        code="fenced-write",
        said=f"{counted(len(cases), 'record')} of a replaced instance visible",
        cases=cases,
        tell=tell,
        look=(
            "Expected nothing of the old instance once the new one runs. Look at whether both use "
            "the same transactional.id, and at what the old one does after a fatal error."
        ),
    )


def no_hanging_transaction(
    *, ends: Sequence[PartitionEnd], records: Sequence[Record] = ()
) -> list[Finding]:
    """Every transaction is over, so that readers reach the end: ``hanging-transaction``.

    To be asked when the program should have ended what it and its predecessors left open.
    ``records``, read as ``read_uncommitted``, serve to name what is hidden.
    """
    hidden: dict[tuple[str, int], list[Record]] = {}
    for record in records:
        hidden.setdefault((record.topic, record.partition), []).append(record)
    cases = [end for end in ends if end.last_stable_offset < end.high_watermark]

    def tell(end: PartitionEnd) -> tuple[str, dict[str, Any]]:
        stop = end.last_stable_offset
        words = f"{end.topic}-{end.partition} stops at offset {stop} of {end.high_watermark}"
        after = [r for r in hidden.get((end.topic, end.partition), ()) if r.offset >= stop]
        if after:
            first = min(after, key=lambda r: r.offset)
            words += (
                f" ({counted(len(after), 'record')} hidden, the first by producer id "
                f"{first.producer_id}, epoch {first.producer_epoch})"
            )
        facts = {"topic": end.topic, "partition": end.partition, "last_stable_offset": stop}
        return words, {**facts, "high_watermark": end.high_watermark, "hidden": len(after)}

    return report(
        code="hanging-transaction",
        said=f"{counted(len(cases), 'partition')} held up by a transaction that nobody ended",
        cases=cases,
        tell=tell,
        look=(
            "Expected read_committed readers to reach the end. Look at whether every transaction "
            "is committed or aborted, and at whether a restarted program calls initTransactions "
            "with its predecessor's transactional.id."
        ),
    )
