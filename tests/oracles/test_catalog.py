"""Each hand-made history gives exactly its codes, and the words and data in ``golden.txt``.

After a change of words: ``KAFKA_LAB_GOLDEN=write pytest tests/oracles/test_catalog.py``, and read
the difference.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kafka_lab.oracles import CODES

from .catalog import HISTORIES, History
from .make import codes

GOLDEN = Path(__file__).with_name("golden.txt")


def golden() -> dict[str, str]:
    blocks = GOLDEN.read_text(encoding="utf-8").split("\n\n")
    return dict(block.strip("\n").split("\n", 1) for block in blocks if "\n" in block.strip("\n"))


def words(history: History) -> str:
    lines = []
    for finding in history.findings:
        lines.append(f"  {finding.code}: {finding.message}")
        lines.append(f"    {json.dumps(dict(finding.data), sort_keys=True)}")
    return "\n".join(lines)


if os.environ.get("KAFKA_LAB_GOLDEN") == "write":
    bad = [h for h in HISTORIES if h.findings]
    GOLDEN.write_text("\n\n".join(f"{h.name}\n{words(h)}" for h in bad) + "\n", encoding="utf-8")


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_a_history_has_exactly_its_codes(history: History) -> None:
    assert tuple(codes(history.findings)) == history.codes


@pytest.mark.parametrize("history", [h for h in HISTORIES if h.codes], ids=lambda h: h.name)
def test_words_and_data_are_the_golden_ones(history: History) -> None:
    assert words(history) == golden()[history.name]


@pytest.mark.parametrize("history", [h for h in HISTORIES if h.codes], ids=lambda h: h.name)
def test_findings_are_json_and_safe_to_print(history: History) -> None:
    for finding in history.findings:
        json.dumps(finding.to_json(), ensure_ascii=False, allow_nan=False).encode("utf-8")
        assert finding.message.isprintable()
        assert "Look at" in finding.message
        assert finding.data["count"] >= len(finding.data["cases"]) > 0


def test_every_code_has_a_history_and_no_other_exists() -> None:
    assert {code for history in HISTORIES for code in history.codes} == set(CODES)


def test_names_and_golden_texts_match() -> None:
    assert len({h.name for h in HISTORIES}) == len(HISTORIES)
    assert set(golden()) == {h.name for h in HISTORIES if h.codes}
