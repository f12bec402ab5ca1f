"""The scan service: scans become Avro events, everybody's events become JSON.

At least once: an input's offset is committed only when the cluster has acknowledged what came of
it. What cannot be understood goes, as it is, to the dead topic, and the next record is handled.
"""

import json
import os
import signal
import sys

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from kafka_settings import client_settings
from registry import Refused, Registry
from scan_codec import FULL_NAME, SCHEMA_TEXT, Codec, Invalid, parse_scan

SCANS = os.environ["SCANS_TOPIC"]
EVENTS = os.environ["EVENTS_TOPIC"]
JSON = os.environ["JSON_TOPIC"]
DEAD = os.environ["DEAD_TOPIC"]
# The topic may carry other types of records one day: so its name alone is no subject.
SUBJECT = f"{EVENTS}-{FULL_NAME}"


class ScanService:
    def __init__(self) -> None:
        self.running = True
        self.failed: list[str] = []
        registry = Registry(os.environ["SCHEMA_REGISTRY_URL"], lambda: self.running)
        self.codec = Codec(registry)
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
        registry = self.codec.registry
        if os.environ.get("REGISTER_SCHEMAS", "true") == "true":
            self.codec.schema_id = registry.register(SUBJECT, SCHEMA_TEXT)
        else:
            self.codec.schema_id = registry.look_up(SUBJECT, SCHEMA_TEXT)
        self.consumer.subscribe([SCANS, EVENTS])
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
        headers: list[tuple[str, bytes]] = []
        try:
            topic, key, value = self.outcome(message)
        except Invalid as reason:
            topic, key, value = DEAD, message.key(), message.value()
            headers = [("reason", str(reason).encode())]
        self.producer.produce(topic, value, key, headers=headers, on_delivery=self.delivered)
        self.producer.poll(0)

    def outcome(self, message: Message) -> tuple[str, bytes | None, bytes | None]:
        """What becomes of a record: topic, key, value. Raises Invalid."""
        value = message.value()
        if message.topic() == SCANS:
            scan = parse_scan(value)
            return EVENTS, scan["parcel"].encode(), self.codec.encode(scan)
        if value is None:  # a tombstone; an empty value is something else
            return JSON, message.key(), None
        fields = self.codec.decode(value)
        return JSON, message.key(), json.dumps(fields, ensure_ascii=False).encode()

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
    service = ScanService()

    def stop(signum: int, frame: object) -> None:
        service.running = False

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        service.run()
    except (KafkaException, RuntimeError, Refused) as problem:
        print(f"leaving, to be started again: {problem}", file=sys.stderr)
        return 1
    service.consumer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
