"""A short notation for histories, so that a test reads like a log.

``rec("debits-0@5")`` is a record at a place; ``seen("debits-0@5 t-1", …)`` are records with ids;
``numbered("orders-0@3 A7", …)`` has number 7 of lane A; ``requests("produce T debits", …)`` are
requests one tenth of a second apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kafka_lab.api import Finding, Record
from kafka_lab.oracles import Numbered, Seen, TxnEvent

START = 1_000.0


def rec(
    place: str,
    value: bytes | None = b"",
    key: bytes | None = None,
    headers: tuple[tuple[str, bytes | None], ...] = (),
    writer: tuple[int, int] | None = None,
) -> Record:
    """``writer`` is (producer id, epoch) of a transactional batch."""
    head, _, offset = place.partition("@")
    topic, _, partition = head.rpartition("-")
    producer_id, epoch = writer or (-1, -1)
    return Record(
        topic=topic,
        partition=int(partition),
        offset=int(offset),
        key=key,
        value=value,
        headers=headers,
        transactional=writer is not None,
        producer_id=producer_id,
        producer_epoch=epoch,
    )


def seen(*lines: str) -> list[Seen]:
    pairs = [line.split(" ", 1) for line in lines]
    return [Seen(id_, rec(place)) for place, id_ in pairs]


def fields(place: str, id_: str, **values: Any) -> Seen:
    return Seen(id_, rec(place), values)


def sent(*lines: str) -> dict[str, Record | None]:
    return {item.id: item.record for item in seen(*lines)}


def numbered(*lines: str) -> list[Numbered]:
    pairs = [line.split(" ", 1) for line in lines]
    return [Numbered(name[0], int(name[1:]), rec(place)) for place, name in pairs]


def _place(word: str) -> tuple[str, int, int]:
    record = rec(word)
    return record.topic, record.partition, record.offset


def requests(*lines: str) -> list[TxnEvent]:
    """``init T`` · ``produce T topic…`` · ``offsets T group`` · ``commit|abort|lost-end T`` ·
    ``offset-commit group``; ``-`` for no transactional id. A place for a topic (``debits-0@5``)
    says where the record went; places behind a group are its next offsets."""
    events = []
    for step, line in enumerate(lines):
        kind, *words = line.split()
        at = START + step / 10
        name = None if words[0] == "-" else words[0]
        if kind == "init":
            events.append(TxnEvent("init", name, time=at))
        elif kind == "produce":
            written = tuple((*_place(word), 1) for word in words[1:] if "@" in word)
            topics = tuple(dict.fromkeys([w[0] for w in written] or words[1:]))
            events.append(TxnEvent("produce", name, topics, time=at, written=written))
        elif kind == "offsets":
            offsets = tuple(map(_place, words[2:]))
            events.append(TxnEvent("offsets", name, group=words[1], time=at, offsets=offsets))
        elif kind == "offset-commit":
            events.append(TxnEvent("offset-commit", group=words[0], time=at, principal="User:p"))
        else:
            ends: Mapping[str, bool | None] = {"commit": True, "abort": False, "lost-end": None}
            events.append(TxnEvent("end", name, committed=ends[kind], time=at))
    return events


def codes(findings: Iterable[Finding]) -> list[str]:
    return [finding.code for finding in findings]
