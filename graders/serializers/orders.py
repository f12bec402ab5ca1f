"""What the grader sends: commands and events, ordinary ones, rare ones and poison."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Literal

from codec import AVRO, BINARY, ENCODINGS, LATEST, PROTOBUF, STATUSES, Order, decimal, encode

Fate = Literal["event", "json", "tombstone", "dead"]
Headers = tuple[tuple[str, bytes | None], ...]
TYPES = tuple(ENCODINGS.values())
CUSTOMERS = ("Alice", "Bob's Bikes", "Carol & Sons", "Dave")


@dataclass(frozen=True)
class Item:
    """One input record, and what has to become of it. ``order`` is there unless it is dead."""

    id: str
    topic: Literal["commands", "partner", "events"]
    key: bytes | None
    value: bytes | None
    headers: Headers
    fate: Fate
    group: str
    what: str
    order: Order | None = None
    content_type: str = ""
    """Of the event that a command asks for."""


def ident(key: bytes | None, value: bytes | None) -> str:
    """How an output record is told apart: by its key, and where it has none by its value."""
    if key is not None:
        return key.decode("utf-8", "backslashreplace")
    return f"no key, value {(value or b'').hex()[:60]}"


class Mint:
    """Makes records from a generator; ids carry a nonce, so that none can be guessed."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._count = 0

    def name(self) -> str:
        self._count += 1
        return f"o-{self._count:04d}-{self._rng.randrange(16**8):08x}"

    def order(self, **changes: Any) -> Order:
        """An ordinary order, except for ``changes``."""
        rng = self._rng
        made = Order(
            self.name(),
            rng.choice(CUSTOMERS),
            rng.choice(STATUSES),
            # Cents above 50 and not round: a wrong point, sign or byte order shows.
            rng.randrange(10, 90_000) * 100 + rng.randrange(51, 99),
            rng.choice(("EUR", "USD", "JPY")),
            rng.randrange(1_700_000_000_000, 1_900_000_000_000),
            rng.choice(("by post", "call first")),
        )
        return replace(made, **changes)

    def trace(self) -> bytes:
        return f"{self._rng.randrange(16**32):032x}".encode()

    # -- commands -------------------------------------------------------------------------

    def command(
        self,
        encoding: str,
        group: str = "plain",
        order: Order | None = None,
        headers: Headers | None = None,
        **fields: Any,
    ) -> Item:
        """A valid command for an event in this encoding."""
        order = order or self.order()
        shown = {
            "encoding": encoding,
            "order_id": order.order_id,
            "customer": order.customer,
            "status": order.status,
            "amount": decimal(order.amount),
            "currency": order.currency,
            "occurred_at": order.occurred_at,
        }
        if order.note is not None:
            shown["note"] = order.note
        value = json.dumps(shown | fields, ensure_ascii=False).encode()
        if headers is None:
            headers = (("trace-id", self.trace()),)
        return Item(
            order.order_id,
            "commands",
            order.order_id.encode(),
            value,
            headers,
            "event",
            group,
            f"a command for {encoding}",
            order,
            ENCODINGS[encoding],
        )

    def bad_command(self, what: str, change: Callable[[dict[str, Any]], bytes | None]) -> Item:
        good = self.command("avro")
        assert good.value is not None
        return replace(
            good, value=change(json.loads(good.value)), fate="dead", group="poison", what=what
        )

    # -- events ---------------------------------------------------------------------------

    def event(
        self,
        content_type: str,
        group: str = "plain",
        order: Order | None = None,
        *,
        topic: Literal["partner", "events"] = "partner",
        said: str | None = None,
        headers: Headers | None = None,
        key: bytes | None = None,
        what: str = "",
    ) -> Item:
        """A valid event of somebody else; ``said`` is its content-type header if not the plain."""
        order = order or self.order()
        key = order.order_id.encode() if key is None else key
        if headers is None:
            headers = (
                ("content-type", (content_type if said is None else said).encode()),
                ("schema-version", b"1"),
                ("trace-id", self.trace()),
            )
        return Item(
            ident(key, None),
            topic,
            key,
            encode(order, content_type),
            headers,
            "json",
            group,
            what or f"an event as {said or content_type}",
            order,
        )

    def poison(
        self, what: str, content_type: str, value: bytes | None, headers: Headers | None = None
    ) -> Item:
        """An event that cannot be understood."""
        if headers is None:
            headers = (("content-type", content_type.encode()), ("trace-id", self.trace()))
        name = self.name()
        topic = self._rng.choice(("partner", "events"))
        return Item(
            name, topic, name.encode(), value, headers, "dead", "poison", f"{what} ({content_type})"
        )


