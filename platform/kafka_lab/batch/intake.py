"""What a class handed in: who, which exercise, when, and what is refused.

Layouts (docs/instructors/grade-a-class.md): an entry of the submissions' folder for each student, a
folder, a zip archive or a git repository; in it an exercise's folder, archive or repository.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from kafka_lab.api import Finding
from kafka_lab.batch.course import Course
from kafka_lab.batch.identity import digest, loose_digest
from kafka_lab.batch.layout import Part, language, parts
from kafka_lab.batch.reading import (
    SKIPPED,
    Found,
    Refused,
    control,
    is_repository,
    read_folder,
    read_repository,
    read_zip,
    shown,
    walk,
)
from kafka_lab.batch.tables import Student, read_roster, read_times
from kafka_lab.runtime.errors import UsageError
from kafka_lab.workspace.files import IGNORE, README, Content
from kafka_lab.workspace.marker import MARKER

_ARCHIVES = (".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")
_URL = re.compile(r"^(https://|ssh://|git@)")


@dataclass(frozen=True)
class Submission:
    """One student's program for one exercise. ``refused``: why it is not run."""

    student: str
    exercise: str
    language: str
    files: Mapping[str, Content] = field(repr=False, default_factory=dict)
    refused: Finding | None = None
    submitted: datetime | None = None
    submitted_from: str = ""
    origin: str = ""
    """The entry it came from, as it may be shown."""

    @property
    def name(self) -> str:
        return f"{self.student}/{self.exercise}"

    @property
    def digest(self) -> str:
        return digest(self.files) if self.refused is None else self.refused.code

    @property
    def loose_digest(self) -> str:
        return loose_digest(self.files)


@dataclass
class Intake:
    """Everything that was found. ``unmatched``: entries that are nobody's on the roster."""

    students: list[Student]
    submissions: list[Submission] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)


def file_name(student: str) -> str:
    """A student's id as the name of a file: harmless, and different for different ids."""
    name = quote(student, safe="@+, ")
    return "%2E" + name[1:] if name.startswith(".") else name


def take_in(folder: Path, course: Course) -> Intake:
    """Read everything below ``folder``; what is wrong with one submission is its own failure.

    Raises:
        UsageError: when the folder, the roster or the file of times cannot be used.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder", "name the folder with a class's submissions")
    times = read_times(course.submitted) if course.submitted else {}
    roster = read_roster(course.roster) if course.roster else None
    intake = Intake(list(roster or ()))
    owned: dict[str, list[Path]] = {s.id: [] for s in roster or ()}
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name in SKIPPED or _is_table(entry, course):
            continue
        name = _stem(entry)
        owner = name if roster is None else next((s.id for s in roster if s.owns(name)), None)
        if owner is None:
            intake.unmatched.append(shown(entry.name))
        else:
            owned.setdefault(owner, []).append(entry)
    if roster is None:
        intake.students = [Student(name) for name in owned]
    for student in intake.students:
        intake.submissions += _of(student, owned[student.id], course, times)
    return intake


def _is_table(entry: Path, course: Course) -> bool:
    if entry.resolve() == course.path.resolve():
        return True
    return entry.suffix == ".csv" and entry.is_file()


def _stem(entry: Path) -> str:
    for ending in (".zip", ".git"):
        if entry.name.lower().endswith(ending):
            return entry.name[: -len(ending)]
    return entry.name


def _of(
    student: Student,
    entries: Sequence[Path],
    course: Course,
    times: Mapping[tuple[str, str], datetime],
) -> list[Submission]:
    """A student's submissions, one at most for each exercise of the course."""
    made: dict[str, Submission] = {}
    blanket: list[tuple[Finding, str]] = []
    pieces: list[tuple[str, str, Found | Refused]] = []
    for entry in entries:
        pieces += _pieces(entry, course)
    if student.repository:
        pieces.append(("", student.repository, _cloned(student.repository)))
    for hint, origin, read in pieces:
        if isinstance(read, Refused):
            finding = Finding(read.code, read.message)
            if course.entry(hint):
                made[hint] = Submission(student.id, hint, "", refused=finding, origin=origin)
            else:
                blanket.append((finding, origin))
            continue
        try:
            found = list(parts(read.files, course, hint))
        except Refused as e:
            blanket.append((Finding(e.code, e.message), origin))
            continue
        for part in found:
            new = _submission(student, part, read, origin)
            if part.entry.slug in made:
                twice = f"{part.entry.slug} was handed in twice: {made[part.entry.slug].origin} "
                finding = Finding("ambiguous", f"{twice}and {origin}. Keep one of them.")
                new = Submission(student.id, part.entry.slug, "", refused=finding, origin=origin)
            made[part.entry.slug] = new
    # What cannot be opened may have held anything: it stands for what is not there otherwise.
    for finding, origin in blanket:
        for entry_ in course.entries:
            if entry_.slug not in made:
                made[entry_.slug] = Submission(
                    student.id, entry_.slug, "", refused=finding, origin=origin
                )
    return [_timed(made[e.slug], times) for e in course.entries if e.slug in made]


