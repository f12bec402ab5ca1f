"""All submissions as one JUnit XML file: a test suite for each, a test case for each check."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, fromstring, indent, tostring

from kafka_lab.batch.marks import Row
from kafka_lab.reports.escape import xml
from kafka_lab.reports.junit import render as render_one


def render(rows: Sequence[Row]) -> str:
    """A whole document; the form of each suite is that of ``check --junit``."""
    root = Element("testsuites")
    for row in rows:
        for mark in row.marks:
            if mark.record is None:
                continue
            (suite,) = fromstring(render_one(mark.record.verdict))
            name = xml(f"{row.student.id}.{mark.exercise}")
            suite.set("name", name)
            suite.set("id", str(len(root)))
            for case in suite.iter("testcase"):
                case.set("classname", name)
            root.append(suite)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'
