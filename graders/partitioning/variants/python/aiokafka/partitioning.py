"""The same on asyncio, with aiokafka: a task for each key instead of threads.

A right program on another client library. The library hashes keys by itself (its default partitioner
is Java's murmur2), so only what is not its default names a partition.
"""

import asyncio
import json
import os
import random
import signal
import ssl
import sys
import time
from collections import deque

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition

INPUT = os.environ["INPUT_TOPIC"]
OUTPUT = os.environ["OUTPUT_TOPIC"]


def connection() -> dict:
    protocol = os.environ.get("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")
    settings = {
        "bootstrap_servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        "security_protocol": protocol,
        "metadata_max_age_ms": 1000,
    }
    if "SASL" in protocol:
        settings |= {
            "sasl_mechanism": os.environ["KAFKA_SASL_MECHANISM"],
            "sasl_plain_username": os.environ["KAFKA_SASL_USERNAME"],
            "sasl_plain_password": os.environ["KAFKA_SASL_PASSWORD"],
        }
    if "SSL" in protocol:
        settings["ssl_context"] = ssl.create_default_context(
            cafile=os.environ.get("KAFKA_SSL_CA_LOCATION")
        )
    return settings


class Partitioner:
    """aiokafka asks it with the key and the partitions that it knows of, each time."""

    def __init__(self) -> None:
        self.strategy = os.environ.get("STRATEGY", "hash")
        names = os.environ.get("RESERVED_TENANTS", "")
        reserved = names.split(",") if self.strategy == "tenant" else []
        self.reserved = [name.encode() for name in reserved]
        self.turn = -1
        self.until = 0.0

    def __call__(self, key, all_partitions, available):
        places = sorted(all_partitions)
        if self.strategy == "round-robin":
            self.turn += 1
            return places[self.turn % len(places)]
        if self.strategy == "sticky":
            if time.monotonic() > self.until:
                self.turn = random.choice([n for n in places if n != self.turn])
                self.until = time.monotonic() + int(os.environ["LINGER_MS"]) / 1000
            return self.turn
        if key is not None and (tenant := key.partition(b":")[0]) in self.reserved:
            return self.reserved.index(tenant)
        places = places[len(self.reserved) :]
        if key is None:
            return random.choice(places)
        from aiokafka.partitioner import murmur2

        return places[(murmur2(key) & 0x7FFFFFFF) % len(places)]


class Worker(ConsumerRebalanceListener):
    def __init__(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer) -> None:
        self.consumer = consumer
        self.producer = producer
        self.lines: dict[tuple[TopicPartition, bytes], deque] = {}
        self.tasks: dict[tuple[TopicPartition, bytes], asyncio.Task] = {}
        self.open: dict[TopicPartition, set[int]] = {}
        self.top: dict[TopicPartition, int] = {}
        self.stopping: set[TopicPartition] = set()

    def take(self, place: TopicPartition, record) -> None:
        self.open.setdefault(place, set()).add(record.offset)
        self.top[place] = record.offset + 1
        line = (place, record.key)
        self.lines.setdefault(line, deque()).append(record)
        if line not in self.tasks:
            self.tasks[line] = asyncio.create_task(self.serve(line))

    async def serve(self, line) -> None:
        place, records = line[0], self.lines[line]
        while records and place not in self.stopping:
            record = records.popleft()
            await asyncio.sleep(json.loads(record.value)["work_ms"] / 1000)
            await self.producer.send_and_wait(OUTPUT, record.value, record.key)
            self.open[place].discard(record.offset)
        del self.tasks[line], self.lines[line]

    async def commit(self) -> None:
        mine = self.consumer.assignment()
        offsets = {
            place: min(self.open[place], default=top)
            for place, top in self.top.items()
            if place in mine
        }
        if offsets:
            await self.consumer.commit(offsets)

    async def on_partitions_revoked(self, revoked) -> None:
        self.stopping |= set(revoked)
        busy = [task for (place, _), task in self.tasks.items() if place in self.stopping]
        await asyncio.gather(*busy)
        await self.commit()
        for place in revoked:
            self.open.pop(place, None)
            self.top.pop(place, None)

    async def on_partitions_assigned(self, assigned) -> None:
        self.stopping -= set(assigned)


async def run() -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    producer = AIOKafkaProducer(
        **connection(),
        enable_idempotence=True,
        linger_ms=int(os.environ["LINGER_MS"]),
        partitioner=Partitioner(),
    )
    consumer = AIOKafkaConsumer(
        **connection(),
        group_id=os.environ["GROUP_ID"],
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await producer.start()
    worker = Worker(consumer, producer)
    working = os.environ["MODE"] == "work"
    consumer.subscribe([INPUT], listener=worker if working else None)
    await consumer.start()
    sent: set = set()
    sent_any = False
    while not stopping.is_set():
        for place, records in (await consumer.getmany(timeout_ms=100, max_records=200)).items():
            for record in records:
                if working:
                    worker.take(place, record)
                else:
                    future = await producer.send(OUTPUT, record.value, record.key)
                    sent.add(future)
                    sent_any = True
                    future.add_done_callback(sent.discard)
        for line, task in list(worker.tasks.items()):
            if task.done():
                task.result()
        if working:
            await worker.commit()
    if working:
        await worker.on_partitions_revoked(consumer.assignment())
    await producer.stop()  # what is still under way is written first
    if sent_any and not working:
        await consumer.commit()
    await consumer.stop()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(run()))
