"""The commands: look into the dead letter queue, and put a selection of it back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

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
from letters import header, journey, own_headers

DEAD_LETTERS = os.environ.get("DEAD_LETTERS_TOPIC", "")
REPROCESSED = os.environ.get("REPROCESSED_TOPIC", "")
RETRY_1 = os.environ.get("RETRY_1_TOPIC", "")


def read_all(topic: str) -> Iterator[Message]:
    """Every record that is there now. No group is joined and nothing is committed."""
    consumer = Consumer(
        client_settings()
        | {
            "group.id": os.environ["GROUP_ID"] + "-tools",  # required; never used
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 100,
            "isolation.level": "read_committed",
        }
    )
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    left = set(partitions)
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in left])
    while left:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if not message.error():
            yield message
        elif message.error().code() == KafkaError._PARTITION_EOF:
            left.discard(message.partition())
        elif message.error().fatal():
            raise KafkaException(message.error())
    consumer.close()


def place(letter: Message) -> str:
    """What a dead letter is called in the notes: its own place, not where the order came from.

    An order that fails again after it was put back becomes a new letter.
    """
    return f"{letter.partition()}/{letter.offset()}"


def done() -> set[str]:
    return {(note.key() or b"").decode() for note in read_all(REPROCESSED)}


def selected() -> list[Message]:
    error, key = os.environ.get("SELECT_ERROR"), os.environ.get("SELECT_KEY")
    return [
        letter
        for letter in read_all(DEAD_LETTERS)
        if (not error or header(letter, "dlq-error") == error)
        and (not key or letter.key() == key.encode())
    ]


def inspect() -> int:
    put_back = done()
    for letter in selected():
        from_ = journey(letter)
        key = letter.key()
        print(
            json.dumps(
                {
                    "key": None if key is None else key.decode(),
                    "error": header(letter, "dlq-error"),
                    "attempts": from_.attempts,
                    "topic": from_.topic,
                    "partition": from_.partition,
                    "offset": from_.offset,
                    "reprocessed": place(letter) in put_back,
                }
            ),
            flush=True,
        )
    return 0


def reprocess() -> int:
    producer = Producer(
        client_settings() | {"transactional.id": os.environ["GROUP_ID"] + "-reprocess"}
    )
    # Ends what a predecessor left open, so what we read now is all that it did.
    producer.init_transactions()
    put_back = done()
    for letter in selected():
        if place(letter) in put_back:
            continue
        # The order and the note that it was put back: both or neither.
        producer.begin_transaction()
        again = journey(letter)
        again.attempts = 1
        producer.produce(
            RETRY_1,
            letter.value(),
            letter.key(),
            headers=own_headers(letter) + again.retry_headers(due=0),
            timestamp=letter.timestamp()[1],
        )
        producer.produce(REPROCESSED, b"put back", place(letter))
        producer.commit_transaction()
    return 0
