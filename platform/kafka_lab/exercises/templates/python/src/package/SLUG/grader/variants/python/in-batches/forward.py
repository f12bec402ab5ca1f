"""Forwards a whole batch, then commits where the batch ends."""

import os
import signal
import sys

from confluent_kafka import Consumer, Producer

SOURCE = os.environ["IN_TOPIC"]
TARGET = os.environ["OUT_TOPIC"]
SETTINGS = {
    "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
    "security.protocol": os.environ.get("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT"),
}
for variable, key in {
    "KAFKA_SASL_MECHANISM": "sasl.mechanism",
    "KAFKA_SASL_USERNAME": "sasl.username",
    "KAFKA_SASL_PASSWORD": "sasl.password",
}.items():
    if variable in os.environ:
        SETTINGS[key] = os.environ[variable]

running = True
failed = []


def delivered(error, message):
    if error is not None:
        failed.append(error)


def stop(signum, frame):
    global running
    running = False


def main() -> int:
    signal.signal(signal.SIGTERM, stop)
    consumer = Consumer(
        SETTINGS
        | {
            "group.id": os.environ["GROUP_ID"],
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    producer = Producer(SETTINGS)
    consumer.subscribe([SOURCE])
    while running:
        batch = [m for m in consumer.consume(100, 0.2) if not m.error()]
        for message in batch:
            producer.produce(TARGET, message.value(), message.key(), on_delivery=delivered)
        producer.flush()
        if failed:
            return 1
        if batch:
            consumer.commit(asynchronous=False)
    consumer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
