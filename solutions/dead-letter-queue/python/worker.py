"""The service: hands orders over, retries by way of retry topics, gives up into the queue."""

from __future__ import annotations

import os
import signal
import sys
import time

import metrics
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from courier import Failure, hand_over
from kafka_settings import client_settings
from letters import Headers, Journey, journey, own_headers

ORDERS = os.environ.get("ORDERS_TOPIC", "")
DEAD_LETTERS = os.environ.get("DEAD_LETTERS_TOPIC", "")
# (topic, milliseconds) of the first and second retry.
RETRIES = [
    (os.environ.get(f"RETRY_{n}_TOPIC", ""), int(os.environ.get(f"RETRY_{n}_DELAY_MS") or 1000))
    for n in (1, 2)
]


def now() -> int:
    return time.time_ns() // 1_000_000


class Worker:
    def __init__(self) -> None:
        self.running = True
        self.waiting: dict[tuple[str, int], int] = {}
        """Paused partitions of retry topics, and when the next record of each is due."""
        self.consumer = Consumer(
            client_settings()
            | {
                "group.id": os.environ["GROUP_ID"],
                # Committed by hand, behind what was really done.
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
            }
        )
        self.producer = Producer(client_settings() | {"acks": "all", "linger.ms": 0})

    def run(self) -> None:
        topics = [ORDERS, *(topic for topic, _ in RETRIES)]
        self.consumer.subscribe(topics, on_revoke=self.forget, on_lost=self.forget)
        while self.running:
            self.wake()
            message = self.consumer.poll(0.1)
            if message is None:
                continue
            if message.error():
                # The client itself retries; only a fatal error is ours to act on.
                if message.error().fatal():
                    raise KafkaException(message.error())
                continue
            travelled = journey(message)
            if travelled.due > now():
                self.wait(message, travelled.due)
                continue
            self.handle(message, travelled)
            self.commit(message)

    # -- waiting without standing still ---------------------------------------------------

    def wait(self, message: Message, due: int) -> None:
        """Take nothing more from this partition until its first record is due.

        Records of one retry topic have the same delay, so those behind are due later. The loop
        goes on polling: other partitions are served, and the group sees that we live.
        """
        place = TopicPartition(message.topic(), message.partition(), message.offset())
        self.consumer.pause([place])
        self.consumer.seek(place)  # it was read, and has to come again
        self.waiting[place.topic, place.partition] = due

    def wake(self) -> None:
        for (topic, partition), due in list(self.waiting.items()):
            if due <= now():
                del self.waiting[topic, partition]
                self.consumer.resume([TopicPartition(topic, partition)])

    def forget(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Partitions that are no longer ours wait with whoever has them now."""
        for place in partitions:
            self.waiting.pop((place.topic, place.partition), None)

    # -- one order ------------------------------------------------------------------------

    def handle(self, message: Message, travelled: Journey) -> None:
        """Returns when the order is with the courier, or its next place has acknowledged it."""
        try:
            hand_over(message.key(), message.value(), travelled.origin)
        except Failure as failure:
            travelled.attempts += failure.error != "no-key"
            headers = own_headers(message)
            if failure.permanent or travelled.attempts > len(RETRIES):
                print(f"{travelled.origin}: dead, {failure.error}", file=sys.stderr)
                self.write(DEAD_LETTERS, message, headers + travelled.dead_headers(failure.error))
                metrics.dead_letters += 1
            else:
                topic, delay = RETRIES[travelled.attempts - 1]
                self.write(topic, message, headers + travelled.retry_headers(now() + delay))

    def write(self, topic: str, message: Message, headers: Headers) -> None:
        """Write a record again somewhere else, and wait for the acknowledgement."""
        failed: list[object] = []
        self.producer.produce(
            topic,
            message.value(),
            message.key(),
            headers=headers,
            timestamp=message.timestamp()[1],
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
        self.producer.flush()
        if failed:
            raise KafkaException(failed[0])

    def commit(self, message: Message) -> None:
        try:
            self.consumer.commit(message, asynchronous=False)
        except KafkaException as problem:
            # Somebody else has the partition now and will do it again: at least once.
            print(f"not committed: {problem}", file=sys.stderr)


def work() -> int:
    worker = Worker()

    def stop(signum: int, frame: object) -> None:
        worker.running = False

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    metrics.serve()
    try:
        worker.run()
    except KafkaException as problem:
        print(f"giving up: {problem}", file=sys.stderr)
        return 1
    worker.consumer.close()
    return 0
