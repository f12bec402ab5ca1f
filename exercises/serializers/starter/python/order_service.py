"""The order service. It knows one of three encodings, and trusts whatever arrives.

TODO: make it do what the brief in README.md says; `kafka-lab check` says how far you are.
"""

import json
import os
import signal
import sys

from confluent_kafka import Consumer, Producer

from kafka_settings import client_settings
from order_event_pb2 import OrderEvent, Status

COMMANDS = os.environ["COMMANDS_TOPIC"]
PARTNER = os.environ["PARTNER_TOPIC"]
EVENTS = os.environ["EVENTS_TOPIC"]
JSON = os.environ["JSON_TOPIC"]
DEAD = os.environ["DEAD_TOPIC"]

running = True


def stop(signum, frame):
    global running
    running = False


def encode(command: dict) -> bytes:
    # TODO: command["encoding"] may also ask for avro (order_event.avsc) and binary.
    event = OrderEvent(
        order_id=command["order_id"],
        customer=command["customer"],
        status=Status.Value(command["status"]),
        amount_cents=int(float(command["amount"]) * 100),  # TODO: money is never a float
        currency=command["currency"],
        occurred_at=command["occurred_at"],
    )
    return event.SerializeToString()


def decode(value: bytes) -> dict:
    # TODO: which encoding it is, the header content-type says. And what if it cannot be decoded?
    event = OrderEvent.FromString(value)
    return {"order_id": event.order_id, "customer": event.customer, "amount": event.amount_cents}


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
    consumer.subscribe([COMMANDS, PARTNER, EVENTS])

    while running:
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            print(f"reading failed: {message.error()}", file=sys.stderr)
            continue
        if message.topic() == COMMANDS:
            # TODO: headers.
            command = json.loads(message.value())
            producer.produce(EVENTS, encode(command), command["order_id"])
        else:
            # TODO: canonical JSON, tombstones; what cannot be understood goes to DEAD.
            producer.produce(JSON, json.dumps(decode(message.value())), message.key())
        producer.flush()

    consumer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
