"""The order service on asyncio, with aiokafka: one record at a time, plain dicts of fields.

A right program on another client library, and built the other way round: a decoder gives a dict of
fields, and one function that knows the rules turns any such dict into the canonical JSON.
"""

import asyncio
import io
import json
import os
import secrets
import signal
import ssl
import sys
import time
from pathlib import Path

import fastavro
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

import order_event_pb2 as pb

NAMES = ["PLACED", "PAID", "CANCELLED", "REFUNDED"]
SCHEMA = fastavro.parse_schema(
    json.loads(Path(__file__).with_name("order_event.avsc").read_text(encoding="utf-8"))
)


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


class Poison(Exception):
    pass


def need(held: bool, words: str) -> None:
    if not held:
        raise Poison(words)


def check(f: dict) -> dict:
    for name in ("order_id", "customer"):
        need(isinstance(f[name], str) and f[name] != "", f"{name} must be a text")
        f[name].encode()
    need(f["status"] in NAMES, "unknown status")
    code = f["currency"]
    need(isinstance(code, str) and len(code) == 3, "currency must be three letters")
    need(all("A" <= c <= "Z" for c in code), "currency must be A to Z")
    need(-(1 << 63) <= f["cents"] < 1 << 63, "amount too large")
    at = f["occurred_at"]
    need(isinstance(at, int) and not isinstance(at, bool), "occurred_at must be whole")
    need(0 <= at <= 253402300799999, "occurred_at out of range")
    need(f["note"] is None or isinstance(f["note"], str), "note must be a text")
    (f["note"] or "").encode()
    return f


def document(f: dict) -> bytes:
    digits = str(abs(f["cents"])).zfill(3)
    shown = {n: f[n] for n in ("order_id", "customer", "status")}
    shown["amount"] = ("-" if f["cents"] < 0 else "") + digits[:-2] + "." + digits[-2:]
    shown["currency"], shown["occurred_at"] = f["currency"], f["occurred_at"]
    if f["note"] is not None:
        shown["note"] = f["note"]
    return json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode(shown).encode()


def command(value: bytes | None) -> dict:
    f = json.loads((value or b"").decode("utf-8"))
    need(isinstance(f, dict), "no JSON object")
    amount = f.get("amount")
    need(isinstance(amount, str), "amount must be a text")
    sign, digits = (-1, amount[1:]) if amount.startswith("-") else (1, amount)
    whole, point, cents = digits.partition(".")
    need(point == "." and len(cents) == 2 and whole != "", "amount must have two decimals")
    need((whole + cents).isascii() and (whole + cents).isdigit(), "amount must be digits")
    need(whole == "0" or whole[0] != "0", "amount with a leading zero")
    fields = {n: f.get(n) for n in ("order_id", "customer", "status", "currency", "occurred_at")}
    fields |= {"cents": sign * int(whole + cents), "note": f.get("note")}
    need(f.get("encoding") in ("protobuf", "avro", "binary"), "unknown encoding")
    return check(fields) | {"encoding": f["encoding"]}


def write(f: dict) -> tuple[str, bytes]:
    if f["encoding"] == "protobuf":
        event = pb.OrderEvent(
            order_id=f["order_id"],
            customer=f["customer"],
            status=NAMES.index(f["status"]) + 1,
            amount_cents=f["cents"],
            currency=f["currency"],
            occurred_at=f["occurred_at"],
        )
        if f["note"] is not None:
            event.note = f["note"]
        return "application/x-protobuf", event.SerializeToString()
    if f["encoding"] == "avro":
        out = io.BytesIO()
        fastavro.schemaless_writer(out, SCHEMA, f | {"amount_cents": f["cents"]})
        return "avro/binary", out.getvalue()
    out = bytearray(b"OE\x01")
    out += bytes([0 if f["note"] is None else 1, NAMES.index(f["status"]) + 1])
    out += f["currency"].encode()
    out += f["cents"].to_bytes(8, "big", signed=True) + f["occurred_at"].to_bytes(8, "big")
    for text in (f["order_id"], f["customer"], f["note"]):
        if text is not None:
            out += len(text.encode()).to_bytes(2, "big") + text.encode()
    return "application/vnd.kafka-lab.order", bytes(out)


