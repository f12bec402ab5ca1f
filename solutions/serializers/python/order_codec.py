"""Orders and their three encodings; whoever reads bytes here gets an order or ``Invalid``."""

import io
import json
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import fastavro
from google.protobuf.message import DecodeError

from order_event_pb2 import OrderEvent, Status

STATUSES = ("PLACED", "PAID", "CANCELLED", "REFUNDED")
LATEST = 253_402_300_799_999
AVRO_SCHEMA = fastavro.parse_schema(
    json.loads(Path(__file__).with_name("order_event.avsc").read_text("utf-8"))
)
# ">" is big-endian, and without it the machine's own order and padding would be taken.
HEAD = struct.Struct(">2sBBB3sqq")


class Invalid(Exception):
    """The record is none that the brief allows."""


@dataclass(frozen=True)
class Order:
    order_id: str
    customer: str
    status: str
    amount: int  # cents: money is never a float
    currency: str
    occurred_at: int
    note: str | None

    def __post_init__(self) -> None:
        for name in ("order_id", "customer", "currency", "status"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise Invalid(f"{name} is not a non-empty text")
        if not re.fullmatch("[A-Z]{3}", self.currency):
            raise Invalid("currency is not three letters A to Z")
        if self.status not in STATUSES:
            raise Invalid("status is none of the four")
        if not -(2**63) <= self.amount < 2**63:
            raise Invalid("amount does not fit into 64 bits")
        # bool is a kind of int in Python: true is not a time.
        if type(self.occurred_at) is not int or not 0 <= self.occurred_at <= LATEST:
            raise Invalid("occurred_at is not a whole number in range")
        if self.note is not None and not isinstance(self.note, str):
            raise Invalid("note is not a text")
        try:
            f"{self.order_id}{self.customer}{self.note}".encode()
        except UnicodeEncodeError as problem:  # JSON can escape half of a surrogate pair
            raise Invalid(f"a text cannot be written in UTF-8: {problem}") from problem

    def json(self) -> bytes:
        # The sign apart: // and % round towards minus infinity, and -5 would become -1.95.
        whole, cents = divmod(abs(self.amount), 100)
        fields = {
            "order_id": self.order_id,
            "customer": self.customer,
            "status": self.status,
            "amount": f"{'-' if self.amount < 0 else ''}{whole}.{cents:02d}",
            "currency": self.currency,
            "occurred_at": self.occurred_at,
        }
        if self.note is not None:
            fields["note"] = self.note
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def parse_command(value: bytes | None) -> tuple[str, Order]:
    """The encoding that is asked for, and the order. Raises Invalid."""
    try:
        fields = json.loads(value or b"")
    except ValueError as problem:
        raise Invalid(f"not JSON in UTF-8: {problem}") from problem
    if not isinstance(fields, dict):
        raise Invalid("not a JSON object")
    encoding = fields.get("encoding")
    if not isinstance(encoding, str) or encoding not in ENCODERS:
        raise Invalid("encoding is none of the three")
    amount = fields.get("amount")
    if not isinstance(amount, str) or not re.fullmatch(r"-?(0|[1-9][0-9]*)\.[0-9]{2}", amount):
        raise Invalid("amount is not a text with two decimals")
    return encoding, Order(
        fields.get("order_id"),
        fields.get("customer"),
        fields.get("status"),
        int(amount.replace(".", "")),
        fields.get("currency"),
        fields.get("occurred_at"),
        fields.get("note"),
    )


# -- Protobuf ---------------------------------------------------------------------------------


def to_protobuf(order: Order) -> bytes:
    event = OrderEvent(
        order_id=order.order_id,
        customer=order.customer,
        status=Status.Value(order.status),
        amount_cents=order.amount,
        currency=order.currency,
        occurred_at=order.occurred_at,
        note=order.note,  # None leaves it out
    )
    return event.SerializeToString()


def from_protobuf(value: bytes) -> Order:
    try:
        event = OrderEvent.FromString(value)
    except DecodeError as problem:
        raise Invalid(f"not Protobuf: {problem}") from problem
    if event.status not in Status.values() or not event.status:
        raise Invalid(f"status {event.status} is not known")
    return Order(
        event.order_id,
        event.customer,
        Status.Name(event.status),
        event.amount_cents,
        event.currency,
        event.occurred_at,
        event.note if event.HasField("note") else None,
    )


# -- Avro -------------------------------------------------------------------------------------


def to_avro(order: Order) -> bytes:
    out = io.BytesIO()
    fields = dict(vars(order))
    fields["amount_cents"] = fields.pop("amount")
    fastavro.schemaless_writer(out, AVRO_SCHEMA, fields)
    return out.getvalue()


def from_avro(value: bytes) -> Order:
    source = io.BytesIO(value)
    try:
        fields = fastavro.schemaless_reader(source, AVRO_SCHEMA, None)
    except (EOFError, IndexError, ValueError, OverflowError) as problem:
        raise Invalid(f"not Avro: {problem}") from problem
    if source.tell() != len(value):
        raise Invalid("bytes after the end of the Avro datum")
    fields["amount"] = fields.pop("amount_cents")
    return Order(**fields)


# -- the binary format ------------------------------------------------------------------------


def to_binary(order: Order) -> bytes:
    texts = [order.order_id, order.customer]
    if order.note is not None:
        texts.append(order.note)
    head = HEAD.pack(
        b"OE",
        1,
        order.note is not None,
        STATUSES.index(order.status) + 1,
        order.currency.encode("ascii"),
        order.amount,
        order.occurred_at,
    )
    # A length counts bytes, not characters: so encode first, then measure.
    encoded = [text.encode() for text in texts]
    if max(map(len, encoded)) > 0xFFFF:
        raise Invalid("a text is too long for the binary format")
    return head + b"".join(struct.pack(">H", len(text)) + text for text in encoded)


def from_binary(value: bytes) -> Order:
    try:
        magic, version, flags, status, currency, amount, occurred_at = HEAD.unpack_from(value)
        if (magic, version) != (b"OE", 1) or flags & ~1 or not 1 <= status <= len(STATUSES):
            raise Invalid("magic, version, flags or status are wrong")
        at = HEAD.size
        texts = []
        for _ in range(3 if flags & 1 else 2):
            (size,) = struct.unpack_from(">H", value, at)
            text = value[at + 2 : at + 2 + size]
            if len(text) < size:
                raise Invalid("a text ends too early")
            texts.append(text.decode())
            at += 2 + size
        if at != len(value):
            raise Invalid("bytes after the end")
        return Order(
            texts[0],
            texts[1],
            STATUSES[status - 1],
            amount,
            currency.decode("ascii"),
            occurred_at,
            texts[2] if flags & 1 else None,
        )
    except (struct.error, UnicodeDecodeError) as problem:
        raise Invalid(f"not the binary format: {problem}") from problem


PROTOBUF, AVRO, BINARY = (
    "application/x-protobuf",
    "avro/binary",
    "application/vnd.kafka-lab.order",
)
ENCODERS = {
    "protobuf": (PROTOBUF, to_protobuf),
    "avro": (AVRO, to_avro),
    "binary": (BINARY, to_binary),
}
DECODERS = {PROTOBUF: from_protobuf, AVRO: from_avro, BINARY: from_binary}
