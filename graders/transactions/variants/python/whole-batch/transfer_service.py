"""The transfer service: one transaction per batch.

A right program that is built otherwise than the solution. An invalid transfer spoils its whole
batch: abort, back to the committed offsets, then only as many records as were good, then the
invalid one alone. On any Kafka error the process ends, and a new one goes on.
"""

import json
import os
import signal
import sys
import threading

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from kafka_settings import client_settings

BATCH = 100
stopping = threading.Event()


def problem_with(value: bytes | None) -> str | None:
    """Why a transfer is invalid; ``None`` if it is valid."""
    try:
        transfer = json.loads(value) if value else None
    except (json.JSONDecodeError, UnicodeDecodeError):
        return "not JSON"
    match transfer:
        case {"id": str(name), "from": str(source), "to": str(target), "amount": int(cents)}:
            if not (name and source and target):
                return "empty text"
            if source == target:
                return "from and to are the same"
            if isinstance(cents, bool) or cents not in range(1, 10**9 + 1):
                return "amount out of range"
            return None
    return "not a transfer"


class Batches:
    def __init__(self, consumer: Consumer, producer: Producer) -> None:
        self.consumer = consumer
        self.producer = producer
        self.limit = BATCH

    def run(self) -> None:
        self.producer.init_transactions(60)
        self.consumer.subscribe([os.environ["TRANSFERS_TOPIC"]])
        while not stopping.is_set():
            batch = self.consumer.consume(self.limit, 0.1)
            for message in batch:
                if message.error() and message.error().code() != KafkaError._PARTITION_EOF:
                    # Transport troubles mend themselves inside the client.
                    if message.error().fatal() or not message.error().retriable():
                        print(message.error(), file=sys.stderr)
            batch = [message for message in batch if not message.error()]
            if batch:
                self.handle(batch)

    def handle(self, batch: list[Message]) -> None:
        self.producer.begin_transaction()
        for good, message in enumerate(batch):
            problem = problem_with(message.value())
            if problem is None:
                self.book(json.loads(message.value()))
                continue
            self.producer.abort_transaction()
            if good == 0:
                self.reject(message, problem)
            self.limit = good or BATCH
            self.rewind()
            return
        self.commit(batch)
        self.limit = BATCH

    def book(self, transfer: dict) -> None:
        for topic, account in (("CREDITS_TOPIC", "to"), ("DEBITS_TOPIC", "from")):
            name = transfer[account]
            value = {"amount": transfer["amount"], "account": name, "transfer_id": transfer["id"]}
            self.producer.produce(
                os.environ[topic], key=name, value=json.dumps(value, ensure_ascii=False)
            )

    def reject(self, message: Message, problem: str) -> None:
        self.producer.begin_transaction()
        self.producer.produce(
            os.environ["REJECTS_TOPIC"],
            key=message.key(),
            value=message.value(),
            headers=[("reason", problem.encode()), ("offset", str(message.offset()).encode())],
        )
        self.commit([message])

    def commit(self, batch: list[Message]) -> None:
        behind = {(m.topic(), m.partition()): m.offset() + 1 for m in batch}
        self.producer.send_offsets_to_transaction(
            [TopicPartition(*place, offset) for place, offset in behind.items()],
            self.consumer.consumer_group_metadata(),
        )
        while True:
            try:
                return self.producer.commit_transaction(5)
            except KafkaException as problem:
                if not problem.args[0].retriable():
                    raise

    def rewind(self) -> None:
        for place in self.consumer.committed(self.consumer.assignment(), 30):
            place.offset = place.offset if place.offset >= 0 else OFFSET_BEGINNING
            self.consumer.seek(place)


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    consumer = Consumer(
        client_settings()
        | {
            "group.id": os.environ["GROUP_ID"],
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    producer = Producer(
        client_settings()
        | {"transactional.id": os.environ["TRANSACTIONAL_ID"] + "-0", "compression.type": "lz4"}
    )
    # Any KafkaException leaves main: a traceback, and exit code 1.
    Batches(consumer, producer).run()
    consumer.close()


if __name__ == "__main__":
    main()
