"""Copies records by a chosen partitioning strategy, or works on them in parallel yet in order."""

import json
import os
import signal
import sys
import time

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from kafka_settings import client_settings
from murmur2 import murmur2, positive
from strategies import choose
from worker import Partition, Workers

INPUT = os.environ["INPUT_TOPIC"]
OUTPUT = os.environ["OUTPUT_TOPIC"]
MOST_WAITING = 500
"""Records in memory; above it the consumer is paused, but still polled."""


class Program:
    def __init__(self) -> None:
        self.running = True
        self.failure: str | None = None
        self.consumer = Consumer(
            client_settings()
            | {
                "group.id": os.environ["GROUP_ID"],
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
        )
        self.producer = Producer(
            client_settings()
            | {
                # A write that is tried again is neither doubled nor overtaken by the next.
                "enable.idempotence": True,
                "linger.ms": os.environ["LINGER_MS"],
            }
        )
        self.count = 0
        self.counted = 0.0

    def partitions(self) -> int:
        """How many the output topic has; asked again every two seconds, since it may grow."""
        if time.monotonic() - self.counted > 2:
            self.counted = time.monotonic()
            try:
                found = self.producer.list_topics(OUTPUT, timeout=10).topics[OUTPUT]
                self.count = len(found.partitions) or self.count
            except KafkaException:
                if not self.count:  # a connection may break: what is known will do till next time
                    raise
        return self.count

    def poll(self, seconds: float) -> Message | None:
        if self.failure:
            raise SystemExit(f"a record could not be written: {self.failure}")
        message = self.consumer.poll(seconds)
        if message is not None and message.error():
            if message.error().fatal():
                raise KafkaException(message.error())
            return None
        return message

    # -- produce --------------------------------------------------------------------------

    def produce(self, strategy) -> None:
        self.consumer.subscribe([INPUT])
        read: list[TopicPartition] = []
        while self.running:
            message = self.poll(0.02)
            self.producer.poll(0)
            if message is None:
                continue
            read = [TopicPartition(INPUT, message.partition())]  # the only one there is
            partition = strategy.partition(message.key(), self.partitions())
            self.send(message, partition, self.written)
        if self.producer.flush(5) == 0 and not self.failure and read:
            # All that was read is written: the next start goes on behind it.
            self.consumer.commit(offsets=self.consumer.position(read), asynchronous=False)
        self.consumer.close()

    def written(self, error, message) -> None:
        if error is not None:
            self.failure = str(error)

    def send(self, message: Message, partition: int, done) -> None:
        while True:
            try:
                self.producer.produce(
                    OUTPUT, message.value(), message.key(), partition, on_delivery=done
                )
                return
            except BufferError:  # the client's queue is full
                self.producer.poll(0.1)

    # -- work -----------------------------------------------------------------------------

    def work(self) -> None:
        self.owned: dict[int, Partition] = {}
        self.workers = Workers(self.handle)
        self.partitions()
        self.consumer.subscribe(
            [INPUT], on_assign=self.assigned, on_revoke=self.revoked, on_lost=self.lost
        )
        committed = time.monotonic()
        paused = False
        while self.running:
            message = self.poll(0.02)
            self.producer.poll(0)
            if self.workers.problem:
                raise self.workers.problem
            if message is not None and message.partition() in self.owned:
                partition = self.owned[message.partition()]
                partition.take(message.offset())
                self.workers.add(partition, message)
            if paused != (self.workers.backlog > MOST_WAITING):
                paused = not paused
                (self.consumer.pause if paused else self.consumer.resume)(
                    self.consumer.assignment()
                )
            if time.monotonic() - committed > 0.2:
                self.commit(list(self.owned))
                committed = time.monotonic()
        self.give_up(list(self.owned))
        self.consumer.close()

    def handle(self, partition: Partition, message: Message) -> None:
        """On a worker's thread."""
        time.sleep(json.loads(message.value())["work_ms"] / 1000)  # stands for the work

        def done(error, _) -> None:
            if error is not None:
                self.failure = str(error)
            else:
                # Finished is what the cluster has acknowledged, not what was handed to a client.
                partition.finish(message.offset())

        self.send(message, positive(murmur2(message.key())) % self.count, done)

    def assigned(self, consumer, places) -> None:
        for place in places:
            self.owned[place.partition] = Partition()

    def revoked(self, consumer, places) -> None:
        # Until this returns, nobody else gets the partitions: the last chance to finish and commit.
        self.give_up([place.partition for place in places])

    def lost(self, consumer, places) -> None:
        # Somebody else has them already: nothing may be committed any more.
        for place in places:
            self.workers.drain([self.owned.pop(place.partition)], 0)

    def give_up(self, numbers: list[int]) -> None:
        self.workers.drain([self.owned[n] for n in numbers if n in self.owned], 7)
        self.producer.flush(5)
        self.commit(numbers)
        for number in numbers:
            self.owned.pop(number, None)

    def commit(self, numbers: list[int]) -> None:
        places = []
        for number in numbers:
            partition = self.owned.get(number)
            if partition is None:
                continue
            offset = partition.committable()
            if offset > partition.committed:
                partition.committed = offset
                places.append(TopicPartition(INPUT, number, offset))
        if places:
            self.consumer.commit(offsets=places, asynchronous=False)


def main() -> int:
    program = Program()

    def stop(signum: int, frame: object) -> None:
        program.running = False

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        if os.environ["MODE"] == "work":
            program.work()
        else:
            program.produce(choose(os.environ["STRATEGY"]))
    except KafkaException as problem:
        print(f"giving up: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
