"""Gradescope's ``results.json``.

Format: "Autograder Specifications", Output format
(https://gradescope-autograders.readthedocs.io/en/latest/specs/).
"""

from __future__ import annotations

from typing import Any

from kafka_lab.api import Outcome
from kafka_lab.batch.marks import Mark
from kafka_lab.batch.outputs.said import of_check, of_mark
from kafka_lab.reports.escape import terminal


def results(mark: Mark) -> dict[str, Any] | None:
    """The document; ``None`` where nobody knows the points.

    Without the file Gradescope says that the autograder failed, and asks the instructor: that is
    what has happened. A score of 0 would be a verdict.
    """
    if mark.points is None or mark.record is None:
        return None
    verdict = mark.record.verdict
    return {
        "score": mark.points,
        "execution_time": round(verdict.seconds),
        "output": of_mark(mark),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "extra_data": {
            "exercise": verdict.exercise,
            "exercise_version": verdict.exercise_version,
            "outcome": verdict.outcome.value,
        },
        "tests": [
            {
                "score": check.earned,
                "max_score": check.points,
                "status": "passed" if check.outcome is Outcome.PASSED else "failed",
                "name": terminal(check.title),
                "number": str(number),
                "output": of_check(check),
                "tags": [check.id],
                "visibility": "visible",
            }
            for number, check in enumerate(verdict.checks, 1)
        ],
    }
