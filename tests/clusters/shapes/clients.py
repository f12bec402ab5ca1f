"""What a client sees of a cluster: small, real requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

QUICK = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100, "log_level": 0}


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for a condition; fail with its name after a deadline."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not seen in time"
        time.sleep(0.05)


def write(config: Mapping[str, Any], topic: str, *values: bytes, seconds: float = 20) -> None:
    """Write records and see every one acknowledged."""
    failed: list[str] = []

    def report(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failed.append(error.name())

    producer = Producer({**QUICK, **config, "message.timeout.ms": int(seconds * 1000)})
    for value in values:
        producer.produce(topic, value=value, on_delivery=report)
    assert producer.flush(seconds + 5) == 0
    assert not failed, ", ".join(failed)


def read(config: Mapping[str, Any], topic: str, count: int, partition: int = 0) -> list[bytes]:
    """The first records of a partition."""
    own = {"group.id": "reader", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    consumer = Consumer({**QUICK, **config, **own})
    consumer.assign([TopicPartition(topic, partition, 0)])
    found: list[bytes] = []

    def enough() -> bool:
        messages = consumer.consume(count, 0.2)
        found.extend(bytes(m.value() or b"") for m in messages if m.error() is None)
        return len(found) >= count

    try:
        until(enough)
    finally:
        consumer.close()
    return found


def refusal(config: Mapping[str, Any], seconds: float = 10) -> str:
    """The first error that a client is told when it asks the cluster for anything."""
    told: list[str] = []
    producer = Producer(
        {**QUICK, **config, "error_cb": lambda e: told.append(f"{e.name()} {e.str()}")}
    )
    end = time.monotonic() + seconds
    while not told and time.monotonic() < end:
        producer.poll(0.1)
    return told[0] if told else ""
