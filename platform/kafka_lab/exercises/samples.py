"""Sample records for ``run``: sent to a scratch cluster, and what comes out of it shown.

An exercise's folder, or the learner's own, may have ``samples/<topic>.jsonl``. A line is
``{"key": …, "value": …}``: text is sent as it is, ``null`` as no key or no value, anything else
as JSON. The topic is called as in ``scratch``: ``transfers`` for ``TRANSFERS_TOPIC``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition

from kafka_lab.clusters.base import Cluster
from kafka_lab.runtime.errors import UsageError

FOLDER = "samples"
PACE = 0.3
"""Seconds between two samples, so that one sees what becomes of each."""

Show = Callable[[str, str], None]
"""Called with the record's place (``debits-0@3``) and its key and value as text."""


@dataclass(frozen=True)
class Sample:
    """One record to send; ``None`` is no key, no value."""

    topic: str
    key: bytes | None
    value: bytes | None


def read_samples(folders: Iterable[Path], topics: Collection[str]) -> list[Sample]:
    """The samples of the first of ``folders`` that has any.

    Raises:
        UsageError: naming the file and line that is wrong, or the topic that is not there.
    """
    for folder in folders:
        files = sorted((folder / FOLDER).glob("*.jsonl"))
        for path in files:
            if path.stem not in topics:
                raise UsageError(
                    f"{path}: there is no topic {path.stem}",
                    f"name the file after one of {', '.join(sorted(topics))}",
                )
        if files:
            return [sample for path in files for sample in _read(path)]
    return []


def _read(path: Path) -> Iterable[Sample]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            raw = json.loads(line)
        except ValueError:
            raw = None
        if not isinstance(raw, dict) or not raw.keys() <= {"key", "value"}:
            raise UsageError(
                f"{path}:{number} is no sample record",
                'write {"key": "alice", "value": {"amount": 1}}, one on a line',
            )
        yield Sample(path.stem, _bytes(raw.get("key")), _bytes(raw.get("value")))


def _bytes(part: Any) -> bytes | None:
    if part is None:
        return None
    return (part if isinstance(part, str) else json.dumps(part)).encode()


class Traffic:
    """Sends the samples and shows each record of the topics, as a read_committed reader sees it.

    On threads of its own, between ``start`` and ``stop``.
    """

    def __init__(
        self, cluster: Cluster, topics: dict[str, int], samples: list[Sample], show: Show
    ) -> None:
        """``topics``: name → number of partitions."""
        self._config = cluster.harness_client_config() | {"log_level": "0"}
        self._topics = topics
        self._samples = samples
        self._show = show
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._feed, self._follow)
        ]

    def start(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def stop(self, timeout: float = 5.0) -> None:
        """Show what has arrived until now, then end."""
        self._over.set()
        for thread in self._threads:
            thread.join(timeout)

    def _feed(self) -> None:
        producer = Producer(self._config)
        for sample in self._samples:
            producer.produce(sample.topic, sample.value, sample.key)
            producer.flush(5)
            if self._over.wait(PACE):
                return

    def _follow(self) -> None:
        consumer = Consumer(
            self._config
            | {
                "group.id": "kafka-lab-run",  # required by librdkafka; nothing is committed
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 100,
            }
        )
        consumer.assign(
            [
                TopicPartition(topic, partition, OFFSET_BEGINNING)
                for topic, count in self._topics.items()
                for partition in range(count)
            ]
        )
        while True:
            last_look = self._over.is_set()
            batch = [m for m in consumer.consume(100, 0.5 if last_look else 0.2) if not m.error()]
            for message in batch:
                self._show(
                    f"{message.topic()}-{message.partition()}@{message.offset()}", _text(message)
                )
            if last_look and not batch:
                break
        consumer.close()


def _text(message: Message) -> str:
    def said(part: str | bytes | None) -> str:
        if part is None:
            return "(none)"
        return part.decode("utf-8", "backslashreplace") if isinstance(part, bytes) else part

    headers = message.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    tail = "".join(f"  [{name}: {said(value)}]" for name, value in pairs)
    return f"{said(message.key())}  {said(message.value())}{tail}"
