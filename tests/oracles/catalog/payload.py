"""Bytes, headers and JSON."""

from __future__ import annotations

from kafka_lab import oracles as o
from kafka_lab.oracles import Payload, Seen

from ..make import fields, rec
from .history import History

LONG = b'{"note": "' + b"x" * 5000 + b'"}'
REJECT = {"r": Payload(key=b"k", value=b'{"id": 1}', headers=(("h", b"1"), ("h", b"2")))}


def reject(
    value: bytes | None = b'{"id": 1}',
    key: bytes | None = b"k",
    headers: tuple[tuple[str, bytes | None], ...] = (("h", b"1"), ("more", b""), ("h", b"2")),
) -> list[Seen]:
    return [Seen("r", rec("rejects-0@3", value, key, headers))]


PAYLOAD = [
    History("bytes as sent", lambda: o.same_bytes(expected=REJECT, seen=reject())),
    History(
        "nobody asks", lambda: o.same_bytes(expected={"r": Payload()}, seen=reject(None, b"?"))
    ),
    History(
        "another record", lambda: o.same_bytes(expected={"x": Payload(value=b"")}, seen=reject())
    ),
    History(
        "a byte flipped",
        lambda: o.same_bytes(expected=REJECT, seen=reject(b'{"id": 7}')),
        ("corrupt",),
    ),
    History(
        "a byte flipped in a long text",
        lambda: o.same_bytes(
            expected={"r": Payload(value=LONG)}, seen=reject(LONG[:4500] + b"y" + LONG[4501:])
        ),
        ("corrupt",),
    ),
    History(
        "a byte flipped among letters of three bytes",
        lambda: o.same_bytes(
            expected={"r": Payload(value="€€€€€€€€".encode())},
            seen=reject("€€€€€€€₭".encode()),
        ),
        ("corrupt",),
    ),
    History(
        "a byte flipped among letters of two bytes",
        lambda: o.same_bytes(
            expected={"r": Payload(value=("x" + "Á" * 8).encode())},
            seen=reject(("x" + "Á" * 7 + "É").encode()),
        ),
        ("corrupt",),
    ),
    History("cut", lambda: o.same_bytes(expected=REJECT, seen=reject(b'{"id"')), ("corrupt",)),
    History(
        "null became empty",
        lambda: o.same_bytes(expected=REJECT, seen=reject(key=b"")),
        ("corrupt",),
    ),
    History(
        "null expected, empty seen",
        lambda: o.same_bytes(expected={"r": Payload(key=None, value=None)}, seen=reject(None, b"")),
        ("corrupt",),
    ),
    History(
        "headers merged",
        lambda: o.same_bytes(expected=REJECT, seen=reject(headers=(("h", b"2"),))),
        ("corrupt",),
    ),
    History(
        "headers swapped",
        lambda: o.same_bytes(expected=REJECT, seen=reject(headers=(("h", b"2"), ("h", b"1")))),
        ("corrupt",),
    ),
    History(
        "not UTF-8",
        lambda: o.same_bytes(
            expected={"r": Payload(value="für Ö".encode())}, seen=reject(b"f\xfcr \xd6")
        ),
        ("corrupt",),
    ),
    History(
        "a reason is given",
        lambda: o.header_text(
            records=[rec("rejects-0@0", headers=(("reason", None), ("reason", b"no amount")))],
            name="reason",
        ),
    ),
    History(
        "no reason is given",
        lambda: o.header_text(
            records=[
                rec("rejects-0@0"),
                rec("rejects-0@1", headers=(("reason", None),)),
                rec("rejects-0@2", headers=(("reason", b" \t"),)),
                rec("rejects-0@3", headers=(("reason", b"\xff"),)),
            ],
            name="reason",
        ),
        ("wrong-header",),
    ),
    History(
        "a reason that is empty or not UTF-8",
        lambda: o.header_text(
            records=[
                rec("rejects-0@1", headers=(("reason", b""),)),
                rec("rejects-0@3", headers=(("reason", b"\xff"),)),
            ],
            name="reason",
        ),
        ("wrong-header",),
    ),
    History(
        "JSON objects",
        lambda: (
            o.read_json(
                records=[rec("debits-0@0", ' {"id": "ä", "id2": [{"id": 1}]}\n'.encode())],
                id_field="id",
            ).findings
        ),
    ),
    History(
        "no JSON",
        lambda: (
            o.read_json(
                records=[
                    rec("debits-0@0", None),
                    rec("debits-0@1", b'{"id": "t-1"'),
                    rec("debits-0@2", b"[1, 2]"),
                    rec("debits-0@3", b"\xff\xfe"),
                ],
                id_field="id",
            ).findings
        ),
        ("not-json",),
    ),
    History(
        "no name",
        lambda: (
            o.read_json(
                records=[
                    rec("debits-0@0", b'{"ID": "t-1"}'),
                    rec("debits-0@1", b'{"id": 17}'),
                    rec("debits-0@2", b'{"id": ""}'),
                ],
                id_field="id",
            ).findings
        ),
        ("wrong-field",),
    ),
    History(
        "fields as told, and one more",
        lambda: o.wrong_fields(
            expected={"t-1": {"amount": 1250, "rate": 2.0, "to": None, "tags": ["a", {"b": 1}]}},
            seen=[
                fields(
                    "debits-0@0", "t-1", amount=1250, rate=2, to=None, tags=["a", {"b": 1}], more=1
                ),
                fields("debits-0@1", "t-9", amount="?"),
            ],
        ),
    ),
    History(
        "money as text",
        lambda: o.wrong_fields(
            expected={"t-1": {"account": "bob", "amount": 1250}},
            seen=[fields("debits-0@0", "t-1", account="bob", amount="1250")],
        ),
        ("wrong-field",),
    ),
    History(
        "money with a decimal point",
        lambda: o.wrong_fields(
            expected={"t-1": {"amount": 1250}}, seen=[fields("debits-0@0", "t-1", amount=1250.0)]
        ),
        ("wrong-field",),
    ),
    History(
        "true is not 1, and a field missing",
        lambda: o.wrong_fields(
            expected={"t-1": {"amount": 1, "account": "bob"}},
            seen=[fields("debits-0@0", "t-1", amount=True)],
        ),
        ("wrong-field",),
    ),
    History(
        "the wrong account",
        lambda: o.wrong_fields(
            expected={"t-1": {"account": "bob"}},
            seen=[fields("debits-0@0", "t-1", account="al\x1b[31mice\ud800")],
        ),
        ("wrong-field",),
    ),
]
