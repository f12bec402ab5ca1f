"""One run of ``grade``: takes in, grades what changed, writes everything down."""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import psutil

from kafka_lab.api import Verdict
from kafka_lab.batch.course import Course
from kafka_lab.batch.identity import identical, loose_digest
from kafka_lab.batch.intake import Intake, Submission, take_in
from kafka_lab.batch.marks import Change, Row, changes, read_points, rows
from kafka_lab.batch.order import key, order
from kafka_lab.batch.outputs import write_all
from kafka_lab.batch.records import (
    FOLDER,
    Record,
    broken_verdict,
    load_all,
    made,
    path_of,
    refused_verdict,
    save,
)
from kafka_lab.batch.tables import read_overrides
from kafka_lab.runtime.errors import LabError, UsageError
from kafka_lab.workspace.files import delivered

MARKER = ".kafka-lab-grades"
"""Marks a folder that ``grade`` made, and may therefore change."""
_MEMORY = 1 << 30
"""Bytes that one cluster with its grader and program needs."""


@dataclass(frozen=True)
class Options:
    """How to run. ``workers`` and ``clusters``: ``None`` for what this machine bears."""

    sandbox: str
    workers: int | None = None
    clusters: int | None = None
    scheduler: str | None = None
    again: bool = False


class Listener(Protocol):
    """Hears of a run while it goes on."""

    def begins(self, total: int, kept: int, at_once: int) -> None:
        """``total`` submissions will be graded, ``kept`` results are still right."""

    def graded(self, record: Record) -> None:
        """One more has its result on disk."""

    def say(self, text: str) -> None:
        """Something that the instructor should read."""


@dataclass
class Summary:
    """What came of a run."""

    rows: list[Row]
    changes: list[Change]
    unmatched: list[str]
    graded: int
    kept: int
    first: bool
    attention: list[Record] = field(default_factory=list)


