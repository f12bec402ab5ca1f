"""The learner's commands beside ``check``: list, start, hint, solution, reset, update, progress."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kafka_lab.cli import context
from kafka_lab.cli.options import language_option
from kafka_lab.runtime.errors import UsageError

if TYPE_CHECKING:
    from kafka_lab.progress.store import Attempt


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_command(as_json: bool) -> None:
    """List the exercises by section, with your progress."""
    from kafka_lab import wiring
    from kafka_lab.progress import Store

    context.sweep()
    best, catalog = Store().best(), context.catalog()
    if as_json:
        rows = [
            {
                "slug": e.slug,
                "section": e.manifest.section,
                "title": e.manifest.title,
                "difficulty": e.manifest.difficulty,
                "minutes": e.manifest.minutes,
                "languages": list(e.languages),
                "passed": e.slug in best and best[e.slug].outcome == "passed",
                "best_points": best[e.slug].earned if e.slug in best else None,
                "points": e.manifest.points,
                "needs": wiring.missing_services(e),
            }
            for section in catalog.sections()
            for e in section.exercises
        ]
        click.echo(json.dumps(rows, indent=1))
        return
    for section in catalog.sections():
        click.echo(click.style(f"{section.number} {section.name}", bold=True))
        for e in section.exercises:
            attempt = best.get(e.slug)
            done = attempt is not None and attempt.outcome == "passed"
            mark = click.style("✓", fg="green") if done else "·"
            state = f"{attempt.earned}/{attempt.points}" if attempt and not done else ""
            click.echo(f"  {mark} {e.slug:<22} {e.manifest.title}  {state}".rstrip())
            facts = f"{e.manifest.difficulty}, {e.manifest.minutes} min, {', '.join(e.languages)}"
            click.echo(click.style(f"      {facts}", dim=True))
            for missing in wiring.missing_services(e):
                click.echo(click.style(f"      {missing}", fg="yellow"))
    for slug, problem in catalog.broken.items():
        click.echo(f"  ! {slug}: {problem}", err=True)


@click.command("start")
@click.argument("exercise")
@language_option
def start_command(exercise: str, language: str | None) -> None:
    """Begin an exercise: make its folder here, with starter and brief."""
    from kafka_lab import workspace

    found = context.catalog().get(exercise)
    chosen = language or found.languages[0]
    around = _around(Path.cwd())
    if around:
        raise UsageError(f"you stand in an exercise's folder, {around}", f"cd {around.parent}")
    made = workspace.start(found, chosen, Path.cwd())
    click.echo(f"Made {made.folder.name}/ for {found.manifest.title} in {chosen}.")
    if language is None and len(found.languages) > 1:
        others = ", ".join(found.languages[1:])
        click.echo(f"  (also in {others}: kafka-lab start {exercise} --language …)")
    click.echo(f"  1. cd {made.folder.name}")
    click.echo("  2. read README.md, the brief")
    click.echo(f"  3. edit {found.track(chosen).entry if chosen == 'python' else 'the program'}")
    click.echo("  4. kafka-lab check")


def _around(place: Path) -> Path | None:
    """The exercise's folder that one stands in, if any."""
    from kafka_lab import workspace

    try:
        return workspace.find(place).folder
    except UsageError:
        return None


@click.command("hint")
@click.argument("target", required=False, metavar="[EXERCISE|DIR]")
def hint_command(target: str | None) -> None:
    """Show the next hint; after passing, all of them."""
    from kafka_lab.progress import Store

    exercise = context.catalog().get(_slug(target))
    hints, store = exercise.manifest.hints, Store()
    if store.is_passed(exercise.slug):
        for number, text in enumerate(hints, 1):
            click.echo(f"{number}/{len(hints)}  {text.strip()}\n")
        return
    following = store.next_hint(exercise.slug, len(hints))
    number = len(hints) - 1 if following is None else following
    if following is None:
        click.echo("You have seen all hints. kafka-lab solution --reveal shows the solution.")
    for shown in range(number):
        click.echo(click.style(f"{shown + 1}/{len(hints)}  {hints[shown].strip()}\n", dim=True))
    click.echo(f"{number + 1}/{len(hints)}  {hints[number].strip()}")


