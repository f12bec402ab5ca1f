"""``tour``: the main job, played in the terminal."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click

from kafka_lab.api import Outcome
from kafka_lab.cli import context
from kafka_lab.cli.check import Shown
from kafka_lab.clusters.registry import choose
from kafka_lab.clusters.spec import DEFAULT_VERSION
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.grading.attempt import check
from kafka_lab.reports.terminal import TerminalReport

EXERCISE, LANGUAGE = "transactions", "python"


def _say(text: str) -> None:
    click.echo(click.style(text, bold=True))


@click.command("tour")
@click.option("--backend", help="Cluster backend: embedded or testcontainers.")
def tour_command(backend: str | None) -> int:
    """See the whole thing work, from start to verdict.

    Starts an exercise in a temporary folder, checks the starter (it fails, and says why), shows a
    hint, and checks the reference solution (it passes). Nothing of it counts as your progress.
    """
    from kafka_lab import workspace

    began = time.monotonic()
    context.sweep()
    exercise = context.catalog().get(EXERCISE)
    chosen = choose(backend)
    if not chosen.prepared(DEFAULT_VERSION):
        _say("First time here: fetching Kafka and preparing its start-up caches, once.")
        _prepare(chosen)
    with tempfile.TemporaryDirectory(prefix="kafka-lab-tour-") as folder:
        _say(f"\n$ kafka-lab start {EXERCISE}")
        made = workspace.start(exercise, LANGUAGE, Path(folder))
        click.echo(f"Made {made.folder.name}/ with {exercise.track(LANGUAGE).entry} and README.md.")
        _say("\n$ kafka-lab check          (the starter: it ought to fail)")
        first = _check(exercise, made.folder, chosen.name)
        _say("\n$ kafka-lab hint")
        click.echo(exercise.manifest.hints[0].strip())
        _say("\n$ kafka-lab check --solution          (the reference: it ought to pass)")
        second = _check(exercise, exercise.solution(LANGUAGE), chosen.name)
    if Outcome.ERROR in (first, second):
        return 3
    if first is not Outcome.FAILED or second is not Outcome.PASSED:
        click.echo("This did not go as it ought to: please report it.", err=True)
        return 3
    _say(f"\nThat was it, in {time.monotonic() - began:.0f} s. Now it is your turn:")
    click.echo(f"  kafka-lab start {EXERCISE} && cd {EXERCISE}")
    return 0


def _check(exercise: Exercise, source: Path, backend: str) -> Outcome:
    report = TerminalReport(next_steps=False)
    with report:
        request = context.request_for(exercise, LANGUAGE, source, backend=backend)
        verdict = check(request, Shown(report, None))
        report.verdict(verdict)
    return verdict.outcome


def _prepare(backend: object) -> None:
    """With a bar on a terminal, a line a step elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as bars:
        tasks: dict[str, int] = {}

        def say(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = int(bars.add_task(what, total=total))
                if not console.is_terminal:
                    click.echo(f"… {what}", err=True)
            bars.update(tasks[what], completed=done)  # type: ignore[arg-type]

        backend.prepare(DEFAULT_VERSION, say)  # type: ignore[attr-defined]