def _timed(submission: Submission, times: Mapping[tuple[str, str], datetime]) -> Submission:
    when = times.get((submission.student, submission.exercise))
    if when is None:
        return submission
    return replace(submission, submitted=when, submitted_from="the file of times")


def _submission(student: Student, part: Part, read: Found, origin: str) -> Submission:
    refused, track = None, ""
    try:
        if not set(part.files) - {MARKER, README, IGNORE}:
            raise Refused("empty", f"There is no program for {part.entry.slug} in it.")
        track = language(part)
    except Refused as e:
        refused = Finding(e.code, e.message)
    return Submission(
        student.id,
        part.entry.slug,
        track,
        part.files if refused is None else {},
        refused,
        read.time,
        read.time_from,
        origin,
    )


def _pieces(entry: Path, course: Course) -> Iterator[tuple[str, str, Found | Refused]]:
    """Hint of the exercise, origin, and what was read of each thing that is read as a whole."""
    name = _stem(entry)
    if control(entry.name):
        said = "There is a line break or a control character in the name of what was handed in: "
        yield "", shown(entry.name), Refused("bad-name", f"{said}{shown(entry.name)}.")
        return
    if not entry.is_dir() or entry.is_symlink() or is_repository(entry):
        yield "", entry.name, _read(entry)
        return
    rest: list[Path] = []
    for inner in sorted(entry.iterdir()):
        inside = f"{entry.name}/{inner.name}"
        stem = _stem(inner)
        whole = inner.is_dir() and not inner.is_symlink() and is_repository(inner)
        if whole or (inner.is_file() and _is_archive(inner)):
            hint = stem if course.entry(stem) else ""
            yield hint, inside if not control(inside) else shown(inside), _read(inner)
        elif course.entry(inner.name) and inner.is_dir() and not inner.is_symlink():
            # On its own, so that one bad exercise spoils no other.
            yield inner.name, inside, _named(_read(inner), inner.name)
        elif inner.name not in SKIPPED:
            rest.append(inner)
    if rest or not any(entry.iterdir()):
        hint = name if course.entry(name) else ""
        yield hint, entry.name, _read_rest(entry, rest)


def _named(read: Found | Refused, name: str) -> Found | Refused:
    """An exercise's folder without a file in it was handed in all the same."""
    if isinstance(read, Found) and not read.files:
        return Refused("empty", f"There is no program for {name} in it.")
    return read


def _read_rest(entry: Path, rest: Sequence[Path]) -> Found | Refused:
    """What lies in a student's folder beside its exercises' folders and archives."""
    try:
        among = [path for inner in rest for path in walk(inner)]
        return read_folder(entry, among)
    except Refused as e:
        return e


def _is_archive(path: Path) -> bool:
    return path.suffix.lower() in (".zip", *_ARCHIVES)


def _read(entry: Path) -> Found | Refused:
    try:
        if entry.is_symlink():
            raise Refused("link", f"{shown(entry.name)} is a symbolic link.")
        if entry.is_dir():
            return read_repository(entry) if is_repository(entry) else read_folder(entry)
        if entry.suffix.lower() == ".zip":
            return read_zip(entry)
        raise Refused(
            "bad-archive", f"{shown(entry.name)} is no folder, zip archive or git repository."
        )
    except Refused as e:
        return e


def _cloned(address: str) -> Found | Refused:
    """Clone a repository that the roster names, and read it. Raises ``UsageError``."""
    local = Path(address)
    if local.is_dir():
        return _read(local)
    if not _URL.match(address):
        raise UsageError(
            f"the roster's repository {address!r} is neither a folder nor an address",
            "write https://…, ssh://…, git@… or the path of a folder",
        )
    with tempfile.TemporaryDirectory(prefix="kafka-lab-clone-") as scratch:
        try:
            done = subprocess.run(
                ["git", "-c", "protocol.ext.allow=never", "-c", "core.hooksPath=/dev/null"]
                + ["clone", "--quiet", "--bare", "--single-branch", "--", address, f"{scratch}/r"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as e:
            raise UsageError(f"cannot clone {address}: {e}", "try again, or remove it") from e
        if done.returncode:
            raise UsageError(
                f"cannot clone {address}: {done.stderr.strip()[-300:]}",
                "see that you may read it; or clone it yourself and name the folder",
            )
        return _read(Path(scratch) / "r")
