"""The judgements of ``transactions`` on histories made by hand: a right one, and its bends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kafka_lab.api import Record
from kafka_lab.clusters.logreader import Entry, State
from kafka_lab.faults.requests import API_NAMES, Request

GRADER = Path(__file__).parents[3] / "graders" / "transactions"
MODULES = ("bank", "judge", "transfers")
KEYS = {name: key for key, name in API_NAMES.items()}
TOPICS = {kind: kind for kind in ("transfers", "debits", "credits", "rejects")}


@pytest.fixture
def grader(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The grader's modules under their own names, which other graders use as well."""
    import importlib
    import sys

    monkeypatch.syspath_prepend(GRADER)
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield {name: importlib.import_module(name) for name in MODULES}
    for name in MODULES:
        sys.modules.pop(name, None)


class Told:
    """A service that handled ``a`` and ``b`` in transactions of their own, and rejected ``c``."""

    def __init__(self, grader: dict[str, Any]) -> None:
        transfer = grader["transfers"].Transfer
        self.sent = [
            transfer("a", b"a", b'{"id": "a"}', True, "alice", "bob", 5),
            transfer("b", b"b", b'{"id": "b"}', True, "bob", "alice", 7),
            transfer("c", b"c", b"no transfer", False),
        ]
        self.time = 0.0
        self.requests: list[Request] = []
        self.visible: dict[str, list[Record]] = {kind: [] for kind in TOPICS}
        for offset, one in enumerate(self.sent):
            self.visible["transfers"].append(
                Record("transfers", 0, offset, one.key, one.value, (), 0)
            )
        self.committed = {("transfers", 0): 3}
        self.make = grader["bank"].History

    def ask(self, api: str, answer: dict[str, Any] | None = None, **facts: Any) -> None:
        self.time += 1
        self.requests.append(
            Request(
                KEYS[api],
                1,
                len(self.requests),
                "",
                0,
                1,
                "program-0",
                facts={"transactional_id": "bank"} | facts,
                time=self.time,
                answered=self.time,
                error=0,
                answer=answer or {},
            )
        )

    def write(self, kind: str, key: bytes, value: bytes, **headers: str) -> None:
        """One record, by a request of its own, in the transaction that is open."""
        offset = len(self.visible[kind])
        heads = tuple((k, v.encode()) for k, v in headers.items())
        self.visible[kind].append(Record(kind, 0, offset, key, value, heads, 0, transactional=True))
        self.ask(
            "Produce",
            {"base_offsets": [[kind, 0, offset]]},
            partitions=[[kind, 0]],
            records=[1],
        )

    def book(self, one: Any) -> None:
        for kind, fields in (("debits", one.debit()), ("credits", one.credit())):
            self.write(kind, fields["account"].encode(), json.dumps(fields).encode())

    def commit(self, offset: int) -> None:
        self.ask("TxnOffsetCommit", group="g", offsets=[["transfers", 0, offset]])
        self.ask("EndTxn", committed=True)

    def history(self) -> Any:
        entries = {
            kind: [Entry(r, State.COMMITTED) for r in records]
            for kind, records in self.visible.items()
        }
        return self.make(
            "ordinary",
            self.sent,
            [],
            TOPICS,
            "g",
            "bank",
            inputs=self.visible["transfers"],
            visible=self.visible,
            entries=entries,
            committed=self.committed,
            requests=self.requests,
            complete=True,
        )


@pytest.fixture
def told(grader: dict[str, Any]) -> Told:
    return Told(grader)


@pytest.fixture
def codes(grader: dict[str, Any]) -> Callable[[Told], list[str]]:
    """The codes of all that is said of an ordinary run."""
    judge = grader["judge"]

    def judged(told: Told) -> list[str]:
        history = told.history()
        found = judge.after_faults(history) + judge.ledger_content(history)
        return [f.code for f in found + judge.in_transactions(history)]

    return judged


def run(told: Told, *steps: Any) -> None:
    """``(transfer, offset)``: book or reject it; commit where an offset is said."""
    for name, offset in steps:
        one = next(t for t in told.sent if t.id == name)
        if one.valid:
            told.book(one)
        else:
            told.write("rejects", one.key, one.value, reason="no JSON")
        if offset is not None:
            told.commit(offset)


def test_one_by_one(told: Told, codes: Any) -> None:
    run(told, ("a", 1), ("b", 2), ("c", 3))
    assert codes(told) == []


def test_two_in_one_transaction(told: Told, codes: Any) -> None:
    run(told, ("a", None), ("b", 2), ("c", 3))
    assert codes(told) == []


def test_the_offset_of_the_whole_poll_in_its_first_transaction(told: Told, codes: Any) -> None:
    run(told, ("a", 3), ("b", 3), ("c", 3))
    assert codes(told) == ["offsets-ahead-in-transaction"]


def test_nobody_knows_where_records_went(told: Told, codes: Any) -> None:
    run(told, ("a", 3), ("b", 3), ("c", 3))
    for request in told.requests:
        request.answer = {}  # a version of Produce that is not decoded
    assert codes(told) == []


def test_a_reject_among_the_debits(told: Told, codes: Any) -> None:
    run(told, ("a", 1), ("b", None), ("c", 3))
    assert codes(told) == ["mixed-reject"]


def test_a_transfer_is_missing(told: Told, codes: Any) -> None:
    run(told, ("a", 1), ("c", 3))
    assert set(codes(told)) == {"lost"}


def test_booked_twice(told: Told, codes: Any) -> None:
    run(told, ("a", 1), ("b", 2), ("b", 2), ("c", 3))
    assert set(codes(told)) == {"duplicate"}


def test_a_debit_without_its_credit(told: Told, codes: Any) -> None:
    run(told, ("a", 1), ("b", 2), ("c", 3))
    del told.visible["credits"][1]
    assert set(codes(told)) == {"lost", "torn"}
