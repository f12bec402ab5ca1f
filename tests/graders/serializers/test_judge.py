"""The judgements of ``serializers`` over hand-made histories: a right one, and one flaw each."""

from __future__ import annotations

import dataclasses
import importlib
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kafka_lab.api import Finding, Record

GRADER = Path(__file__).parents[3] / "graders" / "serializers"
NAMES = ("codec", "orders", "bench", "judge")
NOW = 1_767_225_600_000.0


@dataclasses.dataclass
class Grader:
    codec: ModuleType
    orders: ModuleType
    bench: ModuleType
    judge: ModuleType


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    sys.path.insert(0, str(GRADER))
    try:
        yield Grader(**{name: importlib.import_module(name) for name in NAMES})
    finally:
        sys.path.remove(str(GRADER))
        for name in NAMES:  # another exercise's helpers may have the same names
            sys.modules.pop(name, None)


class Shop:
    """A history, and the records that a right service writes for what it is sent."""

    def __init__(self, grader: Grader) -> None:
        self.grader = grader
        self.mint = grader.orders.Mint(random.Random(7))
        topics = {kind: kind for kind in grader.bench.PARTITIONS}
        self.history = grader.bench.History("made by hand", topics, began=NOW, ended=NOW + 9000)
        self.history.records = {kind: [] for kind in topics}
        self.history.stopped, self.history.stop_code = True, 0

    def put(self, kind: str, key: Any, value: Any, headers: Any, place: int | None = None) -> None:
        log = self.history.records[kind]
        log.insert(
            len(log) if place is None else place,
            Record(kind, 0, len(log), key, value, tuple(headers)),
        )

    def send(self, *items: Any) -> None:
        codec = self.grader.codec
        for item in items:
            self.history.sent.append(item)
            self.put(item.topic, item.key, item.value, item.headers)
            if item.fate == "dead":
                self.put("dead", item.key, item.value, [*item.headers, ("reason", b"because")])
                continue
            headers = item.headers
            if item.fate == "event":
                traces = [value for name, value in headers if name == "trace-id" and value]
                headers = (
                    ("content-type", item.content_type.encode()),
                    ("schema-version", b"1"),
                    ("trace-id", traces[-1] if traces else b"new"),
                    ("produced-at", b"%d" % NOW),
                )
                value = codec.encode(item.order, item.content_type)
                self.put("events", item.key, value, headers)
            if item.fate == "tombstone":
                self.put("json", item.key, None, headers)
                continue
            kept = [h for h in headers if h[0] != "content-type"]
            self.put(
                "json",
                item.key,
                codec.canonical(item.order),
                [*kept, ("content-type", b"application/json")],
            )

    def commit_all(self) -> None:
        self.history.committed = {
            (kind, 0): len(self.history.records[kind])
            for kind in self.grader.bench.INPUTS
            if self.history.records[kind]
        }

    def change(self, kind: str, at: int = -1, **fields: Any) -> None:
        records = self.history.records[kind]
        records[at] = dataclasses.replace(records[at], **fields)

    def codes(self, judgement: Callable[..., list[Finding]], *rest: Any, **more: Any) -> list[str]:
        return [finding.code for finding in judgement(self.history, *rest, **more)]


@pytest.fixture
def shop(grader: Grader) -> Shop:
    """All kinds of records, and everything as the brief wants it."""
    made = Shop(grader)
    mint, codec, orders = made.mint, grader.codec, grader.orders
    made.send(*[mint.command(encoding) for encoding in codec.ENCODINGS])
    made.send(*[mint.event(kind) for kind in codec.ENCODINGS.values()])
    for items in orders.rare_groups(mint).values():
        made.send(*items)
    made.send(*orders.poison(mint))
    made.send(mint.command("avro"))
    made.commit_all()
    return made


def test_a_right_history(shop: Shop) -> None:
    judge = shop.grader.judge
    for judgement in (
        judge.gone,
        judge.events,
        judge.event_headers,
        judge.documents,
        judge.kept_headers,
        judge.dead,
        judge.carried_on,
        judge.nothing_lost,
        judge.stopped,
    ):
        assert shop.codes(judgement) == [], judgement.__name__
    for group in ("content-type", "money", "text", "tombstone", "headers"):
        assert shop.codes(judge.rare, group) == []


def test_an_event_that_is_missing(shop: Shop) -> None:
    del shop.history.records["events"][-1]
    assert shop.codes(shop.grader.judge.events) == ["lost"]
    assert shop.codes(shop.grader.judge.nothing_lost) == ["lost"]


def test_an_event_that_nobody_asked_for(shop: Shop) -> None:
    shop.put("events", b"o-9999", b"?", ())
    assert shop.codes(shop.grader.judge.events) == ["unexpected"]


def test_few_doubles_are_allowed_and_after_a_fault_any(shop: Shop) -> None:
    judge = shop.grader.judge
    last = shop.history.records["events"][-1]
    shop.history.records["events"] += [last, last]
    assert shop.codes(judge.events) == []
    shop.history.records["events"].append(last)
    assert shop.codes(judge.events) == ["too-many-duplicates"]
    assert shop.codes(judge.events, faults=True) == []


def test_an_event_in_another_encoding(shop: Shop) -> None:
    order = shop.history.sent[-1].order
    value = shop.grader.codec.encode(order, shop.grader.codec.BINARY)
    shop.change("events", value=value)
    assert shop.codes(shop.grader.judge.events) == ["undecodable"]


