"""What a run writes for people and for other programs, from marks alone.

All of it is made anew each time, into ``OUT``; only ``OUT/results`` holds what was graded.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kafka_lab.batch.course import Course
from kafka_lab.batch.identity import Identical
from kafka_lab.batch.intake import file_name
from kafka_lab.batch.marks import POINTS, Change, Row, as_points
from kafka_lab.batch.outputs import gradescope, junit, overview, prairielearn, tables
from kafka_lab.batch.outputs.student import student_json
from kafka_lab.runtime.errors import LabError
from kafka_lab.workspace.files import write


def write_all(
    out: Path,
    course: Course,
    rows: Sequence[Row],
    same: Sequence[Identical],
    changed: Sequence[Change],
    unmatched: Sequence[str],
) -> None:
    """Write every output. Raises ``LabError`` when that is not possible."""
    files: dict[str, str] = {
        "gradebook.csv": tables.gradebook(course, rows),
        "identical.csv": tables.identical(same),
        "changes.csv": tables.changes(changed),
        "junit.xml": junit.render(rows),
        "index.html": overview.index(course, rows, same, changed, unmatched),
    }
    for row in rows:
        name = file_name(row.student.id)
        files[f"students/{name}.json"] = _json(student_json(course, row))
        files[f"students/{name}.html"] = overview.student(course, row)
        for mark in row.marks:
            if mark.record is None:
                continue
            if (scored := gradescope.results(mark)) is not None:
                files[f"gradescope/{name}/{mark.exercise}/results.json"] = _json(scored)
            pl = prairielearn.results(mark)
            files[f"prairielearn/{name}/{mark.exercise}/results.json"] = _json(pl)
    # Last: what is compared with next time is what all the others say.
    files[POINTS] = _json(as_points(rows))
    try:
        for folder in ("students", "gradescope", "prairielearn"):
            shutil.rmtree(out / folder, ignore_errors=True)
        for path, text in files.items():
            write(out / path, text.encode())
    except OSError as e:
        raise LabError(
            f"cannot write {e.filename or out}: {e.strerror}", "make room; then run it again"
        ) from e


def _json(value: dict[str, Any]) -> str:
    # ASCII: nothing that a student's program wrote reaches a terminal as it is.
    return json.dumps(value, indent=1, allow_nan=False) + "\n"
