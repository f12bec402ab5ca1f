"""What a worker is told to grade: plain values, whole in themselves, for a machine of its own."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kafka_lab import __version__
from kafka_lab.batch.course import Course, Entry
from kafka_lab.batch.intake import Submission
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.exercises.manifest import FILE

_NOT_GRADING = frozenset({"mutants", "variants", "mutants.toml", "__pycache__"})
"""Parts of a grader's folder that prove it: no verdict depends on them."""


def grader_files(folder: Path) -> dict[str, bytes]:
    """All of a grader's folder that a verdict depends on."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _NOT_GRADING & set(path.relative_to(folder).parts)
    }


def grader_digest(folder: Path) -> str:
    """Of ``grader_files``."""
    whole = hashlib.sha256()
    for name, data in grader_files(folder).items():
        whole.update(b"%d:%b%d:%b" % (len(name), name.encode(), len(data), data))
    return whole.hexdigest()


def exercise_digest(exercise: Exercise) -> str:
    """Of the manifest: its checks, points and contract. A better guide changes no verdict."""
    return hashlib.sha256((exercise.home / FILE).read_bytes()).hexdigest()


def key(submission: Submission, entry: Entry, course: Course) -> dict[str, str]:
    """What a verdict depends on, part by part: one that changes is a reason to grade again."""
    if submission.refused is not None:
        # It was never run: only its own mistake counts.
        said = f"{submission.refused.code}\n{submission.refused.message}"
        return {"submission": hashlib.sha256(said.encode()).hexdigest()}
    return {
        "submission": submission.digest,
        "language": submission.language,
        "exercise": exercise_digest(entry.exercise),
        "grader": grader_digest(entry.grader or entry.exercise.grader()),
        "seed": hashlib.sha256(str(course.seed(entry.slug)).encode()).hexdigest(),
        "backend": course.backend or "",
        "lab": __version__,
    }


def order(
    submission: Submission, entry: Entry, course: Course, sandbox: str, run: str
) -> dict[str, Any]:
    """The order for a worker; ``run`` names the run that it belongs to."""
    made: dict[str, Any] = {
        "run": run,
        "name": submission.name,
        "exercise": submission.exercise,
        "language": submission.language,
        "files": {
            name: [base64.b64encode(content.data).decode(), content.executable]
            for name, content in submission.files.items()
        },
        "backend": course.backend,
        "seed": course.seed(submission.exercise),
        "sandbox": sandbox,
        "exercise_digest": exercise_digest(entry.exercise),
        "grader_digest": grader_digest(entry.grader or entry.exercise.grader()),
        "grader": None,
    }
    if entry.grader is not None:
        made["grader"] = {
            name: base64.b64encode(data).decode()
            for name, data in grader_files(entry.grader).items()
        }
    return made


def lay_out(files: Mapping[str, Any], folder: Path) -> None:
    """Write an order's files below ``folder``. Names were judged when they were taken in."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        data, executable = value if isinstance(value, list) else (value, False)
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{name!r} leads out of the folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(data))
        path.chmod(0o755 if executable else 0o644)
