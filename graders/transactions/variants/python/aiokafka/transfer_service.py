"""The transfer service on asyncio, with aiokafka.

A right program on another client library. It looks at a batch before it opens a transaction: each
run of valid transfers becomes one transaction, each invalid one a transaction of its own. On any
error the process ends, and a new one goes on: after an abort this library goes on with sequence
numbers that the broker refuses.
"""

import asyncio
import json
import os
import signal
import ssl
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

GROUP = os.environ["GROUP_ID"]


def connection() -> dict:
    protocol = os.environ.get("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")
    settings = {
        "bootstrap_servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        "security_protocol": protocol,
    }
    if "SASL" in protocol:
        settings |= {
            "sasl_mechanism": os.environ["KAFKA_SASL_MECHANISM"],
            "sasl_plain_username": os.environ["KAFKA_SASL_USERNAME"],
            "sasl_plain_password": os.environ["KAFKA_SASL_PASSWORD"],
        }
    if "SSL" in protocol:
        settings["ssl_context"] = ssl.create_default_context(
            cafile=os.environ.get("KAFKA_SSL_CA_LOCATION")
        )
    return settings


def parse(value: bytes | None) -> dict | str:
    """The transfer, or why it is invalid."""
    try:
        transfer = json.loads((value or b"").decode())
    except ValueError:
        return "no JSON in UTF-8"
    if not isinstance(transfer, dict):
        return "no JSON object"
    texts = [transfer.get(name) for name in ("id", "from", "to")]
    if not all(isinstance(text, str) and text for text in texts):
        return "id, from and to must be texts"
    if texts[1] == texts[2]:
        return "a transfer to itself"
    amount = transfer.get("amount")
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 < amount <= 1_000_000_000:
        return "amount must be whole cents"
    return transfer


class Service:
    def __init__(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer) -> None:
        self.consumer = consumer
        self.producer = producer

    async def handle(self, records: list[ConsumerRecord]) -> None:
        """Records of one partition, in order."""
        run: list[tuple[ConsumerRecord, dict]] = []
        for record in records:
            parsed = parse(record.value)
            if isinstance(parsed, dict):
                run.append((record, parsed))
                continue
            await self.book(run)
            run = []
            await self.reject(record, parsed)
        await self.book(run)

    async def book(self, run: list[tuple[ConsumerRecord, dict]]) -> None:
        if not run:
            return
        await self.producer.begin_transaction()
        sent = []
        for _, transfer in run:
            for topic, side in (("DEBITS_TOPIC", "from"), ("CREDITS_TOPIC", "to")):
                account = transfer[side]
                value = {
                    "transfer_id": transfer["id"],
                    "account": account,
                    "amount": transfer["amount"],
                }
                sent.append(
                    await self.producer.send(
                        os.environ[topic], json.dumps(value).encode(), account.encode()
                    )
                )
        await asyncio.gather(*sent)
        await self.finish(run[-1][0])

    async def reject(self, record: ConsumerRecord, reason: str) -> None:
        await self.producer.begin_transaction()
        await self.producer.send_and_wait(
            os.environ["REJECTS_TOPIC"],
            record.value,
            record.key,
            headers=[("reason", reason.encode())],
        )
        await self.finish(record)

    async def finish(self, last: ConsumerRecord) -> None:
        place = TopicPartition(last.topic, last.partition)
        await self.producer.send_offsets_to_transaction({place: last.offset + 1}, GROUP)
        await self.producer.commit_transaction()

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            batches = await self.consumer.getmany(timeout_ms=200, max_records=50)
            for records in batches.values():
                await self.handle(records)


async def main() -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    producer = AIOKafkaProducer(**connection(), transactional_id=os.environ["TRANSACTIONAL_ID"])
    consumer = AIOKafkaConsumer(
        os.environ["TRANSFERS_TOPIC"],
        **connection(),
        group_id=GROUP,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    try:
        await producer.start()  # ends what a predecessor left open
        await consumer.start()
        await Service(consumer, producer).run(stopping)
    except Exception as problem:  # noqa: BLE001 - fenced, refused, cut off: all the same
        print(f"giving up: {problem!r}", file=sys.stderr, flush=True)
        os._exit(1)  # closing would wait for a broker that wants no more of this producer
    await consumer.stop()
    await producer.stop()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