def test_an_event_with_another_amount(shop: Shop) -> None:
    codec = shop.grader.codec
    order = dataclasses.replace(shop.history.sent[-1].order, amount=1)
    shop.change("events", value=codec.encode(order, codec.AVRO))
    (finding,) = shop.grader.judge.events(shop.history)
    assert finding.code == "wrong-field"
    assert "amount should be" in finding.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content-type", b"AVRO/binary"),
        ("schema-version", b"01"),
        ("trace-id", b"another"),
        ("produced-at", b"2026-01-01"),
        ("produced-at", b"1"),
        ("produced-at", None),
    ],
)
def test_a_header_of_an_event(shop: Shop, name: str, value: bytes | None) -> None:
    headers = shop.history.records["events"][-1].headers
    changed = tuple((key, value if key == name else old) for key, old in headers)
    shop.change("events", headers=changed)
    assert shop.codes(shop.grader.judge.event_headers) == ["wrong-header"]
    shop.change("events", headers=(*headers, (name, dict(headers)[name])))  # twice
    assert shop.codes(shop.grader.judge.event_headers) == ["wrong-header"]
    shop.change("events", headers=headers)
    assert shop.codes(shop.grader.judge.event_headers) == []


def test_json_with_a_space(shop: Shop) -> None:
    value = shop.history.records["json"][-1].value
    assert value is not None
    shop.change("json", value=value.replace(b'":"', b'": "', 1))
    assert shop.codes(shop.grader.judge.documents) == ["corrupt"]


def test_a_good_record_in_the_dead_topic(shop: Shop) -> None:
    record = shop.history.records["json"].pop()
    shop.put("dead", record.key, record.value, ())
    assert sorted(shop.codes(shop.grader.judge.documents)) == ["lost", "rejected"]


def test_an_empty_value_taken_for_a_tombstone(shop: Shop) -> None:
    empty = next(r for r in shop.history.records["dead"] if r.value == b"")
    shop.put("json", empty.key, None, empty.headers)
    assert shop.codes(shop.grader.judge.rare, "tombstone") == ["accepted"]


def test_poison_that_is_accepted(shop: Shop) -> None:
    poison = next(i for i in shop.history.sent if i.what.startswith("one byte too many"))
    shop.put("json", poison.key, b"{}", ())
    assert shop.codes(shop.grader.judge.dead) == ["accepted"]


def test_poison_that_is_dropped(shop: Shop) -> None:
    del shop.history.records["dead"][-1]
    assert shop.codes(shop.grader.judge.dead) == ["lost"]


def test_poison_whose_null_value_became_an_empty_one(shop: Shop) -> None:
    records = shop.history.records["dead"]
    at = next(n for n, record in enumerate(records) if record.value is None)
    shop.change("dead", at, value=b"")
    assert shop.codes(shop.grader.judge.dead) == ["corrupt"]


def test_poison_headers_through_a_dict(shop: Shop) -> None:
    records = shop.history.records["dead"]
    at = next(n for n, r in enumerate(records) if len(dict(r.headers)) < len(r.headers))
    shop.change("dead", at, headers=tuple(dict(records[at].headers).items()))
    assert shop.codes(shop.grader.judge.dead) == ["headers-lost"]


@pytest.mark.parametrize("reason", [None, b""])
def test_poison_without_a_reason(shop: Shop, reason: bytes | None) -> None:
    headers = shop.history.records["dead"][-1].headers
    shop.change("dead", headers=(*headers[:-1], ("reason", reason)))
    assert len(shop.codes(shop.grader.judge.dead)) == 1


def test_json_headers_through_a_dict(shop: Shop) -> None:
    records = shop.history.records["json"]
    at = next(n for n, r in enumerate(records) if len(dict(r.headers)) < len(r.headers))
    shop.change("json", at, headers=tuple(dict(records[at].headers).items()))
    assert shop.codes(shop.grader.judge.kept_headers) == ["headers-lost"]


def test_json_that_does_not_say_so(shop: Shop) -> None:
    headers = shop.history.records["json"][-1].headers
    shop.change("json", headers=headers[:-1])
    assert shop.codes(shop.grader.judge.kept_headers) == ["headers-lost"]


def test_a_tombstone_keeps_all_headers(shop: Shop) -> None:
    records = shop.history.records["json"]
    at = next(n for n, r in enumerate(records) if r.value is None and r.headers)
    shop.change("json", at, headers=())
    assert shop.codes(shop.grader.judge.kept_headers) == ["headers-lost"]


def test_a_service_that_ends_by_itself(shop: Shop) -> None:
    judge = shop.grader.judge
    shop.history.exits = [1]
    assert shop.codes(judge.gone) == []  # a supervisor starts it again
    assert shop.codes(judge.carried_on) == ["exits"]  # but not because of poison
    shop.history.exits = [1] * (shop.grader.bench.MOST_RESTARTS + 1)
    assert shop.codes(judge.gone) == ["exits"]
    assert shop.codes(judge.carried_on) == ["exits"]


def test_a_fault_that_could_not_strike(shop: Shop) -> None:
    shop.history.missed = "OffsetCommit"
    assert shop.codes(shop.grader.judge.nothing_lost) == ["no-request"]


def test_records_that_were_never_sent(shop: Shop) -> None:
    shop.history.sent = [item for item in shop.history.sent if item.group != "money"]
    assert "stuck" in shop.codes(shop.grader.judge.rare, "money")


@pytest.mark.parametrize(
    ("code", "finding"), [(None, "no-stop"), (1, "exit-code"), (-15, "exit-code")]
)
def test_a_stop_that_went_wrong(shop: Shop, code: int | None, finding: str) -> None:
    shop.history.stop_code = code
    assert shop.codes(shop.grader.judge.stopped) == [finding]


def test_a_stop_without_a_commit(shop: Shop) -> None:
    shop.history.committed[("events", 0)] -= 1
    assert shop.codes(shop.grader.judge.stopped) == ["offsets-behind"]
    shop.history.committed = {}
    assert shop.codes(shop.grader.judge.stopped) == ["offsets-behind"]
