"""Hands orders over to the courier. It works as long as nothing ever goes wrong.

TODO: retry by way of retry topics, give up into the dead letter queue, and get orders back out.
The brief is in README.md; `kafka-lab check` says how far you are.
"""

import os
import signal
import sys
import urllib.error
import urllib.request

from confluent_kafka import Consumer

from kafka_settings import client_settings

running = True


def stop(signum, frame):
    global running
    running = False


def hand_over(message) -> None:
    """Tell the courier about one order."""
    key = message.key().decode()
    request = urllib.request.Request(
        f"{os.environ['COURIER_URL']}/shipments/{key}",
        data=message.value(),
        method="DELETE" if message.value() is None else "PUT",
    )
    place = f"{message.topic()}/{message.partition()}/{message.offset()}"
    request.add_header("Idempotency-Key", place)
    # TODO: how long does this wait? And is the place still the right one in a retry topic?
    urllib.request.urlopen(request)


def work() -> int:
    # TODO: serve the metric on METRICS_PORT.
    consumer = Consumer(
        client_settings()
        | {
            "group.id": os.environ["GROUP_ID"],
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    # TODO: the retry topics, too.
    consumer.subscribe([os.environ["ORDERS_TOPIC"]])
    while running:
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            print(f"reading failed: {message.error()}", file=sys.stderr)
            continue
        try:
            hand_over(message)
        except (OSError, AttributeError) as problem:
            # TODO: this order is lost now. Which problems pass, and which never will?
            print(f"the courier did not take it: {problem}", file=sys.stderr)
        consumer.commit(message, asynchronous=False)
    consumer.close()
    return 0


def main() -> int:
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    mode = os.environ.get("MODE", "work")
    if mode == "work":
        return work()
    # TODO: the modes inspect and reprocess.
    print(f"MODE={mode} is not there yet", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