def read_protobuf(value: bytes) -> dict:
    event = pb.OrderEvent()
    event.ParseFromString(value)
    return {
        "order_id": event.order_id,
        "customer": event.customer,
        "status": dict(enumerate(NAMES, 1)).get(event.status),
        "cents": event.amount_cents,
        "currency": event.currency,
        "occurred_at": event.occurred_at,
        "note": event.note if event.HasField("note") else None,
    }


def read_avro(value: bytes) -> dict:
    source = io.BytesIO(value)
    f = fastavro.schemaless_reader(source, SCHEMA, None)
    need(source.read() == b"", "bytes are left")
    return f | {"cents": f["amount_cents"]}


def read_binary(value: bytes) -> dict:
    source = io.BytesIO(value)

    def take(count: int) -> bytes:
        part = source.read(count)
        need(len(part) == count, "too short")
        return part

    need(take(3) == b"OE\x01", "no order, or of another version")
    flags, status = take(2)
    need(flags in (0, 1), "unknown flags")
    f = {"status": dict(enumerate(NAMES, 1)).get(status), "currency": take(3).decode()}
    f["cents"] = int.from_bytes(take(8), "big", signed=True)
    f["occurred_at"] = int.from_bytes(take(8), "big", signed=True)
    for name in ("order_id", "customer"):
        f[name] = take(int.from_bytes(take(2), "big")).decode()
    f["note"] = take(int.from_bytes(take(2), "big")).decode() if flags else None
    need(source.read() == b"", "bytes are left")
    return f


READERS = {
    b"application/x-protobuf": read_protobuf,
    b"avro/binary": read_avro,
    b"application/vnd.kafka-lab.order": read_binary,
}


def outcome(record) -> tuple[str, bytes | None, bytes | None, list]:
    headers = list(record.headers)
    found: dict[str, bytes | None] = dict(headers)  # the last of a name wins, as it must
    if record.topic == os.environ["COMMANDS_TOPIC"]:
        fields = command(record.value)
        content_type, value = write(fields)
        made = [
            ("trace-id", found.get("trace-id") or secrets.token_hex(16).encode()),
            ("produced-at", b"%d" % int(time.time() * 1000)),
            ("schema-version", b"1"),
            ("content-type", content_type.encode()),
        ]
        return os.environ["EVENTS_TOPIC"], fields["order_id"].encode(), value, made
    if record.value is None:
        return os.environ["JSON_TOPIC"], record.key, None, headers
    reader = READERS.get((found.get("content-type") or b"").partition(b";")[0].strip().lower())
    need(reader is not None, "unknown content-type")
    need(record.value != b"", "empty value")
    value = document(check(reader(record.value)))
    said = [("content-type", b"application/json")]
    rest = [h for h in headers if h[0] != "content-type"]
    return os.environ["JSON_TOPIC"], record.key, value, said + rest


async def handle(record, producer: AIOKafkaProducer) -> None:
    try:
        topic, key, value, headers = outcome(record)
    except Exception as problem:  # noqa: BLE001 - whatever a library makes of strange bytes
        reason = f"{type(problem).__name__}: {problem}".encode("utf-8", "backslashreplace")
        topic, key, value = os.environ["DEAD_TOPIC"], record.key, record.value
        headers = [*record.headers, ("reason", reason)]
    await producer.send_and_wait(topic, value, key, headers=headers)


async def main() -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    producer = AIOKafkaProducer(**connection(), acks="all")
    consumer = AIOKafkaConsumer(
        *(os.environ[n] for n in ("COMMANDS_TOPIC", "PARTNER_TOPIC", "EVENTS_TOPIC")),
        **connection(),
        group_id=os.environ["GROUP_ID"],
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        await producer.start()
        await consumer.start()
        while not stopping.is_set():
            batches = await consumer.getmany(timeout_ms=200, max_records=50)
            for place, records in batches.items():
                for record in records:
                    await handle(record, producer)
                await consumer.commit({TopicPartition(*place): records[-1].offset + 1})
    except Exception as problem:  # noqa: BLE001 - refused, cut off: the next start goes on
        print(f"leaving: {problem!r}", file=sys.stderr, flush=True)
        os._exit(1)
    await consumer.stop()
    await producer.stop()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
