"""The gradebook and the lists beside it, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from kafka_lab.batch.course import Course
from kafka_lab.batch.identity import Identical
from kafka_lab.batch.marks import Change, Row
from kafka_lab.reports.escape import terminal

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula, in one line."""
    text = terminal(text).replace("\n", " ")
    return "'" + text if text.startswith(_FORMULA) else text


def number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _csv(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(lines)
    return buffer.getvalue()


def gradebook(course: Course, rows: Sequence[Row]) -> str:
    """A line for each student; ``SLUG`` has the points that count, empty where nobody decided."""
    head = ["student", "name", "email"]
    for entry in course.entries:
        slug = entry.slug
        head += [slug, f"{slug} of", f"{slug} state", f"{slug} late days", f"{slug} note"]
    lines = []
    for row in rows:
        line = [cell(row.student.id), cell(row.student.name), cell(row.student.email)]
        for mark in row.marks:
            note = mark.override.reason if mark.override else ""
            if mark.record and not note:
                note = _note(mark.record.verdict.error, mark.record.verdict.checks[:1])
            line += [number(mark.points), str(mark.possible), mark.state.value]
            line += [str(mark.late_days), cell(note)]
        lines.append([*line, number(row.percent)])
    return _csv([*head, "percent"], lines)


def _note(error: str, first: Sequence[object]) -> str:
    from kafka_lab.api import CheckResult
    from kafka_lab.batch.records import REFUSED

    if error:
        return error
    for check in first:
        if isinstance(check, CheckResult) and check.id == REFUSED and check.findings:
            return f"{check.findings[0].code}: {check.findings[0].message}"
    return ""


def identical(groups: Sequence[Identical]) -> str:
    """A line for each group. It says that they are the same, and nothing about why."""
    lines = [
        [g.exercise, g.how, "yes" if g.starter else "no", *(cell(s) for s in g.students)]
        for g in groups
    ]
    return _csv(["exercise", "same", "unchanged starter", "students"], lines)


def changes(found: Sequence[Change]) -> str:
    """What counts differently than after the last run."""
    lines = [
        [cell(c.student), c.exercise, number(c.before), number(c.after), cell(c.why)] for c in found
    ]
    return _csv(["student", "exercise", "before", "after", "why"], lines)
