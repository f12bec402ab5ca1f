"""The overview of a class, from verdicts in files."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from kafka_lab import wiring
from kafka_lab.api import Outcome, Verdict
from kafka_lab.guide import site
from kafka_lab.guide.class_page import best, class_page, read_results
from kafka_lab.runtime.errors import UsageError

from .conftest import HOSTILE, verdict


def graded(folder: Path, name: str, one: Verdict) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(one.to_json()))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Ada failed, then passed; Bob failed; for Cy the lab broke; Dee did another exercise."""
    folder = tmp_path / "results"
    graded(folder, "ada/first.json", verdict("1"))
    graded(folder, "ada/second.json", verdict("2", Outcome.PASSED))
    graded(folder, "bob.json", verdict("3"))
    graded(folder, "cy.json", verdict("4", Outcome.ERROR))
    graded(folder, "<b>dee.json", verdict("5", slug="of-my-own"))
    return folder


def test_the_best_counts_and_an_error_for_nothing(results: Path) -> None:
    chosen = best(read_results(results))
    assert {key[0]: v.attempt for key, v in chosen.items()} == {
        "ada": "2",
        "bob": "3",
        "cy": "4",
        "<b>dee": "5",
    }
    again = replace(verdict("6"), checks=())
    graded(results, "cy/again.json", again)
    assert best(read_results(results))[("cy", "transactions")].attempt == "6"


def test_the_page_has_learners_exercises_and_the_hardest_checks_first(results: Path) -> None:
    page = class_page(read_results(results), wiring.catalog())
    assert "4 learners, 4 graded submissions, 1 of them passed." in page
    rows = {
        name: re.sub(r"<[^>]+>", "|", cells)
        for name, cells in re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', page)
    }
    assert "100 of 100 passed" in rows["ada"]
    assert "15 of 100 failed" in rows["bob"]
    assert "the lab broke" in rows["cy"]
    assert "nothing yet" in rows["&lt;b&gt;dee"]
    transactions = page.split("## Transactions and exactly-once")[1].split("## ")[0]
    assert re.findall(r"<code>(.*?)</code>.*?<td>(\d of \d)</td>", transactions) == [
        ("survives_crashes", "1 of 2"),
        ("transfers_become_debit_and_credit", "2 of 2"),
    ]
    assert HOSTILE not in page
    assert "<b>" not in page


def test_what_is_no_verdict_is_named(results: Path, tmp_path: Path) -> None:
    (results / "eve.json").write_text('{"exercise": "transactions"}')
    with pytest.raises(UsageError, match=r"eve\.json is no verdict"):
        read_results(results)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no results"):
        read_results(tmp_path / "empty")


def test_the_site_of_a_class_has_nobodys_own_progress(results: Path, tmp_path: Path) -> None:
    output = tmp_path / "class"
    site.build_class(output, results)
    assert "100 of 100" in (output / "class.html").read_text()
    assert "Class overview" in (output / "index.html").read_text()
    assert not (output / "progress.js").exists()
    assert not (output / "progress.html").exists()
