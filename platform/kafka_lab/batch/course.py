"""``kafka_lab.toml``: which exercises a course has, and how they count.

Validated against ``course.schema.json``; all mistakes are said at once, each with file, line, key
and the fix.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import math
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kafka_lab.exercises.catalog import Catalog
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.exercises.problems import ManifestError, ManifestProblem, nearest, schema_problems
from kafka_lab.exercises.toml_lines import TomlLines
from kafka_lab.runtime.errors import LabError, UsageError

FILE = "kafka_lab.toml"
_FIX = "correct the course file, and try again"


@dataclass(frozen=True)
class Late:
    """What becomes of a submission after its deadline. Without one, it only says that it is late.

    ``percent_per_day`` of the earned points for each begun day; nothing after ``cutoff_days``.
    """

    percent_per_day: float = 0.0
    cutoff_days: int | None = None
    grace_minutes: int = 0

    def days(self, deadline: datetime, submitted: datetime) -> int:
        """Begun days (24 hours) after the deadline; 0 within the grace."""
        over = submitted - deadline
        if over <= timedelta(minutes=self.grace_minutes):
            return 0
        return math.ceil(over / timedelta(days=1))

    def factor(self, days: int) -> float:
        """By what the earned points are multiplied, 0 to 1."""
        if days <= 0:
            return 1.0
        if self.cutoff_days is not None and days > self.cutoff_days:
            return 0.0
        return max(0.0, 1.0 - days * self.percent_per_day / 100)


@dataclass(frozen=True)
class Entry:
    """One exercise of the course. ``grader`` is a private one's folder."""

    exercise: Exercise
    languages: tuple[str, ...]
    weight: float = 1.0
    deadline: datetime | None = None
    grader: Path | None = None

    @property
    def slug(self) -> str:
        return self.exercise.slug


@dataclass(frozen=True)
class Course:
    """A whole course file; ``entries`` are in the course's order."""

    path: Path
    title: str
    secret: str = field(repr=False)
    entries: tuple[Entry, ...]
    late: Late = field(default_factory=Late)
    backend: str | None = None
    roster: Path | None = None
    submitted: Path | None = None
    overrides: Path | None = None
    extensions: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def entry(self, slug: str) -> Entry | None:
        """The entry of an exercise; ``None`` if the course does not have it."""
        return next((e for e in self.entries if e.slug == slug), None)

    def seed(self, slug: str) -> int:
        """The seed of every attempt at this exercise: the same for all students, known to none."""
        material = f"kafka-lab course\x1f{self.secret}\x1f{slug}".encode()
        return int.from_bytes(hashlib.sha256(material).digest()[:8], "big") >> 1

    def deadline(self, student: str, slug: str) -> datetime | None:
        """A student's deadline, with their extension."""
        entry = self.entry(slug)
        return self.extensions.get((student, slug), entry.deadline if entry else None)


def load_course(path: Path, catalog: Catalog) -> Course:
    """Read and validate a course file.

    Raises:
        ManifestError: with every mistake of the file.
        UsageError: when it cannot be read.
        LabError: when an exercise's own manifest is broken.
    """
    if path.is_dir():
        path = path / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as e:
        raise UsageError(
            f"cannot read the course file {path}: {e.strerror}",
            "name it with --course; `kafka-lab course new` makes one",
        ) from e
    except UnicodeDecodeError as e:
        problem = ManifestProblem(path, None, "", "this is not UTF-8", "save the file as UTF-8")
        raise ManifestError((problem,), _FIX) from e
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise ManifestError((ManifestProblem.from_syntax(path, text, str(e)),), _FIX) from e
    lines = TomlLines(text)
    schema = importlib.resources.files(__package__).joinpath("course.schema.json").read_bytes()
    problems = schema_problems(path, schema, _plain(data), lines, "course")
    if not problems:
        problems = _beyond_schema(path, data, lines, catalog)
    if problems:
        raise ManifestError(sorted(problems, key=lambda p: (p.line or 0, p.key)), _FIX)
    return _build(path, data, catalog)