def _slug(target: str | None) -> str:
    """An exercise's name, also when it is not started here."""
    if target is not None and not Path(target).is_dir():
        return context.catalog().get(target).slug
    return context.locate(target).exercise


@click.command("solution")
@click.argument("target", required=False, metavar="[EXERCISE|DIR]")
@click.option("--reveal", is_flag=True, help="Show it although you have not passed.")
@language_option
def solution_command(target: str | None, reveal: bool, language: str | None) -> None:
    """Show the reference solution, after passing or with --reveal."""
    from kafka_lab.progress import Store

    exercise = context.catalog().get(_slug(target))
    chosen = language
    if chosen is None and (target is None or Path(target).is_dir()):
        chosen = context.locate(target).language
    chosen = chosen or exercise.languages[0]
    store = Store()
    if not store.is_passed(exercise.slug) and not reveal:
        raise UsageError(
            f"you have not passed {exercise.slug} yet",
            "kafka-lab hint helps on; --reveal shows the solution all the same",
        )
    folder = exercise.solution(chosen)
    if not store.is_passed(exercise.slug):
        store.reveal_solution(exercise.slug, chosen)
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder)
        if name.suffix in (".sum", ".lock"):
            continue
        click.echo(click.style(f"── {name} ", bold=True))
        click.echo(path.read_text())


@click.command("reset")
@click.argument("target", required=False, metavar="[EXERCISE|DIR]")
def reset_command(target: str | None) -> None:
    """Begin the exercise again; what you have is kept as a backup."""
    from kafka_lab import workspace

    found = context.locate(target)
    backup = workspace.reset(found, context.catalog().get(found.exercise))
    click.echo(f"{found.folder.name}/ is as it was at the start; your work is in {backup.name}/.")


@click.command("update")
@click.argument("target", required=False, metavar="[EXERCISE|DIR]")
def update_command(target: str | None) -> None:
    """Bring a changed exercise into your folder, keeping your changes."""
    from kafka_lab import workspace

    found = context.locate(target)
    reports = workspace.update(found, context.catalog().get(found.exercise))
    reports = [r for r in reports if r.fate is not workspace.Fate.UNCHANGED]
    if not reports:
        click.echo("Nothing has changed.")
    for report in reports:
        beside = f" (new version: {report.beside})" if report.beside else ""
        click.echo(f"{report.fate.value:>10}  {report.name}{beside}")


@click.command("progress")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def progress_command(as_json: bool) -> None:
    """Show what you have passed and your latest attempts."""
    from kafka_lab.progress import Store

    store, catalog = Store(), context.catalog()
    total = sum(len(s.exercises) for s in catalog.sections())
    attempts = store.attempts(limit=10)
    if as_json:
        rows = [
            {
                "id": a.id,
                "exercise": a.slug,
                "language": a.language,
                "outcome": str(a.outcome),
                "earned": a.earned,
                "points": a.points,
                "seed": a.seed,
                "backend": a.backend,
                "started": a.started,
                "seconds": a.seconds,
            }
            for a in store.attempts()
        ]
        click.echo(json.dumps({"passed": sorted(store.passed()), "attempts": rows}, indent=1))
        return
    click.echo(f"Passed {len(store.passed())} of {total} exercises.")
    for a in attempts:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(a.started))
        click.echo(
            f"  {when}  {a.slug:<20} {a.language:<7} {a.outcome:<7} "
            f"{a.earned:>3}/{a.points}  {a.seconds:5.1f} s  {a.id}{_remark(a)}"
        )
    if not attempts:
        click.echo("No attempts yet: kafka-lab list shows where to begin.")


def _remark(attempt: Attempt) -> str:
    """Why an attempt does not count as progress, if it does not."""
    if attempt.workspace is None:
        return "  (reference solution)"
    return "" if attempt.whole else "  (some checks only)"
