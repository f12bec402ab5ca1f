"""From results to points: lateness, overrides, weights; and what changed since the last time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from kafka_lab.api import Outcome
from kafka_lab.batch.course import Course
from kafka_lab.batch.records import Record
from kafka_lab.batch.tables import Override, Student

POINTS = "points.json"
"""In OUT: what counted when the last run came to its end."""


class State(StrEnum):
    GRADED = "graded"
    REFUSED = "refused"
    MISSING = "missing"
    ATTENTION = "needs attention"


@dataclass(frozen=True)
class Mark:
    """One cell of the gradebook.

    ``earned`` is what the grader gave, ``points`` what counts in the end: after lateness, or by
    override. ``points`` is ``None`` when the lab broke and nobody has decided yet.
    """

    student: str
    exercise: str
    state: State
    possible: int
    earned: int = 0
    points: float | None = 0.0
    late_days: int = 0
    factor: float = 1.0
    override: Override | None = None
    record: Record | None = None


@dataclass(frozen=True)
class Row:
    """One student's line: marks in the course's order, and percent of the whole course."""

    student: Student
    marks: tuple[Mark, ...]
    percent: float


@dataclass(frozen=True)
class Change:
    """A mark that is another one than after the last run. ``None``: there was, or is, none."""

    student: str
    exercise: str
    before: float | None
    after: float | None
    why: str


def mark(
    student: str, slug: str, course: Course, record: Record | None, override: Override | None
) -> Mark:
    """One mark. An override counts as it is."""
    entry = course.entry(slug)
    assert entry is not None
    possible = entry.exercise.manifest.points
    if record is None:
        given = override.points if override else 0.0
        return Mark(student, slug, State.MISSING, possible, points=given, override=override)
    due = course.deadline(student, slug)
    days = course.late.days(due, record.submitted) if due and record.submitted else 0
    factor = course.late.factor(days)
    broken = record.verdict.outcome is Outcome.ERROR
    earned = 0 if broken else record.verdict.earned
    points: float | None = None if broken else round(earned * factor, 2)
    state = State.ATTENTION if broken else State.REFUSED if record.refused else State.GRADED
    if override is not None:
        points = override.points
    return Mark(student, slug, state, possible, earned, points, days, factor, override, record)


def rows(
    course: Course,
    students: Sequence[Student],
    records: Mapping[tuple[str, str], Record],
    overrides: Mapping[tuple[str, str], Override],
) -> list[Row]:
    """The whole gradebook, in the students' order."""
    whole = sum(e.weight for e in course.entries)
    found = []
    for student in students:
        marks = tuple(
            mark(
                student.id,
                e.slug,
                course,
                records.get((student.id, e.slug)),
                overrides.get((student.id, e.slug)),
            )
            for e in course.entries
        )
        parts = (
            e.weight * (m.points or 0.0) / m.possible if m.possible else 0.0
            for e, m in zip(course.entries, marks, strict=True)
        )
        found.append(Row(student, marks, round(100 * sum(parts) / whole, 2)))
    return found


def as_points(table: Sequence[Row]) -> dict[str, dict[str, float | None]]:
    """Student, exercise, points: of what was handed in, or given by hand."""
    return {
        row.student.id: {
            m.exercise: m.points
            for m in row.marks
            if m.state is not State.MISSING or m.override is not None
        }
        for row in table
    }


def read_points(out: Path) -> dict[str, dict[str, float | None]] | None:
    """The points of the last run; ``None`` if there was none."""
    try:
        raw = json.loads((out / POINTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return raw if isinstance(raw, dict) else None


def changes(before: Mapping[str, Mapping[str, float | None]], table: Sequence[Row]) -> list[Change]:
    """What counts differently now."""
    now = as_points(table)
    marks = {(row.student.id, m.exercise): m for row in table for m in row.marks}
    found = []
    keys = {(s, e) for points in (before, now) for s, es in points.items() for e in es}
    for student, exercise in sorted(keys):
        was_there = exercise in before.get(student, {})
        is_there = exercise in now.get(student, {})
        old = before.get(student, {}).get(exercise)
        new = now.get(student, {}).get(exercise)
        if was_there == is_there and old == new:
            continue
        why = _why(marks.get((student, exercise)), was_there, is_there)
        found.append(Change(student, exercise, old, new, why))
    return found


def _why(mark: Mark | None, was_there: bool, is_there: bool) -> str:
    if not is_there or mark is None:
        return "no longer handed in"
    if mark.override is not None:
        return f"override: {mark.override.reason}"
    if not was_there:
        return "new"
    if mark.record is not None and mark.record.why:
        return "graded again: " + ", ".join(mark.record.why)
    return "deadline, late policy or override"
