"""One student's results as JSON: nothing in it that the student must not know, such as the seed."""

from __future__ import annotations

from typing import Any

from kafka_lab.api import CheckResult
from kafka_lab.batch.course import Course
from kafka_lab.batch.marks import Mark, Row
from kafka_lab.reports.escape import plain

SCHEMA = 1


def student_json(course: Course, row: Row) -> dict[str, Any]:
    """``schema``, ``student``, ``percent`` and ``exercises``."""
    return {
        "schema": SCHEMA,
        "course": course.title,
        "student": row.student.id,
        "name": row.student.name,
        "email": row.student.email,
        "percent": row.percent,
        "exercises": [_exercise(course, mark) for mark in row.marks],
    }


def _exercise(course: Course, mark: Mark) -> dict[str, Any]:
    entry = course.entry(mark.exercise)
    assert entry is not None
    due = course.deadline(mark.student, mark.exercise)
    record = mark.record
    raw: dict[str, Any] = {
        "exercise": mark.exercise,
        "title": entry.exercise.manifest.title,
        "weight": entry.weight,
        "state": mark.state.value,
        "points": mark.points,
        "possible": mark.possible,
        "earned": mark.earned,
        "deadline": due.isoformat() if due else None,
        "late_days": mark.late_days,
        "late_factor": round(mark.factor, 4),
        "override": None,
    }
    if mark.override is not None:
        raw["override"] = {"points": mark.override.points, "reason": mark.override.reason}
    if record is not None:
        verdict = record.verdict
        raw |= {
            "outcome": verdict.outcome.value,
            "language": verdict.language,
            "submitted": record.submitted.isoformat() if record.submitted else None,
            "submitted_from": record.submitted_from,
            "kafka_version": verdict.kafka_version,
            "backend": verdict.backend,
            "checks": [_check(c) for c in verdict.checks],
        }
    found: dict[str, Any] = plain(raw)
    return found


def _check(check: CheckResult) -> dict[str, Any]:
    return {
        "id": check.id,
        "title": check.title,
        "outcome": check.outcome.value,
        "points": check.points,
        "earned": check.earned,
        "findings": [{"code": f.code, "message": f.message} for f in check.findings],
    }
