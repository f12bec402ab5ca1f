"""Inside Gradescope's container: ``python -m kafka_lab.batch.autograder ROOT USER``.

``ROOT`` is laid out as "Autograder Specifications" say (source, submission, results). One
submission is graded as any other; there is no ``results.json`` when the lab itself broke.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from pathlib import Path

import click

from kafka_lab.batch.course import FILE, load_course
from kafka_lab.batch.intake import file_name
from kafka_lab.batch.records import Record
from kafka_lab.batch.run import Options, grade
from kafka_lab.programs.own_user import PREFIX, user_of
from kafka_lab.runtime.errors import LabError, UsageError
from kafka_lab.runtime.interrupts import ENDING, held
from kafka_lab.runtime.leases import Leases

STUDENT = "submission"


class _Out:
    """What the instructor reads in Gradescope's own log."""

    def begins(self, total: int, kept: int, at_once: int) -> None:
        pass

    def graded(self, record: Record) -> None:
        verdict = record.verdict
        click.echo(f"{verdict.outcome.value} {verdict.earned} of {verdict.points}")
        if verdict.error:
            click.echo(verdict.error)

    def say(self, text: str) -> None:
        click.echo(text)


def autograde(root: Path, user: str) -> None:
    """Grade ``root/submission`` into ``root/results/results.json``.

    Raises:
        UsageError: when the container is not set up, or something has to be mended in the recipe.
        LabError: when the lab broke; nothing is written then.
    """
    from kafka_lab import wiring

    user_of(PREFIX + user)
    course = load_course(root / "source" / FILE, wiring.catalog())
    if len(course.entries) != 1:
        raise UsageError("the course file has several exercises", "an autograder has one")
    slug = course.entries[0].slug
    target = root / "results" / "results.json"
    target.unlink(missing_ok=True)
    leases = Leases.open()
    try:
        with held():
            scratch = Path(tempfile.mkdtemp(prefix="kafka-lab-autograder-"))
            leases.tree(scratch)
        inbox = scratch / "submissions" / STUDENT / slug
        inbox.parent.mkdir(parents=True)
        # Links stay links: they are refused, not followed.
        shutil.copytree(root / "submission", inbox, symlinks=True)
        out = scratch / "out"
        summary = grade(inbox.parent.parent, course, out, Options(PREFIX + user, workers=1), _Out())
        made = out / "gradescope" / file_name(STUDENT) / slug / "results.json"
        if summary.attention or not made.is_file():
            raise LabError("the lab itself broke, so there is no score", "have it run again")
        part = target.with_name("results.json.part")
        shutil.copyfile(made, part)
        part.replace(target)
    finally:
        with held():
            leases.clear()


def main() -> None:
    for number in ENDING:
        signal.signal(number, signal.default_int_handler)
    try:
        autograde(Path(sys.argv[1]).resolve(), sys.argv[2])
    except LabError as e:
        click.echo(f"kafka-lab: {e.what}\n  {e.fix}", err=True)
        sys.exit(e.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
