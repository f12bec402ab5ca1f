"""``exercise``: for who writes one."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from kafka_lab.cli import context
from kafka_lab.exercises import templates


@click.group("exercise")
def exercise_command() -> None:
    """Write an exercise of your own: begin a package, find what it lacks."""


@exercise_command.command("new")
@click.argument("slug")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where its folder is made; here if not given.",
)
@click.option(
    "--language",
    "-l",
    type=click.Choice(templates.languages()),
    default="python",
    show_default=True,
    help="Language of its first track.",
)
def new(slug: str, directory: Path, language: str) -> None:
    """Begin a package with one small, whole exercise in it, to be changed into yours."""
    taken = slug in {e.slug for e in context.catalog().exercises}
    made = templates.make(slug, directory, language)
    click.echo(f"made {made}")
    if taken:
        click.echo(f"note: once installed it takes the place of the exercise {slug} that is there")
    click.echo("next:")
    click.echo(f"  kafka-lab exercise lint {made}")
    click.echo(f"  kafka-lab verify {made}")
    click.echo("to start it as a learner does, install it beside kafka-lab:")
    click.echo(f"  {sys.executable} -m pip install --no-deps -e {made}")


@exercise_command.command("lint")
@click.argument("target", required=False, metavar="[EXERCISE|DIR]")
def lint_command(target: str | None) -> int:
    """Say what an exercise lacks or does weakly: file, key and the fix; runs nothing.

    Names an exercise that is installed, or a folder; the folder you stand in if nothing is named.
    Exit codes: 0 nothing found, 1 something found.
    """
    from kafka_lab.proof.lint import lint

    found = lint(context.exercise_source(target))
    for problem in found:
        click.echo(f"✗ {problem}")
    click.echo("nothing found" if not found else f"{len(found)} found")
    return 1 if found else 0
