"""How requests become transactions."""

from __future__ import annotations

import pytest

from kafka_lab.oracles import (
    Txn,
    offsets_inside,
    rejects_apart,
    split_transactions,
    steady_transactional_id,
)

from .make import START, codes, requests


def outcomes(*lines: str) -> list[str]:
    return [f"{t.transactional_id} {t.outcome}" for t in split_transactions(requests(*lines))]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), []),
        (("init T", "init T"), []),
        (("produce T a", "commit T"), ["T committed"]),
        (("produce T a", "abort T"), ["T aborted"]),
        (("produce T a",), ["T open"]),
        (("produce T a", "init T"), ["T aborted"]),
        (("produce T a", "init T", "commit T"), ["T aborted"]),
        (("produce T a", "lost-end T"), ["T open"]),
        (("produce T a", "lost-end T", "commit T", "commit T"), ["T committed"]),
        (("offsets T g", "commit T"), ["T committed"]),
        (("produce - a", "offset-commit g", "init -"), []),
        (("commit T",), []),
        (("init -", "produce T a", "offset-commit g", "commit T"), ["T committed"]),
        (
            ("produce T a", "produce U a", "init U", "commit T", "produce T a"),
            ["U aborted", "T committed", "T open"],
        ),
    ],
)
def test_how_transactions_end(lines: tuple[str, ...], expected: list[str]) -> None:
    assert outcomes(*lines) == expected


def test_what_a_transaction_holds() -> None:
    events = requests(
        "produce T b a", "offsets T g", "produce T c a", "offsets T h", "offsets T g", "commit T"
    )

    assert split_transactions(events) == [
        Txn("T", ("b", "a", "c"), ("g", "h"), "committed", START, START + 0.5)
    ]


def test_an_open_transaction_ends_with_its_last_request() -> None:
    [txn] = split_transactions(requests("produce T a", "offsets T g", "init U"))

    assert (txn.began, txn.ended) == (START, START + 0.1)


def test_the_next_transaction_does_not_inherit() -> None:
    first, second = split_transactions(
        requests("produce T a", "offsets T g", "commit T", "produce T b", "commit T")
    )

    assert (first.topics, first.groups) == (("a",), ("g",))
    assert (second.topics, second.groups) == (("b",), ())


def test_facts_of_a_transaction_without_offsets() -> None:
    [finding] = offsets_inside(
        events=requests("init T", "produce T a b", "commit T"), group="g", outputs=["a"]
    )

    assert finding.data["cases"] == [
        {
            "transactional_id": "T",
            "topics": ["a", "b"],
            "groups": [],
            "began": START + 0.1,
            "ended": START + 0.2,
        }
    ]


def test_facts_of_a_plain_commit() -> None:
    [finding] = offsets_inside(events=requests("offset-commit g"), group="g", outputs=["a"])

    assert finding.data["cases"] == [{"time": START, "principal": "User:p"}]


def test_an_id_that_is_wrong_and_new_is_told_once_for_each() -> None:
    findings = steady_transactional_id(
        events=requests("init bank", "init x"), prefix="bank", starts=[999.0, 1000.05]
    )

    assert codes(findings) == ["transactional-id"]
    assert findings[0].data["cases"] == [
        {"transactional_id": "x", "why": "does not begin with bank"},
        {"transactional_id": "x", "why": "is new after a restart"},
    ]


def test_no_transactional_id_is_for_other_oracles() -> None:
    events = requests("produce - a", "offset-commit g", "init -")

    assert steady_transactional_id(events=events, prefix="bank", starts=[0.0]) == []


def test_an_id_known_from_two_starts_ago_is_steady() -> None:
    events = requests("init bank-0", "produce bank-1 a", "init bank-1", "init bank-0")

    assert (
        steady_transactional_id(events=events, prefix="bank", starts=[999, 1000.15, 1000.25]) == []
    )


def test_no_requests_are_no_findings() -> None:
    assert offsets_inside(events=[], group="g", outputs=["a"]) == []
    assert rejects_apart(transactions=[], rejects="r", ledger=["a"]) == []
    assert steady_transactional_id(events=[], prefix="bank") == []


def test_times_are_told_from_the_first_request_on() -> None:
    events = requests("init T", "produce T a r", "commit T", "produce T a r", "commit T")
    late = split_transactions(events)[::-1]

    [finding] = rejects_apart(transactions=late, rejects="r", ledger=["a"])

    # From the first request *of a transaction*: that is all that transactions tell.
    assert "T, ended 0.300 s after the first request, with records for a, r; " in finding.message
    assert "T, ended 0.100 s after the first request" in finding.message