def rare_groups(mint: Mint) -> dict[str, list[Item]]:
    """Right records that seldom come, by what is rare about them, in the order of sending."""
    return {
        "content-type": _content_types(mint),
        "money": _money(mint),
        "text": _texts(mint),
        "tombstone": _tombstones(mint),
        "headers": _headers(mint),
    }


def _content_types(mint: Mint) -> list[Item]:
    group = "content-type"
    said = [
        (PROTOBUF, "Application/X-Protobuf"),
        (PROTOBUF, 'application/x-protobuf; messageType="orders.v1.OrderEvent"'),
        (AVRO, "AVRO/Binary"),
        (AVRO, "avro/binary;schema=orders.v1"),
        (BINARY, "Application/Vnd.Kafka-Lab.Order"),
        (BINARY, " application/vnd.kafka-lab.order ; v=1"),
    ]
    items = [mint.event(kind, group, said=text) for kind, text in said]
    # Every encoding on each topic: neither the topic nor the key's look says which it is.
    for topic in ("partner", "events"):
        items += [mint.event(kind, group, topic=topic) for kind in TYPES]  # type: ignore[arg-type]
    for kind, wrong in ((AVRO, PROTOBUF), (PROTOBUF, BINARY), (BINARY, AVRO)):
        headers = (("content-type", wrong.encode()), ("content-type", kind.encode()))
        items.append(mint.event(kind, group, headers=headers, what=f"{wrong}, then {kind}"))
    null_first = (("content-type", None), ("content-type", AVRO.encode()))
    items.append(mint.event(AVRO, group, headers=null_first, what=f"null, then {AVRO}"))
    only = (("content-type", BINARY.encode()), ("schema-version", b"7"))
    items.append(mint.event(BINARY, group, headers=only, what="another schema-version"))
    return items


def _money(mint: Mint) -> list[Item]:
    items = []
    amounts = [-5, -199, 7, 0, -100, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 29, 113]
    for number, amount in enumerate(amounts):
        kind = list(ENCODINGS)[number % 3]
        items.append(mint.command(kind, "money", mint.order(amount=amount)))
        for kind in TYPES:
            items.append(mint.event(kind, "money", mint.order(amount=amount)))
    return items


def _texts(mint: Mint) -> list[Item]:
    items = []
    notes = [
        None,
        "",
        "Grüße aus Köln",
        "口座 🚲",
        'say "hi" \\ or </b>\n\tbye',
        "x" * 40_000,
        "é" * 200,
    ]
    for number, note in enumerate(notes):
        kind = list(ENCODINGS)[number % 3]
        items.append(mint.command(kind, "text", mint.order(note=note, customer="Zoë ☕")))
        for kind in TYPES:
            items.append(mint.event(kind, "text", mint.order(note=note, customer="Zoë ☕")))
    items.append(mint.command("avro", "text", mint.order(note=None), note=None))
    items.append(mint.command("binary", "text", mint.order(occurred_at=0), extra=[1, {"a": None}]))
    items += [mint.event(kind, "text", mint.order(occurred_at=LATEST)) for kind in TYPES]
    return items


def _tombstones(mint: Mint) -> list[Item]:
    items = []
    for headers in (
        (("content-type", AVRO.encode()), ("trace-id", mint.trace())),
        (),
        (("content-type", None), ("trace-id", mint.trace())),
        (("content-type", b"text/plain"),),
    ):
        name = mint.name()
        items.append(
            Item(
                name,
                "partner",
                name.encode(),
                None,
                headers,
                "tombstone",
                "tombstone",
                "a tombstone",
            )
        )
    for kind in TYPES:
        items.append(replace(mint.poison("an empty value", kind, b""), group="tombstone"))
    return items


def _headers(mint: Mint) -> list[Item]:
    items = []
    for kind in TYPES:
        headers = (
            ("hop", b"one"),
            ("content-type", kind.encode()),
            ("hop", b"two"),
            ("nothing", None),
            ("empty", b""),
            ("trace-id", mint.trace()),
            ("raw", b"\x00\xff\xfe"),
            ("hop", None),
        )
        items.append(mint.event(kind, "headers", headers=headers, what="doubled and null headers"))
    items.append(mint.event(AVRO, "headers", key=b"\xff\x00" + mint.name().encode()))
    first, second = mint.trace(), mint.trace()
    doubled = (("trace-id", first), ("trace-id", second))
    items.append(mint.command("avro", "headers", headers=doubled))
    items.append(mint.command("binary", "headers", headers=()))
    items.append(mint.command("protobuf", "headers", headers=(("trace-id", None),)))
    return items


