"""What oracles judge: small immutable pieces of a history, made by a grader.

A *place* is ``topic-partition@offset``. Times are seconds since the epoch. An ``id`` is whatever
the grader tells its own inputs apart by (a transfer's id, a nonce): it is text, and where it was
read from a learner's record it may be any text at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal

from kafka_lab.api import Record


@dataclass(frozen=True)
class Seen:
    """A record that was read back, with the id that the grader found in it.

    ``fields`` are the JSON fields of its value where somebody parsed them (``read_json`` does).
    """

    id: str
    record: Record
    fields: Mapping[str, Any] = field(default_factory=dict)


class AnyBytes(Enum):
    """The type of ``ANY``."""

    ANY = "any"


ANY: Final = AnyBytes.ANY
"""Stands in a ``Payload`` for bytes that nobody asks about."""


@dataclass(frozen=True)
class Payload:
    """The bytes that a record must have. ``None`` is Kafka's null, which is not empty.

    A header name that is listed must carry exactly the listed values, in that order; header
    names that are not listed are free.
    """

    key: bytes | AnyBytes | None = ANY
    value: bytes | AnyBytes | None = ANY
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass(frozen=True)
class Numbered:
    """A record with the number that its sender gave it within a lane (a key, a partition)."""

    lane: str
    number: int
    record: Record


@dataclass(frozen=True)
class Poll:
    """The offsets that one poll of one consumer brought from one partition, in order.

    ``fresh`` says that the consumer was assigned the partition, or sought in it, since its poll
    before: from where it goes on then is not the poll's business.
    """

    consumer: str
    topic: str
    partition: int
    offsets: tuple[int, ...]
    fresh: bool = False


@dataclass(frozen=True)
class PartitionEnd:
    """Where a partition ends, once for ``read_committed`` and once for everybody.

    ``last_stable_offset`` is the first offset that a ``read_committed`` reader does not get past
    (Kafka protocol, Fetch response); with no open transaction it is the high watermark.
    """

    topic: str
    partition: int
    last_stable_offset: int
    high_watermark: int


TxnKind = Literal["init", "produce", "offsets", "offset-commit", "end"]


@dataclass(frozen=True)
class TxnEvent:
    """One request of the program that the cluster *accepted*, as the relay saw it.

    ``init`` is InitProducerId, ``produce`` Produce, ``offsets`` TxnOffsetCommit,
    ``offset-commit`` a plain OffsetCommit, ``end`` EndTxn. Requests that were refused (a fenced
    producer's, for one) did nothing and do not belong into a history.

    ``transactional_id`` is ``None`` for a request without one. ``topics`` are those produced to.
    ``committed`` belongs to ``end``: true for a commit, false for an abort, ``None`` when nobody
    knows that the request took effect, and then the transaction counts as still open.

    ``written`` says where a ``produce`` put its records: topic, partition, first offset, number.
    ``offsets`` says where an ``offsets`` lets the group go on: topic, partition, next offset.
    """

    kind: TxnKind
    transactional_id: str | None = None
    topics: tuple[str, ...] = ()
    group: str | None = None
    committed: bool | None = None
    time: float = 0.0
    principal: str = ""
    written: tuple[tuple[str, int, int, int], ...] = ()
    offsets: tuple[tuple[str, int, int], ...] = ()


TxnOutcome = Literal["committed", "aborted", "open"]


@dataclass(frozen=True)
class Txn:
    """One transaction as its requests tell it.

    ``topics`` and ``groups`` are in the order of their first request; ``groups`` are those whose
    offsets were sent into it. ``began`` and ``ended`` are the times of its first and last request.
    ``written`` and ``offsets`` are those of its events, in order.
    """

    transactional_id: str
    topics: tuple[str, ...]
    groups: tuple[str, ...]
    outcome: TxnOutcome
    began: float
    ended: float
    written: tuple[tuple[str, int, int, int], ...] = ()
    offsets: tuple[tuple[str, int, int], ...] = ()
