"""A right scan service built differently: with Confluent's serializer and registry client, which
register lazily and try again in their own way; record by record; whatever goes wrong, it leaves."""

import json
import os
import signal
import sys
from pathlib import Path

from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import (
    SchemaRegistryClient,
    SchemaRegistryError,
    topic_record_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

env = os.environ
base = {
    "bootstrap.servers": env["KAFKA_BOOTSTRAP_SERVERS"],
    "security.protocol": env["KAFKA_SECURITY_PROTOCOL"],
    "sasl.mechanism": env["KAFKA_SASL_MECHANISM"],
    "sasl.username": env["KAFKA_SASL_USERNAME"],
    "sasl.password": env["KAFKA_SASL_PASSWORD"],
}
schema = Path(__file__).with_name("parcel_scan.avsc").read_text("utf-8")
registry = SchemaRegistryClient({"url": env["SCHEMA_REGISTRY_URL"], "timeout": 3})
serializer = AvroSerializer(
    registry,
    schema,
    conf={
        "auto.register.schemas": env.get("REGISTER_SCHEMAS") != "false",
        "subject.name.strategy": topic_record_subject_name_strategy,
    },
)
deserializer = AvroDeserializer(registry, schema)
written = SerializationContext(env["EVENTS_TOPIC"], MessageField.VALUE)

stopping = False


def stop(*_):
    global stopping
    stopping = True


signal.signal(signal.SIGTERM, stop)


def whole(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def scan_of(raw):
    scan = json.loads(raw)
    scan.setdefault("note", None)
    scan.setdefault("handler", "unknown")
    if not (
        all(isinstance(scan[n], str) and scan[n] for n in ("parcel", "depot", "handler"))
        and whole(scan["scanned_at"])
        and whole(scan["grams"])
        and scan["status"] in ("ARRIVED", "DEPARTED", "LOST")
        and (scan["note"] is None or isinstance(scan["note"], str))
    ):
        raise ValueError("breaks a rule")
    return scan


def outcome(message):
    """Topic, key, value, headers."""
    raw = message.value()
    try:
        if message.topic() == env["SCANS_TOPIC"]:
            scan = scan_of(raw or b"")
        elif raw is None:
            return env["JSON_TOPIC"], message.key(), None, []
        else:
            context = SerializationContext(message.topic(), MessageField.VALUE)
            fields = deserializer(raw, context) if raw else None
            if fields is None:
                raise ValueError("empty")
            return env["JSON_TOPIC"], message.key(), json.dumps(fields).encode(), []
    except SchemaRegistryError as problem:
        if problem.http_status_code >= 500:
            raise
        why = problem
    except Exception as problem:
        if type(problem).__module__.startswith("httpx"):  # no answer, though it was asked again
            raise
        why = problem
    else:
        return env["EVENTS_TOPIC"], scan["parcel"].encode(), serializer(scan, written), []
    return env["DEAD_TOPIC"], message.key(), raw, [("reason", repr(why).encode())]


def delivered(problem, message):
    if problem is not None:
        print(problem, file=sys.stderr)
        os._exit(3)


producer = Producer({**base, "linger.ms": 0, "acks": "all"})
consumer = Consumer(
    {
        **base,
        "group.id": env["GROUP_ID"],
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
)
consumer.subscribe([env["EVENTS_TOPIC"], env["SCANS_TOPIC"]])
while not stopping:
    message = consumer.poll(0.1)
    if message is None or message.error():
        continue
    topic, key, value, headers = outcome(message)
    producer.produce(topic, value, key, headers=headers, on_delivery=delivered)
    producer.flush()
    consumer.commit(message=message, asynchronous=False)
consumer.close()
