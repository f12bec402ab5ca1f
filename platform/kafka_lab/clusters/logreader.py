"""Reading a topic's log as it is: every batch with its header, every control marker.

A ``LogReader`` goes on where it stopped, so that asking again and again is cheap. It reads
uncommitted and decides itself, from the markers, what a ``read_committed`` consumer would see
(Kafka documentation, "Message Format": control batches, transactional bit).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from kafka.protocol.consumer.fetch import FetchRequest, FetchResponse
from kafka.record import MemoryRecords
from kafka.record.default_records import ControlRecord

from kafka_lab.api import Record
from kafka_lab.clusters.admin import Admin, AdminError
from kafka_lab.clusters.readback import ReadBack
from kafka_lab.runtime.events import EventLog

_PASSING = frozenset({5, 6, 74, 75, 76})
"""LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER, and leader epochs that do not match yet."""


class State(StrEnum):
    """What became of a record."""

    PLAIN = "plain"
    """Written outside any transaction: visible at once."""
    COMMITTED = "committed"
    ABORTED = "aborted"
    OPEN = "open"
    """Its transaction has not ended: read_committed readers wait at the first such record."""


@dataclass
class Entry:
    """One record with its state."""

    record: Record
    state: State


@dataclass
class PartitionLog:
    """One partition as read so far. ``next`` is the offset to read next."""

    topic: str
    partition: int
    entries: list[Entry] = field(default_factory=list)
    next: int = 0
    high_watermark: int = 0
    open: dict[int, list[Entry]] = field(default_factory=dict)
    """Entries of transactions that have not ended, by producer id."""
    batches: int = 0
    """Batches of records read so far, markers not counted: how well a producer batched."""
    read_back: ReadBack | None = None
    """Collects what was read for the event log, where there is one."""

    @property
    def last_stable_offset(self) -> int:
        """The first offset that a read_committed consumer is not given yet."""
        firsts = [entries[0].record.offset for entries in self.open.values() if entries]
        return min(firsts, default=self.next)

    def visible(self) -> list[Record]:
        """What a read_committed consumer has been given."""
        limit = self.last_stable_offset
        return [
            e.record
            for e in self.entries
            if e.state in (State.PLAIN, State.COMMITTED) and e.record.offset < limit
        ]

    def _batch(self, batch: object) -> None:
        pid = int(batch.producer_id)  # type: ignore[attr-defined]
        if batch.is_control_batch:  # type: ignore[attr-defined]
            for marker in batch:  # type: ignore[attr-defined]
                if isinstance(marker, ControlRecord):
                    state = State.ABORTED if marker.abort else State.COMMITTED
                    for entry in self.open.pop(pid, []):
                        entry.state = state
                    if self.read_back is not None:
                        self.read_back.marker(int(marker.offset), pid, state is State.COMMITTED)
            self.next = int(batch.next_offset)  # type: ignore[attr-defined]
            return
        self.batches += 1
        transactional = bool(batch.is_transactional)  # type: ignore[attr-defined]
        epoch = int(batch.producer_epoch)  # type: ignore[attr-defined]
        for raw in batch:  # type: ignore[attr-defined]
            if raw.offset < self.next:
                continue
            record = Record(
                self.topic,
                self.partition,
                int(raw.offset),
                bytes(raw.key) if raw.key is not None else None,
                bytes(raw.value) if raw.value is not None else None,
                tuple((k, v if v is None else bytes(v)) for k, v in raw.headers),
                int(raw.timestamp),
                transactional,
                pid,
                epoch,
            )
            entry = Entry(record, State.OPEN if transactional else State.PLAIN)
            self.entries.append(entry)
            if transactional:
                self.open.setdefault(pid, []).append(entry)
            if self.read_back is not None:
                self.read_back.record(record)
        self.next = max(self.next, int(batch.next_offset))  # type: ignore[attr-defined]


class LogReader:
    """Follows the partitions of some topics. Not safe for several threads."""

    def __init__(self, admin: Admin, topics: dict[str, int], log: EventLog | None = None) -> None:
        """``topics``: name → number of partitions. What is read is put on record in ``log``."""
        self._admin = admin
        self.logs = {
            (t, p): PartitionLog(t, p) for t, count in topics.items() for p in range(count)
        }
        if log is not None:
            for name, partition in self.logs:
                self.logs[name, partition].read_back = ReadBack(log, name, partition)

    def refresh(self) -> None:
        """Read on to the high watermark of every partition.

        Raises:
            AdminError: when a partition answers with an error.
            WireError: when its leader is not reachable.
        """
        behind = set(self.logs)
        while behind:
            topics: dict[str, list[int]] = {}
            for topic, partition in sorted(behind):
                topics.setdefault(topic, []).append(partition)
            by_leader: dict[int, dict[str, list[int]]] = {}
            if len(self._admin.cluster.brokers) == 1:
                by_leader[self._admin.cluster.brokers[0].id] = topics
            else:
                for topic, partitions in topics.items():
                    leaders = self._admin.leaders(topic)
                    for partition in partitions:
                        if partition in leaders:
                            mine = by_leader.setdefault(leaders[partition], {})
                            mine.setdefault(topic, []).append(partition)
            behind = set()
            for leader, mine in by_leader.items():
                behind |= self._fetch(leader, mine)

    def _fetch(self, leader: int, topics: dict[str, list[int]]) -> set[tuple[str, int]]:
        topic_type = FetchRequest.FetchTopic
        answer = self._admin.call(
            FetchRequest(
                version=11,
                replica_id=-1,
                max_wait_ms=0,
                min_bytes=0,
                max_bytes=50 << 20,
                isolation_level=0,
                session_id=0,
                session_epoch=-1,
                topics=[
                    topic_type(
                        topic=topic,
                        partitions=[
                            topic_type.FetchPartition(
                                partition=p,
                                current_leader_epoch=-1,
                                fetch_offset=self.logs[(topic, p)].next,
                                log_start_offset=-1,
                                partition_max_bytes=10 << 20,
                            )
                            for p in partitions
                        ],
                    )
                    for topic, partitions in topics.items()
                ],
                forgotten_topics_data=[],
                rack_id="",
            ),
            FetchResponse,
            leader,
        )
        more = set()
        for t in answer.responses:
            for p in t.partitions:
                if p.error_code in _PASSING:
                    continue  # a leader is being elected: the next refresh reads it
                if p.error_code:
                    raise AdminError(f"reading {t.topic}-{p.partition_index}: error {p.error_code}")
                log = self.logs[(t.topic, p.partition_index)]
                log.high_watermark = int(p.high_watermark)
                before = log.next
                records = MemoryRecords(bytes(p.records or b""))
                while records.has_next():
                    log._batch(records.next_batch())
                if log.read_back is not None:
                    log.read_back.flush()
                if log.next < log.high_watermark and log.next > before:
                    more.add((t.topic, p.partition_index))
        return more

    def topic(self, topic: str) -> list[PartitionLog]:
        return [log for (name, _), log in self.logs.items() if name == topic]

    def visible(self, topic: str) -> list[Record]:
        """What a read_committed consumer of the topic has been given, by partition."""
        return [r for log in self.topic(topic) for r in log.visible()]

    def entries(self, topic: str) -> list[Entry]:
        return [e for log in self.topic(topic) for e in log.entries]
