"""The grader's own reading and writing of order events in the three encodings.

Built without the learners' generated classes: Protobuf by a descriptor made here (Protocol
Buffers, "Encoding"), Avro by fastavro (Apache Avro 1.12, "Binary Encoding"), the binary format by
hand from the brief's table. ``decode`` takes bytes that a learner made and never raises.
"""

from __future__ import annotations

import io
import json
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import fastavro
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PROTOBUF = "application/x-protobuf"
AVRO = "avro/binary"
BINARY = "application/vnd.kafka-lab.order"
ENCODINGS = {"protobuf": PROTOBUF, "avro": AVRO, "binary": BINARY}
"""What a command calls an encoding, and the content-type of its events."""

STATUSES = ("PLACED", "PAID", "CANCELLED", "REFUNDED")
LATEST = 253_402_300_799_999
"""The last millisecond of the year 9999, since 1970 UTC."""
LONG = range(-(2**63), 2**63)

_SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "orders.v1.OrderEvent",
        "fields": [
            {"name": "order_id", "type": "string"},
            {"name": "customer", "type": "string"},
            {
                "name": "status",
                "type": {"type": "enum", "name": "orders.v1.Status", "symbols": list(STATUSES)},
            },
            {"name": "amount_cents", "type": "long"},
            {"name": "currency", "type": "string"},
            {"name": "occurred_at", "type": "long"},
            {"name": "note", "type": ["null", "string"], "default": None},
        ],
    }
)
_HEAD = struct.Struct(">2sBBB3sqq")


@dataclass(frozen=True)
class Order:
    """An order event. ``amount`` is in cents, ``occurred_at`` in milliseconds since 1970 UTC."""

    order_id: str
    customer: str
    status: str
    amount: int
    currency: str
    occurred_at: int
    note: str | None = None


def decimal(cents: int) -> str:
    """Cents as the brief writes money: ``-5`` is ``-0.05``."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{rest:02d}"


def canonical(order: Order) -> bytes:
    """The canonical JSON of the brief (strings as in RFC 8785, section 3.2.2.2)."""
    fields: dict[str, Any] = {
        "order_id": order.order_id,
        "customer": order.customer,
        "status": order.status,
        "amount": decimal(order.amount),
        "currency": order.currency,
        "occurred_at": order.occurred_at,
    }
    if order.note is not None:
        fields["note"] = order.note
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def encode(order: Order, content_type: str) -> bytes:
    """An event's bytes; also of an order that breaks a rule, where the encoding can hold it."""
    return _ENCODERS[content_type](order)


def decode(value: bytes | None, content_type: str) -> Order | str:
    """The event in these bytes, or what is wrong with them."""
    if not value:
        return "the value is null" if value is None else "the value is empty (0 bytes)"
    try:
        order = _DECODERS[content_type](value)
    except Exception as problem:  # whatever a library makes of a learner's bytes
        words = " ".join(str(problem).split())[:120]
        return f"{len(value):,} bytes that do not decode ({type(problem).__name__}: {words})"
    return order if isinstance(order, str) else _checked(order)


def _checked(order: Order) -> Order | str:
    if not order.order_id or not order.customer:
        return "order_id or customer is empty"
    if not re.fullmatch("[A-Z]{3}", order.currency):
        return "currency is not three letters A to Z"
    if order.status not in STATUSES:
        return "status is none of the four"
    if not 0 <= order.occurred_at <= LATEST:
        return "occurred_at is out of range"
    return order


# -- Protobuf -----------------------------------------------------------------------------


def _message_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="kafka_lab_grader_order.proto", package="kafka_lab.grader", syntax="proto3"
    )
    status = file.enum_type.add(name="Status")
    for number, name in enumerate(("STATUS_UNSPECIFIED", *STATUSES)):
        status.value.add(name=name, number=number)
    message = file.message_type.add(name="OrderEvent")
    field = descriptor_pb2.FieldDescriptorProto
    for number, (name, kind) in enumerate(
        (
            ("order_id", field.TYPE_STRING),
            ("customer", field.TYPE_STRING),
            ("status", field.TYPE_ENUM),
            ("amount_cents", field.TYPE_SINT64),
            ("currency", field.TYPE_STRING),
            ("occurred_at", field.TYPE_INT64),
            ("note", field.TYPE_STRING),
        ),
        1,
    ):
        made = message.field.add(name=name, number=number, type=kind, label=field.LABEL_OPTIONAL)
        if kind == field.TYPE_ENUM:
            made.type_name = ".kafka_lab.grader.Status"
        if name == "note":  # `optional` in proto3: a oneof of its own tells absent from empty
            message.oneof_decl.add(name="_note")
            made.oneof_index, made.proto3_optional = 0, True
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName("kafka_lab.grader.OrderEvent")
    )


