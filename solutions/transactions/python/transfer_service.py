"""The transfer service: one transaction per transfer.

Everything that one transfer causes (debit, credit, consumed offset) is in one transaction, so a
reader sees all of it or nothing, and a restart goes on exactly behind what readers see.
"""

import json
import os
import signal
import sys

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from kafka_settings import client_settings

TRANSFERS = os.environ["TRANSFERS_TOPIC"]
DEBITS = os.environ["DEBITS_TOPIC"]
CREDITS = os.environ["CREDITS_TOPIC"]
REJECTS = os.environ["REJECTS_TOPIC"]
LARGEST_AMOUNT = 1_000_000_000


class InvalidTransfer(Exception):
    """The transfer breaks a rule of the brief."""


class TransferService:
    def __init__(self) -> None:
        self.running = True
        self.consumer = Consumer(
            client_settings()
            | {
                "group.id": os.environ["GROUP_ID"],
                # Offsets are committed by the producer, inside the transaction; never beside it.
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                # A transfer whose own transaction was aborted never happened.
                "isolation.level": "read_committed",
            }
        )
        self.producer = Producer(
            client_settings()
            | {
                # The same at every start: that is how the cluster knows the dead predecessor.
                "transactional.id": os.environ["TRANSACTIONAL_ID"],
                "linger.ms": 0,
                # With "rebootstrap", the default, librdkafka forgets all brokers when all are
                # down, and send_offsets_to_transaction may then wait for the old coordinator for
                # ever (librdkafka issue 5511).
                "metadata.recovery.strategy": "none",
            }
        )

    def run(self) -> None:
        # Ends what a predecessor left open, and fences it if it still lives.
        self.producer.init_transactions()
        self.consumer.subscribe([TRANSFERS])
        while self.running:
            message = self.consumer.poll(0.2)
            if message is None:
                continue
            if message.error():
                # The client itself retries; only a fatal error is ours to act on.
                if message.error().fatal():
                    raise KafkaException(message.error())
                continue
            try:
                self.handle(message)
            except KafkaException as problem:
                self.recover(problem)

    def handle(self, message: Message) -> None:
        self.producer.begin_transaction()
        try:
            self.book(message)
        except InvalidTransfer as reason:
            # The reject stands in a transaction of its own.
            self.abort()
            self.producer.begin_transaction()
            self.producer.produce(
                REJECTS, message.value(), message.key(), headers={"reason": str(reason)}
            )
        # "Everything before this offset is done" belongs to the same transaction.
        self.producer.send_offsets_to_transaction(
            [TopicPartition(message.topic(), message.partition(), message.offset() + 1)],
            self.consumer.consumer_group_metadata(),
        )
        self.commit()

    def book(self, message: Message) -> None:
        transfer = parse(message.value())
        for topic, account in ((DEBITS, transfer["from"]), (CREDITS, transfer["to"])):
            record = {
                "transfer_id": transfer["id"],
                "account": account,
                "amount": transfer["amount"],
            }
            self.producer.produce(topic, json.dumps(record), account)

    def commit(self) -> None:
        while True:
            try:
                self.producer.commit_transaction()
                return
            except KafkaException as problem:
                # No answer is not a "no": the commit may have happened. Asking again is safe,
                # aborting or starting over is not.
                if not problem.args[0].retriable():
                    raise

    def abort(self) -> None:
        while True:
            try:
                self.producer.abort_transaction()
                return
            except KafkaException as problem:
                if not problem.args[0].retriable():
                    raise

    def recover(self, problem: KafkaException) -> None:
        """After an abortable error: abort, and read again from the last committed offsets."""
        if not problem.args[0].txn_requires_abort():
            raise problem  # fatal (fenced, for one): this process has to end
        print(f"aborting: {problem}", file=sys.stderr)
        self.abort()
        # The consumer's position is behind what it has read, but nothing of that was committed:
        # without going back, the transfer would be skipped for ever.
        for place in self.consumer.committed(self.consumer.assignment(), timeout=30):
            if place.offset < 0:
                place.offset = OFFSET_BEGINNING
            self.consumer.seek(place)


def parse(value: bytes | None) -> dict:
    """The transfer, if it is valid. Raises InvalidTransfer with the reason otherwise."""
    try:
        transfer = json.loads(value or b"")
    except ValueError as problem:
        raise InvalidTransfer(f"not JSON: {problem}") from problem
    if not isinstance(transfer, dict):
        raise InvalidTransfer("not a JSON object")
    for field in ("id", "from", "to"):
        if not isinstance(transfer.get(field), str) or not transfer[field]:
            raise InvalidTransfer(f"{field} is not a non-empty string")
    if transfer["from"] == transfer["to"]:
        raise InvalidTransfer("both accounts are the same")
    amount = transfer.get("amount")
    # bool is a kind of int in Python: true is not an amount.
    if type(amount) is not int or not 1 <= amount <= LARGEST_AMOUNT:
        raise InvalidTransfer("amount is not a whole number of cents in range")
    return transfer


def main() -> int:
    service = TransferService()

    def stop(signum: int, frame: object) -> None:
        service.running = False

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        service.run()
    except KafkaException as problem:
        print(f"giving up: {problem}", file=sys.stderr)
        return 1
    service.consumer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
