"""The overview as HTML: one page for the class, one for each student. Opens from a file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import jinja2

from kafka_lab.batch.course import Course
from kafka_lab.batch.identity import Identical
from kafka_lab.batch.intake import file_name
from kafka_lab.batch.marks import Change, Row, State
from kafka_lab.batch.outputs.said import of_check, of_mark
from kafka_lab.reports.escape import terminal


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("kafka_lab.batch.outputs", "templates"),
        autoescape=True,  # names and findings are other people's
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["plain"] = lambda text: terminal(str(text))
    made.filters["number"] = lambda value: "–" if value is None else f"{value:g}"
    # A file's name may have a percent sign of its own in it.
    made.filters["page"] = lambda student: quote(file_name(student) + ".html")
    return made


def _render(name: str, **values: Any) -> str:
    return _environment().get_template(name).render(**values)


def index(
    course: Course,
    rows: Sequence[Row],
    same: Sequence[Identical],
    changed: Sequence[Change],
    unmatched: Sequence[str],
) -> str:
    """The class: a table of students and exercises, and what an instructor has to look at."""
    marks = [mark for row in rows for mark in row.marks]
    return _render(
        "index.html",
        course=course,
        rows=rows,
        same=same,
        changed=changed,
        unmatched=unmatched,
        attention=[m for m in marks if m.state is State.ATTENTION and m.override is None],
        refused=[m for m in marks if m.state is State.REFUSED],
        counts={state.value: sum(m.state is state for m in marks) for state in State},
    )


def student(course: Course, row: Row) -> str:
    """One student: each exercise with its checks and findings."""
    parts = []
    for mark in row.marks:
        entry = course.entry(mark.exercise)
        assert entry is not None
        parts.append(
            {
                "mark": mark,
                "title": entry.exercise.manifest.title,
                "said": of_mark(mark) if mark.record else "Nothing was handed in.",
                "checks": [
                    {"check": c, "said": of_check(c)}
                    for c in (mark.record.verdict.checks if mark.record else ())
                ],
            }
        )
    return _render("student.html", course=course, row=row, parts=parts)
