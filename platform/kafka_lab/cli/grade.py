"""``grade``: a whole class."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kafka_lab.cli import context
from kafka_lab.cli.course import course_option

if TYPE_CHECKING:
    from kafka_lab.batch.records import Record
    from kafka_lab.batch.run import Summary

_SHOWN = 20


@click.command("grade")
@click.argument("submissions", type=click.Path(path_type=Path))
@course_option
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Where results are written; what is still right there is kept.",
)
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that grade, side by side.")
@click.option(
    "--clusters",
    type=click.IntRange(1, 256),
    help="Clusters at once on this machine; by its processors and memory if not given.",
)
@click.option("--scheduler", metavar="ADDRESS", help="Grade on the workers of a Dask scheduler.")
@click.option("--again", is_flag=True, help="Grade all of them again.")
@click.option("--no-sandbox", is_flag=True, help="Run students' programs with your own rights.")
def grade_command(
    submissions: Path,
    course_file: Path,
    out: Path,
    workers: int | None,
    clusters: int | None,
    scheduler: str | None,
    again: bool,
    no_sandbox: bool,
) -> int:
    """Grade a class: folders, zip archives and git repositories in, a gradebook out.

    A second run grades only what has changed: a submission, the exercise, its grader, the seed. It
    says whose points are other ones now. Ctrl-C ends it at any time; finished results stay. Exit
    code 3 says that the lab broke on some submission, which then has no points.
    """
    from kafka_lab.batch.course import load_course
    from kafka_lab.batch.run import Options, grade
    from kafka_lab.batch.sandboxing import chosen

    course = load_course(course_file, context.catalog())
    context.sweep()
    options = Options(chosen(no_sandbox, bool(scheduler)), workers, clusters, scheduler, again)
    with _listener() as hear:
        if options.sandbox == "none":
            hear.say("without a sandbox: programs run with all your rights")
        summary = grade(submissions, course, out, options, hear)
    _report(summary, out)
    return 3 if summary.attention else 0


def _listener() -> _Lines:
    return _Bar() if sys.stdout.isatty() else _Lines()


def _hours(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"


class _Lines:
    """A line for each submission: for logs."""

    def __init__(self) -> None:
        self.total = 0
        self.done = 0
        self.began = time.monotonic()

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def begins(self, total: int, kept: int, at_once: int) -> None:
        self.total = total
        self.began = time.monotonic()
        if kept >= 0:
            self.say(f"{total} to grade, {kept} known already")
        elif at_once:
            self.say(f"{at_once} at once")

    def graded(self, record: Record) -> None:
        self.done += 1
        self.say(f"{self.done}/{self.total}  {self.words(record)}  {self.pace()}")

    def words(self, record: Record) -> str:
        from kafka_lab.reports.escape import terminal

        verdict = record.verdict
        tries = f" (try {record.tries})" if record.tries > 1 else ""
        got = f"{verdict.outcome.value} {verdict.earned} of {verdict.points}"
        if verdict.outcome == "error":
            got = "the lab broke"
        return terminal(f"{record.student}, {record.exercise}: {got}{tries}")

    def pace(self) -> str:
        """Rate and time left."""
        taken = max(time.monotonic() - self.began, 0.001)
        if not self.done:
            return ""
        left = taken / self.done * (self.total - self.done)
        rate = 3600 * self.done / taken
        return f"[{rate:.0f} an hour, {_hours(left)} left]"

    def say(self, text: str) -> None:
        click.echo(text)


class _Bar(_Lines):
    """A bar at the bottom of a terminal."""

    def __init__(self) -> None:
        super().__init__()
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self.progress = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
        )
        self.task = self.progress.add_task("", total=None, pace="")

    def __enter__(self) -> _Bar:
        self.progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.progress.stop()

    def begins(self, total: int, kept: int, at_once: int) -> None:
        super().begins(total, kept, at_once)
        self.progress.update(self.task, total=total)

    def graded(self, record: Record) -> None:
        self.done += 1
        self.say(self.words(record))
        self.progress.update(self.task, completed=self.done, pace=self.pace())

    def say(self, text: str) -> None:
        from rich.text import Text

        self.progress.console.print(Text(text))


def _report(summary: Summary, out: Path) -> None:
    from kafka_lab.reports.escape import terminal

    click.echo(f"{summary.graded} graded, {summary.kept} kept; see {out / 'index.html'}")
    for name in summary.unmatched:
        click.echo(f"nobody's on the roster, not graded: {name}")
    for record in summary.attention[:_SHOWN]:
        words = terminal(f"{record.student}, {record.exercise}: {record.verdict.error}")
        click.echo(f"the lab broke, no points: {words}")
    if summary.first:
        return
    for change in summary.changes[:_SHOWN]:
        before, after = ("none" if v is None else f"{v:g}" for v in (change.before, change.after))
        words = terminal(f"{change.student}, {change.exercise}: {before} → {after} ({change.why})")
        click.echo(words)
    if len(summary.changes) > _SHOWN:
        click.echo(f"and {len(summary.changes) - _SHOWN} more, in {out / 'changes.csv'}")
    elif not summary.changes:
        click.echo("no points have changed")
