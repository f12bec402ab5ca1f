from __future__ import annotations

import json
from dataclasses import replace
from xml.etree.ElementTree import Element, fromstring

import pytest

from kafka_lab.api import CheckResult, Finding, Outcome, Verdict
from kafka_lab.exercises.plugins import Plugins
from kafka_lab.reports import builtin, escape, json_, junit

# What the common JUnit schemas agree on: children in order, required and allowed attributes.
SHAPE: dict[str, tuple[list[str], set[str], set[str]]] = {
    "testsuites": (["testsuite"], set(), set()),
    "testsuite": (
        ["properties", "testcase", "system-out", "system-err"],
        {"name", "package", "id", "timestamp", "hostname", "tests", "failures", "errors", "time"},
        {"skipped"},
    ),
    "properties": (["property"], set(), set()),
    "property": ([], {"name", "value"}, set()),
    "testcase": (["skipped", "error", "failure"], {"classname", "name", "time"}, set()),
    "failure": ([], {"type"}, {"message"}),
    "error": ([], {"type"}, {"message"}),
    "skipped": ([], set(), set()),
    "system-out": ([], set(), set()),
    "system-err": ([], set(), set()),
}


def assert_shape(element: Element) -> None:
    children, required, optional = SHAPE[element.tag]
    assert required <= set(element.attrib) <= required | optional, element.tag
    places = [children.index(child.tag) for child in element]
    assert places == sorted(places), element.tag
    for child in element:
        assert_shape(child)


def suite(verdict: Verdict) -> Element:
    """The one suite of a report that has the right shape."""
    text = junit.render(verdict)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>')
    root = fromstring(text.encode())
    assert_shape(root)
    (found,) = root
    cases = found.findall("testcase")
    assert found.get("tests") == str(len(cases))
    for kind, attribute in [("failure", "failures"), ("error", "errors"), ("skipped", "skipped")]:
        assert found.get(attribute) == str(sum(c.find(kind) is not None for c in cases))
    return found


def test_junit(failed: Verdict) -> None:
    found = suite(failed)
    assert found.get("name") == "kafka-lab.transactions.python"
    assert found.get("timestamp") == "2026-01-02T03:04:05"
    assert found.get("time") == "23.370"
    counts = [found.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert counts == ["4", "1", "0", "1"]
    properties = {p.get("name"): p.get("value") for p in found.iter("property")}
    assert properties["seed"] == "4711"
    assert properties["earned"] == "20"
    failure = found.find("testcase/failure")
    assert failure is not None
    assert failure.get("type") == "lost"
    assert failure.text is not None
    assert failure.text.count("duplicate: transfer") == 7
    assert found.findtext("testcase/skipped") == "not reached: needs survives_crashes"
    assert "evicted the dead member" in (found.findtext("system-out") or "")


def test_junit_of_an_error_in_a_check(failed: Verdict) -> None:
    broken = CheckResult("c", "Title.", Outcome.ERROR, 5, error="broker died\ncheck again")
    found = suite(replace(failed, outcome=Outcome.ERROR, checks=(broken,)))
    assert found.findtext("testcase/error") == "broker died\ncheck again"


@pytest.mark.parametrize(
    ("outcome", "kind"), [(Outcome.ERROR, "error"), (Outcome.FAILED, "failure")]
)
@pytest.mark.parametrize("checks", ["none", "passed and skipped"])
def test_junit_is_never_green_when_the_attempt_is_not(
    failed: Verdict, outcome: Outcome, kind: str, checks: str
) -> None:
    kept = () if checks == "none" else (failed.checks[0], failed.checks[2])
    found = suite(replace(failed, outcome=outcome, checks=kept, error="Docker died"))
    assert found.findtext(f"testcase[@name='attempt']/{kind}") == "Docker died"


def test_junit_has_nothing_that_xml_forbids(failed: Verdict) -> None:
    nasty = "".join(map(chr, range(0xA0))) + "\ud800\udcff\ufffe\uffff ]]> <b> & é 😀"
    check = CheckResult("c", nasty, Outcome.FAILED, 5, (Finding(nasty, nasty),))
    error = CheckResult("d", nasty, Outcome.ERROR, 5, error=nasty)
    skipped = CheckResult("e", nasty, Outcome.NOT_REACHED, 5, needs=(nasty,))
    verdict = replace(
        failed, checks=(check, error, skipped), error=nasty, notes=(nasty,), backend=nasty
    )
    found = suite(verdict)
    text = found.findtext("testcase/failure") or ""
    assert r"\x1b" in text
    assert r"\ud800" in text
    assert "]]> <b> & é 😀" in text


def test_json(failed: Verdict) -> None:
    text = json_.render(failed)
    assert Verdict.from_json(json.loads(text)) == failed
    assert json.loads(text)["schema"] == 1
    assert text.endswith("}\n")


def test_json_says_whatever_a_finding_holds(failed: Verdict) -> None:
    data = {
        "bytes": b"\x00\xff",
        "nan": float("nan"),
        "set": {1},
        "nested": {1: (2.5, None, True)},
        "odd": Outcome.PASSED,
        "esc": "\x1b\x9b\udcff",
    }
    check = replace(failed.checks[1], findings=(Finding("c", "m", data),))
    text = json_.render(replace(failed, checks=(check,)))
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)["checks"][0]["findings"][0]["data"] == {
        "bytes": "\x00\\xff",
        "nan": "nan",
        "set": [1],
        "nested": {"1": [2.5, None, True]},
        "odd": "passed",
        "esc": "\x1b\x9b\udcff",
    }


@pytest.mark.parametrize(
    ("given", "cleaned"),
    [
        ("a\r\nb\n\tc", "a\nb\n    c"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("over\rwritten\x08\x7f", r"over\x0dwritten\x08\x7f"),
        ("\x9b31m\u202e\u2066\ufeff\udcff", r"\x9b31m\u202e\u2066\ufeff\udcff"),
        ("é 漢字 😀 \u200d", "é 漢字 😀 \u200d"),
    ],
)
def test_text_for_a_terminal(given: str, cleaned: str) -> None:
    assert escape.terminal(given) == cleaned
    assert escape.terminal(escape.terminal(given)) == cleaned


def test_text_for_a_terminal_that_cannot_show_it() -> None:
    assert escape.terminal("é ✓", "latin-1") == "é \\u2713"


def test_the_formats_are_a_plugin() -> None:
    plugins = Plugins({"reports": builtin}, installed=[], disable=[])
    assert plugins.problems == []
    assert list(plugins.report_formats()) == ["json", "junit"]
