"""The matrix and the judgements of ``acls`` on what was seen, made by hand."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kafka_lab.clusters.admin import Acl

GRADER = Path(__file__).parents[3] / "graders" / "acls"
MODULES = ("matrix", "company", "judge")
KINDS = ("granted", "neighbours", "private", "configuring", "by_certificate")


@pytest.fixture
def grader(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The grader's modules under their own names, which other graders use as well."""
    monkeypatch.syspath_prepend(GRADER)
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    for name in MODULES:
        sys.modules.pop(name, None)


def seen(grader: Any, **bends: bool) -> list[Any]:
    """A matrix that is as it should be, but for the cells ``role__kind__resource__operation``."""
    made = []
    bent = {tuple(key.split("__")): value for key, value in bends.items()}
    for cell in grader.matrix.cells():
        key = tuple(part.replace("-", "_") for part in cell)
        right = grader.matrix.expected(cell)
        made.append(grader.matrix.Seen(cell, f"{cell.resource}-x", right, bent.pop(key, right)))
    assert not bent
    return made


def test_each_cell_is_judged_in_one_place(grader: Any) -> None:
    for cell in grader.matrix.cells():
        of = [kind for kind in KINDS if getattr(grader.judge, kind)(cell)]
        assert len(of) == 1, (cell, of)


def test_rights_bring_others_along(grader: Any) -> None:
    cell, expected = grader.matrix.Cell, grader.matrix.expected
    assert expected(cell("shop", "topic", "orders", "Describe"))
    assert not expected(cell("shop", "topic", "orders", "Read"))
    assert expected(cell("operator", "topic", "private", "DescribeConfigs"))
    assert expected(cell("analyst", "topic", "future", "Read"))
    for operation in grader.matrix.OPERATIONS["topic"]:
        assert not expected(cell("analyst", "topic", "private", operation))
        assert not expected(cell("retired", "topic", "orders", operation))


def test_a_right_matrix_has_no_findings(grader: Any) -> None:
    right = seen(grader)
    for kind in KINDS:
        of = getattr(grader.judge, kind)
        assert grader.judge.works(right, of) + grader.judge.nothing_more(right, of) == []
    assert "were expected to be denied" in grader.matrix.whole(right)


@pytest.mark.parametrize(
    ("bend", "kind", "code"),
    [
        ("billing__group__billing__Read", "granted", "missing-right"),
        ("shop__topic__orders__Create", "granted", "too-much"),
        ("retired_2__topic__invoices__Read", "granted", "too-much"),
        ("shop__topic__private__Write", "granted", "too-much"),
        ("shop__topic__europe__Write", "neighbours", "too-much"),
        ("analyst__topic__future__Read", "neighbours", "missing-right"),
        ("billing__transactional_id__billing_0__Write", "neighbours", "missing-right"),
        ("analyst__topic__private__Describe", "private", "too-much"),
        ("billing__topic__orders__AlterConfigs", "configuring", "too-much"),
        ("operator__topic__invoices__AlterConfigs", "configuring", "missing-right"),
        ("operator__topic__invoices__Read", "configuring", "too-much"),
        ("carrier__group__carrier__Read", "by_certificate", "missing-right"),
        ("carrier__topic__archive__Read", "by_certificate", "too-much"),
    ],
)
def test_one_bend_is_one_finding_of_one_kind(grader: Any, bend: str, kind: str, code: str) -> None:
    bent = seen(grader, **{bend: code == "too-much"})
    for other in KINDS:
        of = getattr(grader.judge, other)
        found = grader.judge.works(bent, of) + grader.judge.nothing_more(bent, of)
        assert [f.code for f in found] == ([code] if other == kind else []), other
    [wrong] = [s for s in bent if s.wrong]
    [found] = grader.judge._matrix("x", [wrong], "This", "Look.")
    # The table says who, what, on what, expected, seen.
    line = found.message.splitlines()[2].split()
    assert line[:2] == [wrong.cell.role, wrong.cell.operation]
    assert line[-2:] == (["denied", "allowed"] if code == "too-much" else ["allowed", "denied"])


