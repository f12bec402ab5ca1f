"""Copies records by a partitioning strategy, or works on them. It runs; it is not right yet.

TODO: the four strategies, and a worker that is parallel yet in order.
The brief is in README.md; `kafka-lab check` says how far you are.
"""

import json
import os
import signal
import sys
import time

from confluent_kafka import Consumer, Producer

from kafka_settings import client_settings

MODE = os.environ["MODE"]
INPUT = os.environ["INPUT_TOPIC"]
OUTPUT = os.environ["OUTPUT_TOPIC"]

running = True


def stop(signum, frame):
    global running
    running = False


def main() -> int:
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    consumer = Consumer(
        client_settings()
        | {
            "group.id": os.environ["GROUP_ID"],
            "auto.offset.reset": "earliest",
            # TODO: when may an offset be committed?
            "enable.auto.commit": True,
        }
    )
    producer = Producer(client_settings())
    # TODO: what is to happen when partitions are taken away?
    consumer.subscribe([INPUT])

    while running:
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            print(f"reading failed: {message.error()}", file=sys.stderr)
            continue
        if MODE == "work":
            # TODO: one record after another is too slow.
            time.sleep(json.loads(message.value())["work_ms"] / 1000)
        # TODO: the partition, by os.environ["STRATEGY"]; and LINGER_MS.
        producer.produce(OUTPUT, message.value(), message.key())
        producer.poll(0)

    producer.flush(5)
    consumer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
