"""The scan service. It writes Avro that nobody else can read, and reads only its own.

TODO: make it do what the brief in README.md says; `kafka-lab check` says how far you are.
"""

import io
import json
import os
import signal
import sys
from pathlib import Path

import fastavro
from confluent_kafka import Consumer, Producer

from kafka_settings import client_settings

SCANS = os.environ["SCANS_TOPIC"]
EVENTS = os.environ["EVENTS_TOPIC"]
JSON = os.environ["JSON_TOPIC"]
DEAD = os.environ["DEAD_TOPIC"]
REGISTRY = os.environ["SCHEMA_REGISTRY_URL"]
REGISTER = os.environ.get("REGISTER_SCHEMAS", "true") == "true"

SCHEMA = fastavro.parse_schema(
    json.loads(Path(__file__).with_name("parcel_scan.avsc").read_text("utf-8"))
)

running = True


def stop(signum, frame):
    global running
    running = False


def encode(scan: dict) -> bytes:
    # TODO: a reader has to know which schema this was written with: magic byte and id, from the
    # registry. Ask it once, not for each record.
    out = io.BytesIO()
    fastavro.schemaless_writer(out, SCHEMA, scan)
    return out.getvalue()


def decode(value: bytes) -> dict:
    # TODO: others write with other schemas. Which, the first five bytes say.
    return fastavro.schemaless_reader(io.BytesIO(value), SCHEMA, SCHEMA)


def main() -> int:
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    consumer = Consumer(
        client_settings()
        | {
            "group.id": os.environ["GROUP_ID"],
            "auto.offset.reset": "earliest",
            # TODO: by default offsets are committed by a timer, whatever became of the records.
        }
    )
    producer = Producer(client_settings())
    consumer.subscribe([SCANS, EVENTS])

    while running:
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            print(f"reading failed: {message.error()}", file=sys.stderr)
            continue
        if message.topic() == SCANS:
            # TODO: a scan that is no scan goes to DEAD.
            scan = json.loads(message.value())
            producer.produce(EVENTS, encode(scan), scan["parcel"])
        else:
            # TODO: tombstones; what cannot be decoded goes to DEAD.
            producer.produce(JSON, json.dumps(decode(message.value())), message.key())
        producer.flush()

    consumer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