def _plain(value: Any) -> Any:
    """What JSON Schema can look at: times become text, as TOML has them."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.isoformat()
    return str(value) if hasattr(value, "isoformat") else value


def _beyond_schema(
    path: Path, data: dict[str, Any], lines: TomlLines, catalog: Catalog
) -> list[ManifestProblem]:
    found: list[ManifestProblem] = []

    def add(at: tuple[str | int, ...], what: str, fix: str) -> None:
        key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in at).lstrip(".")
        found.append(ManifestProblem(path, lines.find(at), key, what, fix))

    for key in ("graders", "roster", "submitted"):
        if key in data:
            there = path.parent / data[key]
            if not (there.is_dir() if key == "graders" else there.is_file()):
                kind = "folder" if key == "graders" else "file"
                add((key,), f"there is no {kind} {there}", "correct the path, or leave it out")
    slugs: list[str] = []
    for index, raw in enumerate(data["exercises"]):
        slug = raw["slug"]
        if slug in slugs:
            add(("exercises", index, "slug"), f"'{slug}' is listed twice", "keep one of the two")
        slugs.append(slug)
        try:
            exercise = catalog.get(slug)
        except UsageError as e:
            add(("exercises", index, "slug"), e.what, e.fix)
            continue
        except LabError as e:
            add(("exercises", index, "slug"), f"'{slug}' cannot be used: {e.what}", e.fix)
            continue
        for language in raw.get("languages", ()):
            if language not in exercise.languages:
                near = nearest(language, exercise.languages)
                add(
                    ("exercises", index, "languages"),
                    f"{slug} has no track for '{language}'",
                    f"choose of {', '.join(exercise.languages)}"
                    + (f"; did you mean {near}?" if near else ""),
                )
        if "languages" not in raw and not set(data.get("languages", exercise.languages)) & set(
            exercise.languages
        ):
            add(
                ("exercises", index),
                f"{slug} has none of the course's languages",
                f"it has {', '.join(exercise.languages)}: leave it out, or give it languages",
            )
        private = path.parent / data.get("graders", "") / slug
        if "graders" in data and private.is_dir() and not list(private.glob("test_*.py")):
            add(("graders",), f"{private} has no test_*.py", "put the grader there, or remove it")
    for index, raw in enumerate(data.get("extensions", ())):
        if raw["exercise"] not in slugs:
            near = nearest(raw["exercise"], slugs)
            add(
                ("extensions", index, "exercise"),
                f"'{raw['exercise']}' is not an exercise of this course",
                f"did you mean {near}?" if near else f"it has {', '.join(slugs)}",
            )
    return found


def _build(path: Path, data: dict[str, Any], catalog: Catalog) -> Course:
    home = path.parent
    entries = []
    for raw in data["exercises"]:
        exercise = catalog.get(raw["slug"])
        wanted = raw.get("languages") or data.get("languages") or exercise.languages
        private = home / data["graders"] / raw["slug"] if "graders" in data else None
        entries.append(
            Entry(
                exercise=exercise,
                languages=tuple(x for x in exercise.languages if x in wanted),
                weight=float(raw.get("weight", 1)),
                deadline=_time(raw.get("deadline")),
                grader=private if private and private.is_dir() else None,
            )
        )
    late = data.get("late", {})
    return Course(
        path=path,
        title=data["title"],
        secret=data["secret_seed"],
        entries=tuple(entries),
        late=Late(
            float(late.get("percent_per_day", 0)),
            late.get("cutoff_days"),
            int(late.get("grace_minutes", 0)),
        ),
        backend=data.get("backend"),
        roster=home / data["roster"] if "roster" in data else None,
        submitted=home / data["submitted"] if "submitted" in data else None,
        overrides=home / data["overrides"] if "overrides" in data else None,
        extensions={
            (raw["student"], raw["exercise"]): raw["until"].astimezone(UTC)
            for raw in data.get("extensions", ())
        },
    )


def _time(raw: datetime | None) -> datetime | None:
    return raw.astimezone(UTC) if raw is not None else None
