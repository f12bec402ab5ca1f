"""The verdict as JUnit XML, for CI servers.

There is no one schema; this keeps to what both common ones (Ant's and Jenkins') allow: a
``testsuites`` without attributes, one ``testsuite``, and in it properties, test cases, output.
"""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from kafka_lab.api import CheckResult, Outcome, Verdict
from kafka_lab.reports.escape import xml


def render(verdict: Verdict) -> str:
    """A whole XML document; each check is a test case, *not reached* is *skipped*."""
    root = Element("testsuites")
    cases = [_case(verdict, check) for check in verdict.checks]
    if not any(len(case) and case[0].tag != "skipped" for case in cases):
        cases += _of_the_attempt(verdict)
    started = datetime.fromtimestamp(verdict.started, UTC)
    suite = SubElement(
        root,
        "testsuite",
        _attributes(
            name=f"kafka-lab.{verdict.exercise}.{verdict.language}",
            package="kafka-lab",
            id="0",
            timestamp=f"{started:%Y-%m-%dT%H:%M:%S}",
            hostname="localhost",
            tests=str(len(cases)),
            failures=_count(cases, "failure"),
            errors=_count(cases, "error"),
            skipped=_count(cases, "skipped"),
            time=f"{verdict.seconds:.3f}",
        ),
    )
    properties = SubElement(suite, "properties")
    for name, value in (
        ("outcome", verdict.outcome.value),
        ("points", verdict.points),
        ("earned", verdict.earned),
        ("seed", verdict.seed),
        ("backend", verdict.backend),
        ("kafka_version", verdict.kafka_version),
        ("attempt", verdict.attempt),
    ):
        SubElement(properties, "property", _attributes(name=name, value=str(value)))
    suite.extend(cases)
    SubElement(suite, "system-out").text = xml("\n".join(verdict.notes))
    SubElement(suite, "system-err").text = xml(verdict.error)
    indent(root)
    body = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _attributes(**given: str) -> dict[str, str]:
    return {name: xml(value) for name, value in given.items()}


def _count(cases: list[Element], kind: str) -> str:
    return str(sum(case.find(kind) is not None for case in cases))


def _new_case(verdict: Verdict, name: str, seconds: float) -> Element:
    classname = f"kafka-lab.{verdict.exercise}.{verdict.language}"
    return Element("testcase", _attributes(classname=classname, name=name, time=f"{seconds:.3f}"))


def _case(verdict: Verdict, check: CheckResult) -> Element:
    case = _new_case(verdict, check.id, check.seconds)
    if check.outcome is Outcome.FAILED:
        said = "\n".join(f"{f.code}: {f.message}" for f in check.findings)
        code = check.findings[0].code if check.findings else "failed"
        _went_wrong(case, "failure", check.title, code, said)
    elif check.outcome is Outcome.ERROR:
        _went_wrong(case, "error", check.title, "error", check.error)
    elif check.outcome is Outcome.NOT_REACHED:
        # Without attributes: the schemas do not agree on any.
        SubElement(case, "skipped").text = xml(f"not reached: needs {', '.join(check.needs)}")
    return case


def _of_the_attempt(verdict: Verdict) -> list[Element]:
    """A case for an attempt that went wrong although no check did, or none was made."""
    if verdict.outcome is Outcome.PASSED:
        return []
    case = _new_case(verdict, "attempt", verdict.seconds)
    kind = "error" if verdict.outcome is Outcome.ERROR else "failure"
    said = verdict.error or f"the attempt ended as {verdict.outcome.value}"
    _went_wrong(case, kind, said.splitlines()[0], verdict.outcome.value, said)
    return [case]


def _went_wrong(case: Element, kind: str, message: str, type_: str, text: str) -> None:
    SubElement(case, kind, _attributes(message=message, type=type_)).text = xml(text)
