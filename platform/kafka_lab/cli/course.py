"""``course``: an instructor's course file, and points given by hand."""

from __future__ import annotations

import getpass
import json
import secrets
from datetime import UTC, datetime
from pathlib import Path

import click

from kafka_lab.cli import context
from kafka_lab.runtime.errors import UsageError

course_option = click.option(
    "--course",
    "course_file",
    type=click.Path(path_type=Path),
    default=Path("kafka_lab.toml"),
    show_default=True,
    metavar="FILE",
    help="The course file.",
)

_NEW = """\
# A course of kafka-lab. What each key means: docs/instructors/grade-a-class.md
title = {title}

# Everything random in grading follows from it. Whoever knows it can know inputs ahead.
secret_seed = "{seed}"

# languages = ["python"]         # tracks that count; all if left out
# backend = "embedded"           # or "testcontainers"; the machine's default if left out
# graders = "graders"            # private graders: a folder <slug>/ in it replaces the shipped one
# roster = "roster.csv"          # student,name,email,submission,repository
# submitted = "submitted.csv"    # student,exercise,submitted
overrides = "overrides.csv"      # `kafka-lab course override` writes it

# [late]
# percent_per_day = 10           # of the earned points, for each begun day
# cutoff_days = 7                # nothing after that
# grace_minutes = 15

{exercises}"""


@click.group("course")
def course_command() -> None:
    """Set up a course: exercises, weights, deadlines; give points by hand."""


@course_command.command("new")
@click.argument("exercises", nargs=-1, metavar="[EXERCISE]...")
@click.option("--title", default="Apache Kafka", show_default=True, help="The course's title.")
@course_option
def new(exercises: tuple[str, ...], title: str, course_file: Path) -> None:
    """Write a course file with a new secret seed; with all exercises if none is named."""
    from kafka_lab.workspace.files import write

    if course_file.exists():
        raise UsageError(f"{course_file} is there already", "name another with --course")
    catalog = context.catalog()
    slugs = [catalog.get(s).slug for s in exercises] or [e.slug for e in catalog.exercises]
    tables = "\n".join(
        f'[[exercises]]\nslug = "{slug}"\nweight = 1\n# deadline = 2026-12-01T23:59:00+01:00\n'
        for slug in slugs
    )
    seed = secrets.token_urlsafe(24)
    # A JSON string is a TOML basic string too.
    text = _NEW.format(title=json.dumps(title), seed=seed, exercises=tables)
    write(course_file, text.encode())
    course_file.chmod(0o600)
    click.echo(f"wrote {course_file}; keep it to yourself, its seed is secret")


@course_command.command("show")
@course_option
def show(course_file: Path) -> None:
    """Check the course file, and show what it says."""
    from kafka_lab.batch.course import load_course

    course = load_course(course_file, context.catalog())
    whole = sum(e.weight for e in course.entries)
    click.echo(course.title)
    for entry in course.entries:
        due = entry.deadline.isoformat(" ") if entry.deadline else "no deadline"
        grader = ", private grader" if entry.grader else ""
        click.echo(
            f"  {entry.slug:<24} {100 * entry.weight / whole:5.1f} %  {due}  "
            f"{', '.join(entry.languages)}{grader}"
        )
    late = course.late
    cutoff = "" if late.cutoff_days is None else f", nothing after {late.cutoff_days} days"
    click.echo(f"late: {late.percent_per_day:g} % off for each begun day{cutoff}")


@course_command.command("override")
@click.argument("student")
@click.argument("exercise")
@click.argument("points", type=click.FloatRange(0))
@click.option("--reason", required=True, help="Why; it stands in the gradebook.")
@course_option
def override(student: str, exercise: str, points: float, reason: str, course_file: Path) -> None:
    """Give a student POINTS for an exercise by hand, whatever the grader says.

    They count as they are: no late policy is applied to them. The next grading puts them into the
    gradebook; a later override of the same takes this one's place.
    """
    from kafka_lab.batch.course import load_course
    from kafka_lab.batch.tables import Override, add_override, read_roster

    course = load_course(course_file, context.catalog())
    if course.overrides is None:
        raise UsageError(
            f"{course_file} names no file for overrides", 'add: overrides = "overrides.csv"'
        )
    if course.entry(exercise) is None:
        slugs = ", ".join(e.slug for e in course.entries)
        raise UsageError(f"'{exercise}' is not in this course", f"it has {slugs}")
    if course.roster and student not in {s.id for s in read_roster(course.roster)}:
        raise UsageError(f"'{student}' is not on the roster", f"see {course.roster}")
    if not reason.strip():
        raise UsageError("an override needs a reason", "--reason 'what you saw'")
    when = datetime.now(UTC).isoformat(timespec="seconds")
    add_override(
        course.overrides, Override(student, exercise, points, reason.strip(), _who(), when)
    )
    click.echo(f"{student}, {exercise}: {points:g} points, from the next grading on")


@course_command.command("gradescope")
@click.argument("exercise")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option(
    "--wheel",
    "wheels",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A package to install in the container, instead of the released kafka-lab.",
)
@course_option
def gradescope(exercise: str, folder: Path, wheels: tuple[Path, ...], course_file: Path) -> None:
    """Make an autograder for Gradescope: what runs inside its container, to be uploaded.

    DIR gets setup.sh, run_autograder, a Dockerfile, and the exercise's part of the course with
    its secret seed. Zip its files, not the folder.
    """
    from kafka_lab.batch.course import load_course
    from kafka_lab.batch.gradescope import make

    make(load_course(course_file, context.catalog()), exercise, folder, wheels)
    click.echo(f"made {folder}; what to do with it: {folder / 'README.md'}")


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return ""
