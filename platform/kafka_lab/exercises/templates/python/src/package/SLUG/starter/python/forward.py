"""Forwards records. TODO: it only reads them so far.

The brief is in README.md; `kafka-lab check` says how far you are.
"""

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
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            print(f"reading failed: {message.error()}", file=sys.stderr)
            continue
        # TODO: forward the record, and say when it is done.
        print(f"read {message.topic()} {message.partition()} {message.offset()}")
    producer.flush()
    consumer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
