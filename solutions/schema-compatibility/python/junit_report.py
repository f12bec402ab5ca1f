"""The report as JUnit XML: one test case for each comparison."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree


@dataclass(frozen=True)
class Case:
    """``direction`` is backward, forward or full, and says that the comparison failed;
    ``error`` says that there is no verdict."""

    subject: str
    name: str
    direction: str = ""
    message: str = ""
    error: str = ""


def write(path: Path, cases: list[Case]) -> None:
    """Write the report whole, or not at all."""
    suite = ElementTree.Element(
        "testsuite",
        name="schema-compatibility",
        tests=str(len(cases)),
        failures=str(sum(bool(c.direction) for c in cases)),
        errors=str(sum(bool(c.error) for c in cases)),
    )
    for case in cases:
        made = ElementTree.SubElement(suite, "testcase", classname=case.subject, name=case.name)
        if case.error:
            ElementTree.SubElement(made, "error", message=case.error)
        elif case.direction:
            ElementTree.SubElement(made, "failure", type=case.direction, message=case.message)
    temporary = path.with_name(path.name + ".new")
    ElementTree.ElementTree(suite).write(temporary, encoding="utf-8", xml_declaration=True)
    os.replace(temporary, path)
