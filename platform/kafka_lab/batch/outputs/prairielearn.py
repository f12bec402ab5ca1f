"""PrairieLearn's ``results.json``.

Format: "External Grading", Grading results (docs/externalGrading.md in PrairieLearn/PrairieLearn).
The file is limited to 1 MB there.
"""

from __future__ import annotations

from typing import Any

from kafka_lab.batch.marks import Mark
from kafka_lab.batch.outputs.said import of_check, of_mark
from kafka_lab.reports.escape import terminal


def results(mark: Mark) -> dict[str, Any]:
    """The document. One that the lab could not grade costs the student no attempt."""
    assert mark.record is not None
    if mark.points is None:
        return {"gradable": False, "format_errors": [of_mark(mark)]}
    score = mark.points / mark.possible if mark.possible else 0.0
    return {
        "gradable": True,
        "score": round(min(1.0, max(0.0, score)), 6),
        "message": of_mark(mark),
        "tests": [
            {
                "name": check.id,
                "description": terminal(check.title),
                "points": check.earned,
                "max_points": check.points,
                "message": of_check(check),
            }
            for check in mark.record.verdict.checks
        ],
    }
