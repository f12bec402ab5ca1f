"""What a log reader has read, for the event log: ranges of offsets, markers, some of the records.

The event ``read`` is written when a fetch brought something. Neighbours of one producer are
joined, so that it stays small however many records there are.
"""

from __future__ import annotations

from typing import Any

from kafka_lab.api import Record
from kafka_lab.runtime.events import EventLog

SHOWN = 500
"""Records of a partition whose beginning is written down, for people to look at."""
CLIP = 80
"""Characters of a key or value that are written down."""


class ReadBack:
    """Collects one partition's records and markers until ``flush`` writes them."""

    def __init__(self, log: EventLog, topic: str, partition: int) -> None:
        self._log = log
        self._topic, self._partition = topic, partition
        self._ranges: list[list[int]] = []
        self._markers: list[list[int]] = []
        self._shown: list[list[Any]] = []
        self._left = SHOWN

    def record(self, record: Record) -> None:
        """One record, in the order of offsets."""
        kind = [record.producer_id, record.producer_epoch, int(record.transactional)]
        last = self._ranges[-1] if self._ranges else None
        if last is not None and last[1] == record.offset - 1 and last[3:] == kind:
            last[1] = record.offset
        else:
            self._ranges.append([record.offset, record.offset, record.timestamp, *kind])
        if self._left > 0:
            self._left -= 1
            self._shown.append([record.offset, _text(record.key), _text(record.value)])

    def marker(self, offset: int, producer_id: int, committed: bool) -> None:
        """The end of a transaction of this producer (Kafka protocol, "Control Batches")."""
        self._markers.append([offset, producer_id, int(committed)])

    def flush(self) -> None:
        """Write what came since the last time, if anything did."""
        if not self._ranges and not self._markers:
            return
        self._log.write(
            "read",
            topic=self._topic,
            partition=self._partition,
            ranges=self._ranges,
            markers=self._markers,
            shown=self._shown,
        )
        self._ranges, self._markers, self._shown = [], [], []


def _text(data: bytes | None) -> str | None:
    """The beginning of a key or value; ``None`` is Kafka's null. Bytes are written out."""
    if data is None:
        return None
    text = data[: 4 * CLIP].decode("utf-8", "backslashreplace")
    return text if len(text) <= CLIP else text[:CLIP] + "…"
