"""Snippets in the pages hold: Python compiles and imports what there is, data parses, names exist.

Commands are in ``test_docs.py``; what a tutorial's commands do is in ``test_tutorial.py``; hooks'
examples are run in ``tests/api``.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
import tomllib
from typing import Any
from xml.etree import ElementTree

import pytest

from kafka_lab.grading.lab import Lab

from .test_docs import PAGES, ROOT, name_of

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ELSEWHERE = {"sh", "console", "text", ""}
"""Commands have a test of their own; the rest is output, diagrams and layouts for the eye."""


def snippets(*languages: str) -> list[Any]:
    return [
        pytest.param(text, id=f"{name_of(page)}:{number}")
        for page in PAGES
        for number, (language, text) in enumerate(_FENCE.findall(page.read_text()), 1)
        if language in languages
    ]


def test_every_kind_of_snippet_is_looked_at() -> None:
    kinds = {language for page in PAGES for language, _ in _FENCE.findall(page.read_text())}
    assert kinds - _ELSEWHERE <= {"python", "toml", "json", "diff", "xml"}


@pytest.mark.parametrize("text", snippets("python"))
def test_python_compiles_and_imports_what_there_is(text: str) -> None:
    tree = ast.parse(text)
    missing = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kafka_lab"):
            module = importlib.import_module(node.module or "")
            missing += [a.name for a in node.names if not hasattr(module, a.name)]
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            asked = node.value.id == "lab" and node.attr not in _of_the_lab()
            missing += [f"lab.{node.attr}"] if asked else []
    assert missing == []


def _of_the_lab() -> set[str]:
    return {*dir(Lab), *Lab.__dataclass_fields__}


@pytest.mark.parametrize("text", snippets("toml"))
def test_toml_parses(text: str) -> None:
    assert tomllib.loads(text)


@pytest.mark.parametrize("text", snippets("json"))
def test_json_parses(text: str) -> None:
    # One value, or one a line.
    try:
        json.loads(text)
    except ValueError:
        assert [json.loads(line) for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("text", snippets("xml"))
def test_xml_parses(text: str) -> None:
    assert ElementTree.fromstring(text) is not None


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/contributors/graders.md"])
def test_the_example_of_a_mutant_is_one_that_there_is(page: str) -> None:
    (text,) = [t for lang, t in _FENCE.findall((ROOT / page).read_text()) if lang == "toml"]
    (shown,) = tomllib.loads(text)["mutant"]
    listed = tomllib.loads((ROOT / "graders/transactions/mutants.toml").read_text())["mutant"]
    (known,) = [m for m in listed if m["id"] == shown["id"]]
    for key, value in known.items():
        if key != "why":  # in the pages it may be said in other words
            assert (key, shown[key]) == (key, value)
    assert set(shown) == set(known)


def test_files_that_pages_name_are_there() -> None:
    """Paths of this repository in backticks, such as ``tests/oracles/mutate.sh``."""
    top = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")}
    wrong = []
    # That page is about a package of the reader's own.
    for page in (p for p in PAGES if p.name != "write-an-exercise.md"):
        for code in re.findall(r"`([\w.-]+/[\w./-]+)`", _FENCE.sub("", page.read_text())):
            first = code.split("/")[0]
            if first in top and not (ROOT / code).exists() and not (ROOT / "docs" / code).exists():
                wrong.append((name_of(page), code))
    assert wrong == []
