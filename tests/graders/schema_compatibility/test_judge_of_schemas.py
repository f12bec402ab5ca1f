"""The judgements of ``schema-compatibility`` over hand-made reports, each with one flaw."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest

from kafka_lab.api import Finding

from .checker import MODULES

pairs, subjects, report = MODULES["pairs"], MODULES["subjects"], MODULES["report"]
judge, histories = MODULES["judge"], MODULES["histories"]


def of(id_: str, level: str) -> Any:
    pair = next(one for one in pairs.PAIRS if one.id == id_)
    pair = replace(pair, at=tuple(path.replace("@", "") for path in pair.at))
    return subjects.of_pair(pair, f"{id_}-{level}", level, pair.rule)


def history(id_: str, level: str) -> Any:
    found = next(one for one in histories.HISTORIES if one.id == id_)
    return histories.of_history(found, f"{id_}-{level}", level, random.Random(1))


def case(subject: str, name: str, inner: str = "") -> str:
    return f"<testcase classname={quoteattr(subject)} name={quoteattr(name)}>{inner}</testcase>"


def failure(kind: str, text: str) -> str:
    return f"<failure type={quoteattr(kind)} message={quoteattr(text)}/>"


def right(subject: Any, change: Callable[[str, str], tuple[str, str]] | None = None) -> str:
    """What a right program writes about a subject; ``change`` is given each name and failure."""
    if not subject.judged:
        return case(subject.name, "error", "<error message='no'/>")
    cases = []
    for version in subject.compared:
        broken = subject.broken(version)
        paths = judge._paths(subject, version)
        inner = failure(broken, f"{paths[0]}: cannot be read") if broken else ""
        name = f"version {version.number}"
        if change:
            name, inner = change(name, inner)
        cases.append(case(subject.name, name, inner))
    return "".join(cases) or case(subject.name, "none")


def run(cases: str, code: int | None, output: str = "") -> Any:
    parsed = report.parsed(f"<testsuites><testsuite>{cases}</testsuite></testsuites>".encode())
    return report.Run("a scenario", code, parsed, output, 30.0)


def codes(found: Sequence[Finding]) -> list[str]:
    return [one.code for one in found]


MANY = [
    *(of("added-required", level) for level in (*subjects.LEVELS, "NONE", "")),
    *(of("renamed", level) for level in subjects.LEVELS),
    *(history("default-dropped", level) for level in subjects.LEVELS),
    history("nothing-yet", "FULL"),
]


def test_a_right_report_passes() -> None:
    assert not judge.verdicts(run("".join(map(right, MANY)), 1), MANY)


def test_each_verdict_that_is_wrong_is_found() -> None:
    for flawed in MANY:
        if not flawed.breaks:
            continue

        def passes(name: str, inner: str) -> tuple[str, str]:
            return name, ""

        cases = [right(one, passes if one is flawed else None) for one in MANY]
        assert codes(judge.verdicts(run("".join(cases), 1), MANY)) == ["missed"], flawed.name


def test_a_false_alarm_is_found() -> None:
    fine = of("reordered", "FULL")

    def alarmed(name: str, inner: str) -> tuple[str, str]:
        return name, failure("full", "@a: moved")

    found = judge.verdicts(run(right(fine, alarmed), 1), [fine])
    assert codes(found) == ["false-alarm"]
    assert "ordering of fields" not in found[0].message  # the rule's key; scenarios give its words
    assert "order" in found[0].message


@pytest.mark.parametrize(
    ("level", "names"),
    [
        ("FULL", ["version 1", "version 2"]),
        ("FULL_TRANSITIVE", ["version 2"]),
        ("NONE", ["version 2"]),
        ("FULL", ["none"]),
        ("FULL", ["version 2", "version 2"]),
        ("FULL", ["2"]),
    ],
)
def test_other_versions_than_the_level_is_about(level: str, names: list[str]) -> None:
    subject = history("default-dropped", level)
    cases = "".join(case(subject.name, name) for name in names)
    assert codes(judge.verdicts(run(cases, 0), [subject])) == ["wrong-versions"]


def test_the_direction_is_what_broke_and_not_the_level() -> None:
    subject = of("added-required", "FULL")

    def level(name: str, inner: str) -> tuple[str, str]:
        return name, failure("full", "@a: no default")

    assert codes(judge.verdicts(run(right(subject, level), 1), [subject])) == ["wrong-direction"]


@pytest.mark.parametrize("cases", ["", "skipped", "error"])
def test_a_subject_without_a_verdict(cases: str) -> None:
    subject = of("reordered", "FULL")
    text = case(subject.name, "version 1", f"<{cases}/>") if cases else ""
    assert codes(judge.verdicts(run(text, 0), [subject])) == ["no-verdict"]


def test_what_cannot_be_judged_has_to_be_an_error() -> None:
    lost = subjects.Subject("lost", (), subjects.Written(raw="{"), judged=False, about="no JSON")
    fine = of("reordered", "FULL")
    both = [lost, fine]
    assert not judge.verdicts(run(right(lost) + right(fine), 2), both)
    assert codes(judge.verdicts(run(case("lost", "none") + right(fine), 0), both)) == [
        "passed-over"
    ]
    assert codes(judge.verdicts(run(right(lost) + right(fine), 0), both)) == ["wrong-exit"]


@pytest.mark.parametrize("code", [0, 1, 2, -9])
def test_the_exit_code_is_exact(code: int) -> None:
    breaking = [of("added-required", "FULL")]
    found = codes(judge.verdicts(run(right(breaking[0]), code), breaking))
    assert found == ([] if code == 1 else ["wrong-exit"])


def test_one_that_hangs_or_leaves_no_report() -> None:
    subject = of("reordered", "FULL")
    assert codes(judge.verdicts(run(right(subject), None), [subject])) == ["hangs"]
    nothing = report.Run("a scenario", 0, report.Report(trouble="there is no such file"))
    assert codes(judge.verdicts(nothing, [subject])) == ["no-report"]


def test_no_verdict_at_all_is_no_pass() -> None:
    error = case("any", "error", "<error/>")
    assert not judge.no_verdict(run(error, 2))
    assert codes(judge.no_verdict(run(error, 2), asked=False)) == ["no-request"]
    assert codes(judge.no_verdict(run(case("any", "none"), 2))) == ["passed-over"]
    assert codes(judge.no_verdict(run(case("any", "none"), 0))) == ["passed-over"]
    assert codes(judge.no_verdict(run(error, 1))) == ["wrong-exit"]
    assert codes(judge.no_verdict(run(error, None))) == ["hangs"]


@pytest.mark.parametrize(
    ("said", "printed", "expected"),
    [
        ("list.inner.v: no", "{} list.inner.v", []),
        ("Order.list[].inner{{}}.v.", "{}: list[].inner{{}}.v (backward)", []),
        ("v", "{} list.inner.v", ["no-place"]),
        ("list.inner.v.x", "{} list.inner.v", ["no-place"]),
        ("list.inner.vv", "{} list.inner.v", ["no-place"]),
        ("list.inner.v", "{} breaks\nlist.inner.v", ["not-printed"]),
        ("list.inner.v", "", ["not-printed"]),
    ],
)
def test_the_whole_way_to_the_field(said: str, printed: str, expected: list[str]) -> None:
    subject = of("deep-narrowed", "BACKWARD")

    def says(name: str, inner: str) -> tuple[str, str]:
        return name, failure("backward", said.format())

    found = run(right(subject, says), 1, printed.format(subject.name))
    assert codes(judge.places(found, [subject])) == expected


# -- the report's file ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<testsuite>",
        b"<html/>",
        b"\xff\xfe\x00",
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><testsuite>&a;</testsuite>',
        b'<?xml version="1.0" encoding="nonsense"?><testsuite/>',
    ],
)
def test_what_is_no_report(data: bytes) -> None:
    assert report.parsed(data).trouble


def test_a_failures_text_is_message_and_body() -> None:
    [found] = report.parsed(
        b"<testsuite><testcase classname='s' name='version 1'>"
        b"<failure type='full' message='one'>two <b>three</b></failure></testcase></testsuite>"
    ).cases
    assert (found.subject, found.failure, found.text) == ("s", "full", "one two three")


def test_no_link_is_followed_and_no_pipe_waited_for(tmp_path: Path) -> None:
    (tmp_path / "real.xml").write_text("<testsuite/>")
    assert not report.read(tmp_path / "real.xml").trouble
    (tmp_path / "link.xml").symlink_to(tmp_path / "real.xml")
    os.mkfifo(tmp_path / "pipe.xml")
    (tmp_path / "folder.xml").mkdir()
    for name in ("link.xml", "pipe.xml", "folder.xml", "missing.xml"):
        assert report.read(tmp_path / name).trouble, name