def clusters_here() -> int:
    """How many clusters at once do not thrash this machine: by processors and memory."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    processors = processors or os.cpu_count() or 1
    memory = int(psutil.virtual_memory().available // _MEMORY)
    return max(1, min(processors, memory))


def grade(folder: Path, course: Course, out: Path, options: Options, hear: Listener) -> Summary:
    """Grade a class into ``out``; a result that is still right is kept.

    Raises:
        UsageError: for what the instructor can mend before anything starts.
        LabError: when workers cannot be had, or ``out`` cannot be written.
    """
    _claim(out)
    with _alone(out):
        intake = take_in(folder, course)
        overrides = read_overrides(course.overrides) if course.overrides else {}
        before = load_all(out)
        wanted = {(s.student, s.exercise): s for s in intake.submissions}
        _withdraw(out, set(before) - set(wanted), before)
        todo, now = _sort(intake, course, before, options.again, out)
        hear.begins(len(todo), len(now), 0)
        fresh = 0
        for record in _graded(todo, course, options, hear):
            save(out, record)
            now[record.student, record.exercise] = record
            fresh += 1
            hear.graded(record)
        points = read_points(out)
        table = rows(course, intake.students, now, overrides)
        changed = changes(points, table) if points is not None else []
        same = identical(
            ((r.student, r.exercise, r.digest, r.loose_digest) for r in now.values() if r.digest),
            _starters(course),
        )
        write_all(out, course, table, same, changed, intake.unmatched)
        attention = [r for r in now.values() if r.verdict.outcome == "error"]
        return Summary(
            table, changed, intake.unmatched, fresh, len(now) - fresh, points is None, attention
        )


def _sort(
    intake: Intake,
    course: Course,
    before: Mapping[tuple[str, str], Record],
    again: bool,
    out: Path,
) -> tuple[list[tuple[Submission, dict[str, str], tuple[str, ...]]], dict[tuple[str, str], Record]]:
    """What has to be graded, with key and reason; and what is known already."""
    todo, now = [], {}
    keys = {e.slug: e for e in course.entries}
    for submission in intake.submissions:
        entry = keys[submission.exercise]
        name = (submission.student, submission.exercise)
        wanted = key(submission, entry, course)
        old = before.get(name)
        why = _why(old, wanted, again)
        if submission.refused is not None:
            verdict = refused_verdict(submission, entry, course)
            kept = why if old is None or dict(old.key) != wanted else old.why
            record = made(submission, verdict, wanted, 0, kept)
        elif old is not None and not why:
            # The verdict stands; when it was handed in may be known better now.
            record = made(submission, old.verdict, wanted, old.tries, old.why)
        else:
            todo.append((submission, wanted, why))
            continue
        if record != old:
            save(out, record)
        now[name] = record
    return todo, now


def _why(old: Record | None, wanted: Mapping[str, str], again: bool) -> tuple[str, ...]:
    if old is None:
        return ("new",)
    if old.verdict.outcome == "error":
        return ("the lab broke before",)
    parts = [p for p in (*wanted, *old.key) if old.key.get(p) != wanted.get(p)]
    if parts:
        return tuple(f"another {part}" for part in dict.fromkeys(parts))
    return ("asked for",) if again else ()


def _graded(
    todo: list[tuple[Submission, dict[str, str], tuple[str, ...]]],
    course: Course,
    options: Options,
    hear: Listener,
) -> Iterator[Record]:
    if not todo:
        return
    # Slow to import, and nothing to do for it when all results are still right.
    from kafka_lab.batch import pool

    run = uuid.uuid4().hex[:8]
    by_name = {s.name: (s, wanted, why) for s, wanted, why in todo}
    orders: list[tuple[str, Callable[[], dict[str, Any]]]] = []
    for submission, _, _ in todo:
        entry = course.entry(submission.exercise)
        assert entry is not None
        orders.append(
            (submission.name, partial(order, submission, entry, course, options.sandbox, run))
        )
    if options.scheduler:
        hired = pool.existing(options.scheduler, run, hear.say)
    else:
        _prepare(course, hear.say)
        clusters = options.clusters or options.workers or clusters_here()
        workers = options.workers or clusters
        if workers > clusters:
            hear.say(f"{clusters} clusters at once: more than {clusters} workers would be idle")
        workers = min(workers, clusters, len(todo))
        hired = pool.local(workers, min(clusters, len(todo)), run, hear.say)
    with hired:
        hear.begins(len(todo), -1, hired.capacity)
        for done in hired.grade(orders):
            submission, wanted, why = by_name[done.name]
            entry = course.entry(submission.exercise)
            assert entry is not None
            if "verdict" in done.raw:
                verdict = Verdict.from_json(done.raw["verdict"])
            else:
                verdict = broken_verdict(submission, entry, course, str(done.raw["broken"]))
            yield made(submission, verdict, wanted, done.tries, why)


def _prepare(course: Course, say: Callable[[str], None]) -> None:
    """Once, before the workers: they would all do it, and wait for each other."""
    from kafka_lab.clusters.registry import choose
    from kafka_lab.clusters.spec import DEFAULT_VERSION

    backend = choose(course.backend)
    if not backend.prepared(DEFAULT_VERSION):
        say("preparing clusters, once for all: a minute or two")
        backend.prepare(DEFAULT_VERSION)


def _starters(course: Course) -> Iterator[str]:
    for entry in course.entries:
        for language in entry.languages:
            yield loose_digest(delivered(entry.exercise, language))


def _withdraw(
    out: Path, gone: set[tuple[str, str]], before: Mapping[tuple[str, str], Record]
) -> None:
    """A result whose submission is no longer there is put aside, never left among the others."""
    for name in gone:
        path = path_of(out, *name)
        target = out / "withdrawn" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
        if not any(path.parent.iterdir()):
            shutil.rmtree(path.parent, ignore_errors=True)


def _claim(out: Path) -> None:
    """Raise ``UsageError`` unless ``out`` is new, empty, or of an earlier run."""
    if out.exists() and not (out / MARKER).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not empty", "name another folder with --out")
    try:
        (out / FOLDER).mkdir(parents=True, exist_ok=True)
        (out / MARKER).write_text("Made by kafka-lab grade, which may change what is in it.\n")
        # Marks and programs' words: for the instructor alone.
        out.chmod(0o700)
    except OSError as e:
        raise LabError(f"cannot write {out}: {e.strerror}", "name another with --out") from e


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Two runs into one folder would take each other's results for their own."""
    with (out / MARKER).open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            raise UsageError(
                f"another kafka-lab grade is writing to {out}", "wait for it, or name another --out"
            ) from e
        yield
