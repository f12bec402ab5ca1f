"""What is measured. Each function returns seconds, or a rate, of one run."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

QUICK = {
    "reconnect.backoff.ms": 10,
    "reconnect.backoff.max.ms": 50,
    "retry.backoff.ms": 10,
    "log_level": 0,
    "allow.auto.create.topics": False,
}


def first_group_record(config: Mapping[str, str], began: float) -> float:
    """Seconds from ``began`` until a group's consumer was given a record that was just written."""
    topic = f"bench-{uuid.uuid4().hex[:8]}"
    common = {**config, **QUICK}
    plain = {k: v for k, v in common.items() if k != "allow.auto.create.topics"}
    admin = AdminClient(plain)
    end = time.monotonic() + 60
    while True:
        try:
            future = admin.create_topics([NewTopic(topic, 1, 1)], request_timeout=2)[topic]
            future.result(5)
            break
        except KafkaException:
            if time.monotonic() > end:
                raise
    producer = Producer({**plain, "linger.ms": 0})
    producer.produce(topic, b"first")
    producer.flush(20)
    consumer = Consumer({**common, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    try:
        while time.monotonic() < end:
            message = consumer.poll(0.05)
            if message is not None and message.error() is None:
                return time.monotonic() - began
    finally:
        consumer.close()
    raise TimeoutError("no record within a minute")


def throughput(config: Mapping[str, str], topic: str, megabytes: int = 120) -> float:
    """MB/s of 500-byte records, acknowledged by all replicas."""
    producer = Producer(
        {**config, "linger.ms": 5, "batch.size": 1 << 20, "queue.buffering.max.messages": 1 << 20}
    )
    value = b"x" * 500
    count = megabytes * 2000
    began = time.monotonic()
    for i in range(count):
        while True:
            try:
                producer.produce(topic, value, partition=i % 4)
                break
            except BufferError:
                producer.poll(0.01)
    producer.flush(120)
    return count * 500 / 1e6 / (time.monotonic() - began)


def round_trip(config: Mapping[str, str], topic: str, count: int = 400) -> float:
    """Median milliseconds of one record written and acknowledged by all replicas."""
    producer = Producer({**config, "linger.ms": 0})
    times = []
    for _ in range(count):
        began = time.perf_counter()
        producer.produce(topic, b"x" * 100, partition=0)
        producer.flush(10)
        times.append((time.perf_counter() - began) * 1000)
    return sorted(times)[count // 2]
