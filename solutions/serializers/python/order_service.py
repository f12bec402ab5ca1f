"""The order service: commands become events, events become canonical JSON.

At least once: an input's offset is committed only when the cluster has acknowledged what came of
it. What cannot be understood goes, as it is, to the dead topic, and the next record is handled.
"""

import os
import signal
import sys
import time
import uuid

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from kafka_settings import client_settings
from order_codec import DECODERS, ENCODERS, Invalid, parse_command

COMMANDS = os.environ["COMMANDS_TOPIC"]
PARTNER = os.environ["PARTNER_TOPIC"]
EVENTS = os.environ["EVENTS_TOPIC"]
JSON = os.environ["JSON_TOPIC"]
DEAD = os.environ["DEAD_TOPIC"]

Headers = list[tuple[str, bytes | None]]


def last(headers: Headers, name: str) -> bytes | None:
    """The value of the last header of that name; None if it is null or there is none."""
    return next((value for key, value in reversed(headers) if key == name), None)


def event_of(message: Message, headers: Headers) -> tuple[str, str, bytes, Headers]:
    """What becomes of a command: topic, key, value, headers. Raises Invalid."""
    encoding, order = parse_command(message.value())
    content_type, encode = ENCODERS[encoding]
    trace = last(headers, "trace-id") or uuid.uuid4().hex.encode()
    made: Headers = [
        ("content-type", content_type.encode()),
        ("schema-version", b"1"),
        ("trace-id", trace),
        ("produced-at", str(time.time_ns() // 1_000_000).encode()),
    ]
    return EVENTS, order.order_id, encode(order), made


def json_of(message: Message, headers: Headers) -> tuple[str, bytes | None, bytes | None, Headers]:
    """What becomes of an event: topic, key, value, headers. Raises Invalid."""
    if message.value() is None:  # a tombstone; an empty value is something else
        return JSON, message.key(), None, headers
    name = (last(headers, "content-type") or b"").decode("latin-1")
    decode = DECODERS.get(name.split(";")[0].strip(" \t").lower())
    if decode is None:
        raise Invalid(f"no known content-type: {name!r}")
    if not message.value():
        raise Invalid("the value is empty")
    # A list, not a dict: a name may occur more than once.
    kept = [(key, value) for key, value in headers if key != "content-type"]
    value = decode(message.value()).json()
    return JSON, message.key(), value, [*kept, ("content-type", b"application/json")]


class OrderService:
    def __init__(self) -> None:
        self.running = True
        self.failed: list[str] = []
        self.consumer = Consumer(
            client_settings()
            | {
                "group.id": os.environ["GROUP_ID"],
                "auto.offset.reset": "earliest",
                # Committed by hand, when the output is acknowledged.
                "enable.auto.commit": False,
            }
        )
        self.producer = Producer(
            client_settings() | {"enable.idempotence": True, "linger.ms": 0}
        )

    def run(self) -> None:
        self.consumer.subscribe([COMMANDS, PARTNER, EVENTS])
        while self.running:
            batch = [m for m in self.consumer.consume(100, 0.2) if self.usable(m)]
            if not batch:
                continue
            for message in batch:
                self.handle(message)
            self.producer.flush()
            if self.failed:
                # Nothing of this batch is committed: the next start begins with it again.
                raise RuntimeError(self.failed[0])
            self.commit(batch)

    def usable(self, message: Message) -> bool:
        problem = message.error()
        if problem is not None and problem.fatal():
            raise KafkaException(problem)
        return problem is None  # the client itself retries the others

    def handle(self, message: Message) -> None:
        headers = message.headers() or []
        make = event_of if message.topic() == COMMANDS else json_of
        try:
            topic, key, value, made = make(message, headers)
        except Invalid as reason:
            topic, key, value = DEAD, message.key(), message.value()
            made = [*headers, ("reason", str(reason).encode())]
        self.producer.produce(topic, value, key, headers=made, on_delivery=self.delivered)
        self.producer.poll(0)

    def delivered(self, problem: object, message: Message) -> None:
        if problem is not None:
            self.failed.append(f"writing to {message.topic()}: {problem}")

    def commit(self, batch: list[Message]) -> None:
        next_offsets = {(m.topic(), m.partition()): m.offset() + 1 for m in batch}
        self.consumer.commit(
            offsets=[TopicPartition(*place, offset) for place, offset in next_offsets.items()],
            asynchronous=False,
        )


def main() -> int:
    service = OrderService()

    def stop(signum: int, frame: object) -> None:
        service.running = False

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        service.run()
    except (KafkaException, RuntimeError) as problem:
        print(f"leaving, to be started again: {problem}", file=sys.stderr)
        return 1
    service.consumer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