def poison(mint: Mint) -> list[Item]:
    """Records that cannot be understood, of every kind that the brief names."""
    items = []
    for kind in TYPES:
        good = encode(mint.order(), kind)
        items.append(mint.poison("the last byte is missing", kind, good[:-1]))
        items.append(mint.poison("cut in the middle", kind, good[: len(good) // 2]))
        items.append(mint.poison("text", kind, b"hello, this is no order"))
        items.append(mint.poison("not UTF-8", kind, _not_utf8(mint, kind)))
        for changes in ({"order_id": ""}, {"customer": ""}, {"currency": "eUR"}):
            bad = encode(mint.order(**changes), kind)
            items.append(mint.poison(f"with {changes}", kind, bad))
        late = encode(mint.order(occurred_at=LATEST + 1), kind)
        items.append(mint.poison("occurred_at in the year 10000", kind, late))
    for kind in (AVRO, BINARY):
        items.append(mint.poison("one byte too many", kind, encode(mint.order(), kind) + b"\x00"))
    good = encode(mint.order(), PROTOBUF)
    items.append(mint.poison("field number 0 at the end", PROTOBUF, good + b"\x07"))
    for kind in (PROTOBUF, BINARY):
        items.append(
            mint.poison("an unknown status", kind, encode(mint.order(status="LOST"), kind))
        )
    good = bytearray(encode(mint.order(), BINARY))
    for at, byte, what in (
        (0, 0x45, "another magic"),
        (2, 2, "version 2"),
        (3, 3, "an unknown flag"),
        (4, 0, "status 0"),
    ):
        bad = bytearray(good)
        bad[at] = byte
        items.append(mint.poison(what, BINARY, bytes(bad)))
    long = encode(mint.order(), BINARY)[:-9] + struct.pack(">H", 0xFFFF) + b"y"
    items.append(mint.poison("a text longer than the value", BINARY, long))
    for said in (b"application/json", b"application/x-protobufs", b"", b"\xff\xfe", None):
        headers: Headers = (("content-type", said), ("reason", b"theirs"))
        value = encode(mint.order(), PROTOBUF)
        items.append(mint.poison(f"content-type {said!r}", "not known", value, headers))
    items.append(mint.poison("no headers", "none", encode(mint.order(), AVRO), ()))
    headers = (("content-type", AVRO.encode()), ("hop", b"1"), ("content-type", None), ("hop", b""))
    items.append(
        mint.poison("the last content-type is null", "", encode(mint.order(), AVRO), headers)
    )
    unkeyed = mint.poison("no key", AVRO, b"\xff" + mint.name().encode())
    items.append(replace(unkeyed, id=ident(None, unkeyed.value), key=None))
    return items + _bad_commands(mint)


def _text(fields: Any) -> bytes:
    return json.dumps(fields).encode()


def _bad_commands(mint: Mint) -> list[Item]:
    changes: Sequence[tuple[str, Callable[[dict[str, Any]], bytes | None]]] = [
        ("a null value", lambda f: None),
        ("an empty value", lambda f: b""),
        ("no JSON", lambda f: _text(f)[:-1]),
        ("not UTF-8", lambda f: _text(f)[:-2] + b'\xff"}'),
        ("a list", lambda f: _text([f])),
        ("another encoding", lambda f: _text(f | {"encoding": "xml"})),
        ("no encoding", lambda f: _text({k: v for k, v in f.items() if k != "encoding"})),
        ("a number for amount", lambda f: _text(f | {"amount": 12.5})),
        ("one decimal", lambda f: _text(f | {"amount": "12.5"})),
        ("three decimals", lambda f: _text(f | {"amount": "12.500"})),
        ("an exponent", lambda f: _text(f | {"amount": "1e3"})),
        ("a leading zero", lambda f: _text(f | {"amount": "012.50"})),
        ("beyond 64 bits", lambda f: _text(f | {"amount": "92233720368547758.08"})),
        ("no customer", lambda f: _text({k: v for k, v in f.items() if k != "customer"})),
        ("a number for order_id", lambda f: _text(f | {"order_id": 7})),
        ("an unknown status", lambda f: _text(f | {"status": "LOST"})),
        ("a currency of four", lambda f: _text(f | {"currency": "EURO"})),
        ("a text for occurred_at", lambda f: _text(f | {"occurred_at": "1767225600123"})),
        ("occurred_at true", lambda f: _text(f | {"occurred_at": True})),
        ("occurred_at -1", lambda f: _text(f | {"occurred_at": -1})),
        ("a number for note", lambda f: _text(f | {"note": 7})),
    ]
    return [mint.bad_command(f"{what} (command)", change) for what, change in changes]


def _not_utf8(mint: Mint, content_type: str) -> bytes:
    marked = encode(mint.order(customer="Dave QQ"), content_type)
    return marked.replace(b"QQ", b"\xc3\x28")
