"""Results on disk: one file for each submission, which is a verdict with where it came from.

``OUT/results/<student>/<exercise>.json`` is what ``check --json`` prints, with one more table,
``submission``. A file is there whole or not at all, so a run that was killed goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from kafka_lab.api import CheckResult, Outcome, Verdict
from kafka_lab.batch.course import Course, Entry
from kafka_lab.batch.intake import Submission, file_name
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.reports.escape import plain
from kafka_lab.runtime.errors import LabError
from kafka_lab.workspace.files import write

FOLDER = "results"
REFUSED = "submission"
"""Id of the check that says why a submission was not run."""


@dataclass(frozen=True)
class Record:
    """One graded submission. ``why``: the parts of the key that made it be graded (again)."""

    student: str
    exercise: str
    verdict: Verdict
    key: Mapping[str, str]
    digest: str = ""
    loose_digest: str = ""
    submitted: datetime | None = None
    submitted_from: str = ""
    origin: str = ""
    tries: int = 0
    why: tuple[str, ...] = field(default=())

    @property
    def refused(self) -> bool:
        """Whether it was not run."""
        return any(c.id == REFUSED for c in self.verdict.checks)

    def to_json(self) -> dict[str, Any]:
        raw = self.verdict.to_json()
        raw["submission"] = {
            "student": self.student,
            "exercise": self.exercise,
            "origin": self.origin,
            "submitted": self.submitted.isoformat() if self.submitted else None,
            "submitted_from": self.submitted_from,
            "digest": self.digest,
            "loose_digest": self.loose_digest,
            "key": dict(self.key),
            "tries": self.tries,
            "why": list(self.why),
        }
        found: dict[str, Any] = plain(raw)
        return found

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Record:
        """Raises ``ValueError``, ``KeyError`` or ``TypeError`` for anything else."""
        about = raw["submission"]
        when = about["submitted"]
        return cls(
            student=about["student"],
            exercise=about["exercise"],
            verdict=Verdict.from_json(raw),
            key=dict(about["key"]),
            digest=about["digest"],
            loose_digest=about["loose_digest"],
            submitted=datetime.fromisoformat(when) if when else None,
            submitted_from=about["submitted_from"],
            origin=about["origin"],
            tries=int(about["tries"]),
            why=tuple(about["why"]),
        )


def path_of(out: Path, student: str, exercise: str) -> Path:
    return out / FOLDER / file_name(student) / f"{exercise}.json"


def save(out: Path, record: Record) -> None:
    """Write it in one step. Raises ``LabError`` when that is not possible."""
    path = path_of(out, record.student, record.exercise)
    text = json.dumps(record.to_json(), indent=1, allow_nan=False)
    try:
        write(path, text.encode())
    except OSError as e:
        raise LabError(f"cannot write {path}: {e.strerror}", "make room; then run it again") from e


def load_all(out: Path) -> dict[tuple[str, str], Record]:
    """All results by student and exercise; a broken file is as good as none."""
    found: dict[tuple[str, str], Record] = {}
    for path in sorted((out / FOLDER).glob("*/*.json")):
        try:
            record = Record.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        found[record.student, record.exercise] = record
    return found


def made(
    submission: Submission,
    verdict: Verdict,
    key: Mapping[str, str],
    tries: int,
    why: tuple[str, ...],
) -> Record:
    """The record of a submission that was graded just now."""
    refused = submission.refused is not None
    return Record(
        submission.student,
        submission.exercise,
        verdict,
        key,
        "" if refused else submission.digest,
        "" if refused else submission.loose_digest,
        submission.submitted,
        submission.submitted_from,
        submission.origin,
        tries,
        why,
    )


def _unrun(
    submission: Submission,
    entry: Entry,
    course: Course,
    outcome: Outcome,
    first: CheckResult | None,
) -> Verdict:
    checks = [
        CheckResult(c.id, c.id, Outcome.NOT_REACHED, c.points, needs=(REFUSED,) if first else ())
        for c in entry.exercise.manifest.checks
    ]
    return Verdict(
        exercise=submission.exercise,
        language=submission.language,
        outcome=outcome,
        checks=tuple([first, *checks] if first else checks),
        seed=course.seed(submission.exercise),
        backend=course.backend or "",
        kafka_version=ClusterSpec().version,
        attempt="",
        started=0.0,
        seconds=0.0,
        exercise_version=entry.exercise.manifest.version,
    )


def refused_verdict(submission: Submission, entry: Entry, course: Course) -> Verdict:
    """*Failed*, for a submission that is not run: its one finding says why."""
    assert submission.refused is not None
    said = "What was handed in can be graded."
    first = CheckResult(REFUSED, said, Outcome.FAILED, 0, (submission.refused,))
    return _unrun(submission, entry, course, Outcome.FAILED, first)


def broken_verdict(submission: Submission, entry: Entry, course: Course, why: str) -> Verdict:
    """*Error*, for a submission on which the lab itself broke, again and again."""
    from dataclasses import replace

    return replace(_unrun(submission, entry, course, Outcome.ERROR, None), error=why)