def test_what_was_as_wrong_before_is_judged_there(grader: Any) -> None:
    first = seen(grader, shop__topic__orders__Create=True)
    second = seen(grader, shop__topic__orders__Create=True, shop__topic__orders__Read=True)
    new = [s.cell.operation for s in grader.judge.not_before(second, first) if s.wrong]
    assert new == ["Read"]


def test_long_tables_are_cut(grader: Any) -> None:
    wrong = [s for s in seen(grader) if s.expected]
    assert "more" in grader.matrix.table(wrong).splitlines()[-1]


def history(grader: Any, **facts: Any) -> Any:
    return grader.company.History("made", **facts)


def run(grader: Any, code: int | None = 0, **facts: Any) -> Any:
    return grader.company.Run(code, "last words", **facts)


def codes(found: list[Any]) -> list[str]:
    return [f.code for f in found]


def test_how_a_run_ends(grader: Any) -> None:
    judge = grader.judge
    assert judge.ended(run(grader)) == []
    assert codes(judge.ended(run(grader, 3))) == ["exit-code"]
    assert "last words" in judge.ended(run(grader, None))[0].message
    assert codes(judge.refusal(history(grader, runs=[run(grader)]))) == ["no-error"]
    assert codes(judge.refusal(history(grader, runs=[run(grader, None)]))) == ["no-exit"]
    assert judge.refusal(history(grader, runs=[run(grader, 1)])) == []
    assert codes(judge.unchanged(history(grader, missed=True))) == ["no-change"]


def test_moments(grader: Any) -> None:
    cell = grader.matrix.Cell("shop", "topic", "orders", "Write")
    gone = grader.matrix.Seen(cell, "orders-x", True, False, 29)
    there = grader.matrix.Seen(cell, "orders-x", True, True)
    fine = history(grader, runs=[run(grader)], seen=[there])
    assert grader.judge.lapsed([fine]) == grader.judge.opened([run(grader)]) == []
    # Seen at two changes, it is one right.
    bad = history(grader, runs=[run(grader, lapsed=[gone, gone])], seen=[there])
    [found] = grader.judge.lapsed([fine, bad])
    assert found.code == "lapsed"
    assert found.data["count"] == 1
    # Never there again: that is no moment, and the matrix tells it.
    assert grader.judge.lapsed([history(grader, runs=bad.runs, seen=[gone])]) == []
    assert codes(grader.judge.opened([run(grader, opened=[gone])])) == ["opened"]


def test_rules(grader: Any) -> None:
    judge = grader.judge
    one, two = Acl("a", "TOPIC", "t", "READ"), Acl("a", "TOPIC", "t", "READ", prefixed=True)
    assert judge.same(history(grader, rules=([one, two], [two, one]))) == []
    assert codes(judge.same(history(grader, rules=([one], [one, two])))) == ["changed"]
    assert codes(judge.same(history(grader, rules=([one, two], [one])))) == ["changed"]
    assert judge.others(history(grader, others=([one, two], [two, one]))) == []
    assert codes(judge.others(history(grader, others=([one], [])))) == ["others-rule"]
    [found] = judge.removed(history(grader, planted=[one, two], left=[two]))
    assert "by prefix t" in found.message
    assert judge.rule(Acl("a", "TOPIC", "t", "READ", deny=True, host="::1")) == (
        "User:a is denied READ on TOPIC by name t from ::1"
    )


def test_a_denied_step_of_a_transaction(grader: Any) -> None:
    assert grader.judge.transaction(history(grader, transaction=("", 0))) == []
    [found] = grader.judge.transaction(history(grader, transaction=("AddOffsetsToTxn", 30)))
    assert "AddOffsetsToTxn" in found.message


def test_lists_are_filtered(grader: Any) -> None:
    cell = grader.matrix.Cell("analyst", "topic", "private", "Describe")
    shown = [grader.matrix.Seen(cell, "orders-private", False, True)]
    assert codes(grader.judge.lists(shown, grader.judge.private)) == ["listed"]
    assert grader.judge.lists(shown, grader.judge.granted) == []