_MESSAGE = _message_class()


def _to_protobuf(order: Order) -> bytes:
    status = STATUSES.index(order.status) + 1 if order.status in STATUSES else 9
    message = _MESSAGE(
        order_id=order.order_id,
        customer=order.customer,
        status=status,
        amount_cents=order.amount,
        currency=order.currency,
        occurred_at=order.occurred_at,
    )
    if order.note is not None:
        message.note = order.note
    return bytes(message.SerializeToString(deterministic=True))


def _from_protobuf(value: bytes) -> Order | str:
    message = _MESSAGE.FromString(value)
    if not 1 <= message.status <= len(STATUSES):
        return f"status is {message.status}, which the .proto does not name"
    return Order(
        message.order_id,
        message.customer,
        STATUSES[message.status - 1],
        message.amount_cents,
        message.currency,
        message.occurred_at,
        message.note if message.HasField("note") else None,
    )


# -- Avro ---------------------------------------------------------------------------------


def _to_avro(order: Order) -> bytes:
    out = io.BytesIO()
    fields = dict(vars(order))
    fields["amount_cents"] = fields.pop("amount")
    fastavro.schemaless_writer(out, _SCHEMA, fields)
    return out.getvalue()


def _from_avro(value: bytes) -> Order | str:
    source = io.BytesIO(value)
    fields = fastavro.schemaless_reader(source, _SCHEMA, None)
    assert isinstance(fields, Mapping)
    order = Order(
        str(fields["order_id"]),
        str(fields["customer"]),
        str(fields["status"]),
        int(fields["amount_cents"]),
        str(fields["currency"]),
        int(fields["occurred_at"]),
        fields["note"],
    )
    if left := len(value) - source.tell():
        return f"{left:,} bytes too many after the Avro datum"
    # fastavro takes a negative index or length for one from the end; nobody else does.
    return order if _to_avro(order) == value else "the Avro datum is not encoded as the schema says"


# -- the binary format --------------------------------------------------------------------


def _to_binary(order: Order) -> bytes:
    status = STATUSES.index(order.status) + 1 if order.status in STATUSES else 9
    head = _HEAD.pack(
        b"OE",
        1,
        int(order.note is not None),
        status,
        order.currency.encode("ascii"),
        order.amount,
        order.occurred_at,
    )
    texts = [order.order_id, order.customer, *([] if order.note is None else [order.note])]
    return head + b"".join(struct.pack(">H", len(t)) + t for t in map(str.encode, texts))


def _from_binary(value: bytes) -> Order | str:
    magic, version, flags, status, currency, amount, occurred_at = _HEAD.unpack_from(value)
    if magic != b"OE":
        return "it does not begin with the bytes 4f 45"
    if version != 1:
        return f"the version byte is {version}, expected 1"
    if flags & ~1:
        return f"the flags byte is 0x{flags:02x}: only bit 0 may be set"
    if not 1 <= status <= len(STATUSES):
        return f"the status byte is {status}, expected 1 to 4"
    at = _HEAD.size
    texts = []
    for _ in range(2 + (flags & 1)):
        (size,) = struct.unpack_from(">H", value, at)
        at += 2
        if at + size > len(value):
            return f"a text of {size:,} bytes at byte {at:,}, but only {len(value) - at:,} are left"
        texts.append(value[at : at + size].decode("utf-8"))
        at += size
    if at != len(value):
        return f"{len(value) - at:,} bytes too many at the end"
    order_id, customer = texts[:2]
    note = texts[2] if flags & 1 else None
    return Order(
        order_id,
        customer,
        STATUSES[status - 1],
        amount,
        currency.decode("ascii"),
        occurred_at,
        note,
    )


_ENCODERS: dict[str, Callable[[Order], bytes]] = {
    PROTOBUF: _to_protobuf,
    AVRO: _to_avro,
    BINARY: _to_binary,
}
_DECODERS: dict[str, Callable[[bytes], Order | str]] = {
    PROTOBUF: _from_protobuf,
    AVRO: _from_avro,
    BINARY: _from_binary,
}
