"""Gradebook, pages and other systems' files: by their published formats, and safe to open."""

from __future__ import annotations

import csv
import importlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from kafka_lab.api import Finding, Outcome
from kafka_lab.batch.course import Course
from kafka_lab.batch.identity import Identical
from kafka_lab.batch.intake import Submission
from kafka_lab.batch.marks import Change, Row, rows
from kafka_lab.batch.outputs import gradescope, prairielearn, write_all
from kafka_lab.batch.records import Record, load_all, made, refused_verdict, save
from kafka_lab.batch.run import MARKER
from kafka_lab.batch.tables import Override, Student
from kafka_lab.guide.class_page import read_results

from .conftest import make_record

EVIL = '<script>alert(1)</script>\x1b[2J]]>&"\u202e'
SCHEMAS = Path(__file__).parent / "schemas"


def errors(name: str, document: Mapping[str, Any]) -> list[str]:
    jsonschema: Any = importlib.import_module("jsonschema")
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return [e.message for e in jsonschema.Draft202012Validator(schema).iter_errors(document)]


def refused(course: Course, student: str) -> Record:
    finding = Finding("path-escapes", f"A path leads out: {EVIL}")
    submission = Submission(student, "transactions", "", refused=finding, origin=EVIL)
    entry = course.entry("transactions")
    assert entry is not None
    return made(submission, refused_verdict(submission, entry, course), {"submission": "x"}, 0, ())


@pytest.fixture
def table(course: Course) -> list[Row]:
    found = {
        ("ada", "transactions"): make_record(course, "ada", earned=100),
        ("ada", "partitioning"): make_record(course, "ada", "partitioning", earned=100),
        ("bob", "transactions"): make_record(course, "bob", earned=40, message=EVIL),
        ("cyd", "transactions"): make_record(course, "cyd", outcome=Outcome.ERROR),
        (EVIL, "transactions"): refused(course, EVIL),
        ("=cmd()", "transactions"): make_record(course, "=cmd()", earned=1, message="x" * 10**6),
    }
    given = {("bob", "partitioning"): Override("bob", "partitioning", 55, EVIL)}
    students = [Student("ada", "Ada"), *(Student(s) for s in ("bob", "cyd", EVIL, "=cmd()"))]
    return rows(course, students, found, given)


@pytest.fixture
def out(course: Course, table: list[Row], tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    same = [Identical("transactions", "bytes", ("ada", EVIL))]
    changed = [Change(EVIL, "transactions", None, 3, EVIL)]
    write_all(folder, course, table, same, changed, [EVIL])
    for row in table:
        for mark in row.marks:
            if mark.record:
                save(folder, mark.record)
    return folder


def test_other_systems_files_have_their_published_formats(out: Path, table: list[Row]) -> None:
    for system in ("gradescope", "prairielearn"):
        files = sorted((out / system).rglob("results.json"))
        assert len(files) == (5 if system == "gradescope" else 6)
        for path in files:
            assert errors(system, json.loads(path.read_text())) == [], path
            assert path.stat().st_size < 1_000_000
            assert path.read_text().isascii()
    marks = {(r.student.id, m.exercise): m for r in table for m in r.marks}
    bob = gradescope.results(marks["bob", "transactions"])
    assert bob is not None
    assert (bob["score"], [t["score"] for t in bob["tests"]]) == (40, [40, 0])
    assert [t["status"] for t in bob["tests"]] == ["passed", "failed"]
    assert gradescope.results(marks["cyd", "transactions"]) is None
    assert prairielearn.results(marks["bob", "transactions"])["score"] == 0.4
    assert prairielearn.results(marks["cyd", "transactions"])["gradable"] is False


def test_the_schemas_of_these_tests_refuse_what_the_formats_do() -> None:
    assert errors("gradescope", {"tests": [{"name": "no score"}]})
    assert errors("gradescope", {"score": 1, "visibility": "everybody"})
    assert errors("gradescope", {"score": 1, "tests": [{"status": "error"}]})
    assert errors("prairielearn", {"score": 40})
    assert errors("prairielearn", {"message": "no score"})
    assert errors("prairielearn", {"gradable": False}) == []


def test_nothing_in_a_page_or_table_is_anything_but_text(out: Path) -> None:
    pages = sorted(out.rglob("*.html"))
    assert len(pages) == 6
    for page in pages:
        text = page.read_text()
        assert "<script" not in text
        assert "\x1b" not in text
        assert "\u202e" not in text
    index = (out / "index.html").read_text()
    for link in re.findall(r'href="(students/[^"]+)"', index):
        from urllib.parse import unquote

        assert (out / unquote(link)).is_file(), link
    for name in ("gradebook.csv", "identical.csv", "changes.csv"):
        text = (out / name).read_text()
        assert "\x1b" not in text
        for row in csv.reader(text.splitlines()):
            assert not any(cell.startswith(("=", "+", "@")) for cell in row), row


def test_the_gradebook_has_every_student_and_no_points_where_nobody_knows(out: Path) -> None:
    book = {r["student"]: r for r in csv.DictReader((out / "gradebook.csv").open())}
    assert len(book) == 5
    assert book["ada"]["percent"] == "100"
    assert (book["cyd"]["transactions"], book["cyd"]["transactions state"]) == (
        "",
        "needs attention",
    )
    assert (book["bob"]["partitioning"], book["bob"]["partitioning state"]) == ("55", "missing")


def test_what_a_student_is_given_does_not_tell_the_seed(out: Path) -> None:
    told = [p for d in ("students", "gradescope", "prairielearn") for p in (out / d).rglob("*.*")]
    assert len(told) > 15
    for path in told:
        assert "424242" not in path.read_text(), path
    ada = json.loads((out / "students" / "ada.json").read_text())
    assert ada["percent"] == 100
    assert [e["exercise"] for e in ada["exercises"]] == ["transactions", "partitioning"]


def test_junit_has_a_suite_for_each_submission(out: Path) -> None:
    suites = list(ElementTree.parse(out / "junit.xml").getroot())
    assert len(suites) == 6
    assert len({s.get("name") for s in suites}) == 6
    kinds = {s.get("name"): (s.get("failures"), s.get("errors")) for s in suites}
    assert kinds["bob.transactions"] == ("1", "0")
    assert kinds["ada.transactions"][1] == "0"


def test_results_are_read_back_as_they_were_and_make_the_class_page(
    out: Path, table: list[Row]
) -> None:
    records = {(r.student.id, m.exercise): m.record for r in table for m in r.marks if m.record}
    found = load_all(out)
    assert set(found) == set(records)
    assert found["ada", "transactions"] == records["ada", "transactions"]
    (out / MARKER).touch()
    read = read_results(out)
    assert {(r.learner, r.verdict.exercise) for r in read} == set(records)
    (out / "results" / "ada" / "transactions.json").write_text("{")
    assert ("ada", "transactions") not in load_all(out)
