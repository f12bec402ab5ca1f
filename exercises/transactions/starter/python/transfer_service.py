"""The transfer service. It works as long as nothing ever goes wrong.

TODO: make it handle every transfer exactly once, whatever dies and whenever it dies.
The brief is in README.md; `kafka-lab check` says how far you are.
"""

import json
import os
import signal
import sys

from confluent_kafka import Consumer, Producer

from kafka_settings import client_settings

TRANSFERS = os.environ["TRANSFERS_TOPIC"]
DEBITS = os.environ["DEBITS_TOPIC"]
CREDITS = os.environ["CREDITS_TOPIC"]
REJECTS = os.environ["REJECTS_TOPIC"]

running = True


def stop(signum, frame):
    global running
    running = False


def is_valid(transfer) -> bool:
    # TODO: the brief has more rules than this.
    accounts = isinstance(transfer["from"], str) and isinstance(transfer["to"], str)
    return accounts and transfer["amount"] > 0 and transfer["from"] != transfer["to"]


def main() -> int:
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    consumer = Consumer(
        client_settings()
        | {
            "group.id": os.environ["GROUP_ID"],
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    # TODO: a producer with a transactional.id.
    producer = Producer(client_settings())
    consumer.subscribe([TRANSFERS])

    while running:
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            print(f"reading failed: {message.error()}", file=sys.stderr)
            continue
        try:
            transfer = json.loads(message.value())
            valid = is_valid(transfer)
        except (TypeError, ValueError, KeyError):
            valid = False
        if valid:
            # What if the service dies between these two?
            debit = {"transfer_id": transfer["id"], "account": transfer["from"]}
            producer.produce(
                DEBITS, json.dumps(debit | {"amount": transfer["amount"]}), transfer["from"]
            )
            credit = {"transfer_id": transfer["id"], "account": transfer["to"]}
            producer.produce(
                CREDITS, json.dumps(credit | {"amount": transfer["amount"]}), transfer["to"]
            )
        else:
            producer.produce(
                REJECTS, message.value(), message.key(), headers={"reason": "not a valid transfer"}
            )
        producer.flush()
        # And what if it dies between the flush and this commit?
        consumer.commit(message, asynchronous=False)

    consumer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
