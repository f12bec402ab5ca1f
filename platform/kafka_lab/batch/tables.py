"""The small CSV files that an instructor writes: roster, times, overrides."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from kafka_lab.runtime.errors import UsageError

OVERRIDE_COLUMNS = ("student", "exercise", "points", "reason", "by", "when")


@dataclass(frozen=True)
class Student:
    """A line of the roster. ``submission``: names of what they hand in, ``*`` matches anything."""

    id: str
    name: str = ""
    email: str = ""
    submission: str = ""
    repository: str = ""

    def owns(self, entry: str) -> bool:
        """Whether an entry of the submissions' folder, without ``.zip`` or ``.git``, is theirs."""
        return fnmatchcase(entry, self.submission) if self.submission else entry == self.id


@dataclass(frozen=True)
class Override:
    """Points that the instructor gave by hand, and why."""

    student: str
    exercise: str
    points: float
    reason: str
    by: str = ""
    when: str = ""


def _rows(
    path: Path, needed: Sequence[str], known: Sequence[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and rows. Raises ``UsageError`` naming file, line and column."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as e:
        raise UsageError(f"cannot read {path}: {e.strerror}", "name a CSV file") from e
    except UnicodeDecodeError as e:
        raise UsageError(f"{path} is not UTF-8", "save it as CSV in UTF-8") from e
    reader = csv.DictReader(io.StringIO(text, newline=""))
    columns = [c.strip() for c in reader.fieldnames or ()]
    for name in needed:
        if name not in columns:
            raise UsageError(
                f"{path} has no column '{name}'", f"its first line is: {','.join(known)}"
            )
    reader.fieldnames = columns
    for raw in reader:
        line = reader.line_num
        if None in raw:
            raise UsageError(
                f"{path}:{line}: there are more fields than columns",
                "put quotes around a field with a comma in it",
            )
        row = {k: (v or "").strip() for k, v in raw.items() if k in known}
        for name in needed:
            if not row[name]:
                raise UsageError(f"{path}:{line}: '{name}' is empty", "fill it in")
        yield line, row


def read_roster(path: Path) -> list[Student]:
    """Students in the file's order. Raises ``UsageError``."""
    found: dict[str, Student] = {}
    columns = ("student", "name", "email", "submission", "repository")
    for line, row in _rows(path, ("student",), columns):
        student = Student(row["student"], *(row.get(c, "") for c in columns[1:]))
        if student.id in found:
            raise UsageError(f"{path}:{line}: '{student.id}' is there twice", "keep one of the two")
        found[student.id] = student
    return list(found.values())


def read_times(path: Path) -> dict[tuple[str, str], datetime]:
    """When each (student, exercise) was handed in. Raises ``UsageError``."""
    found: dict[tuple[str, str], datetime] = {}
    columns = ("student", "exercise", "submitted")
    for line, row in _rows(path, columns, columns):
        try:
            when = datetime.fromisoformat(row["submitted"])
        except ValueError:
            when = None
        if when is None or when.tzinfo is None:
            raise UsageError(
                f"{path}:{line}: '{row['submitted']}' is no time with an offset",
                "write it as 2026-12-01T23:59:00+01:00",
            )
        found[row["student"], row["exercise"]] = when.astimezone(UTC)
    return found


def read_overrides(path: Path) -> dict[tuple[str, str], Override]:
    """The last line for each (student, exercise); none if there is no such file yet.

    Raises:
        UsageError: naming file, line and column.
    """
    found: dict[tuple[str, str], Override] = {}
    if not path.exists():
        return found
    for line, row in _rows(path, OVERRIDE_COLUMNS[:4], OVERRIDE_COLUMNS):
        try:
            points = float(row["points"])
            if not 0 <= points < 1e6:
                raise ValueError
        except ValueError:
            raise UsageError(
                f"{path}:{line}: points '{row['points']}' is no number from 0 up", "correct it"
            ) from None
        found[row["student"], row["exercise"]] = Override(
            row["student"],
            row["exercise"],
            points,
            row["reason"],
            row.get("by", ""),
            row.get("when", ""),
        )
    return found


def add_override(path: Path, override: Override) -> None:
    """Write one more line, keeping those before it, whole or not at all."""
    from kafka_lab.workspace.files import write

    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if not before:
        writer.writerow(OVERRIDE_COLUMNS)
    o = override
    writer.writerow([o.student, o.exercise, f"{o.points:g}", o.reason, o.by, o.when])
    separator = "" if not before or before.endswith("\n") else "\n"
    write(path, (before + separator + buffer.getvalue()).encode())
