"""``verify``: the proof of an exercise."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from kafka_lab.cli import context
from kafka_lab.cli.check import write_report
from kafka_lab.clusters.registry import choose
from kafka_lab.proof.jobs import Kind, plan
from kafka_lab.proof.runner import Result, run_all
from kafka_lab.runtime.errors import UsageError


@click.command("verify")
@click.argument("exercise", required=False, metavar="[EXERCISE|DIR]")
@click.option("--all", "every", is_flag=True, help="All exercises.")
@click.option("--repeat", type=click.IntRange(1), default=1, help="Runs of each solution.")
@click.option("--language", "-l", "languages", multiple=True, help="Only these tracks.")
@click.option("--backend", "backend_names", multiple=True, help="Backends; the first runs it all.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice([k.value for k in Kind]))
@click.option("--at-once", type=click.IntRange(1), default=2, help="Runs side by side.")
@click.option("--neutral", is_flag=True, help="No help of the harness: wait out real timeouts.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write results as JSON.")
def verify_command(
    exercise: str | None,
    every: bool,
    repeat: int,
    languages: tuple[str, ...],
    backend_names: tuple[str, ...],
    kinds: tuple[str, ...],
    at_once: int,
    neutral: bool,
    json_file: Path | None,
) -> int:
    """Prove an exercise: starter, solutions, mutants, variants.

    The starter must fail with useful words, every solution and variant must pass, every mutant
    must be caught by the declared check with the declared finding, and programs that are empty,
    exit, hang or flood must fail cleanly. A folder (DIR) need not be installed.
    """
    if every == (exercise is not None):
        raise UsageError("name one exercise, or say --all")
    chosen = (
        [e for s in context.catalog().sections() for e in s.exercises]
        if exercise is None
        else [context.exercise(exercise)]
    )
    context.sweep()
    backends = [choose(name).name for name in backend_names] or [choose().name]
    wrong, results, began = 0, list[Result](), time.monotonic()
    for found in chosen:
        tracks = [t for t in found.languages if not languages or t in languages]
        made = plan(found, tracks, backends, [Kind(k) for k in kinds] or list(Kind), repeat)
        click.echo(f"{found.slug}: {len(made.jobs)} runs")
        for problem in made.problems:
            click.echo(f"  ✗ {problem}")
        wrong += len(made.problems)

        def heard(result: Result) -> None:
            seconds = f"{result.verdict.seconds:.1f} s" if result.verdict else "-"
            mark = "✗" if result.problem else "✓"
            click.echo(f"  {mark} {result.job.label}  {seconds}")
            if result.problem:
                seed = f" (seed {result.verdict.seed})" if result.verdict else ""
                click.echo(f"      {result.problem}{seed}")

        results += run_all(found, made.jobs, at_once, heard, neutral)
    wrong += sum(bool(r.problem) for r in results)
    right = sum(not r.problem for r in results)
    if json_file:
        rows = [
            {
                "job": r.job.label,
                "problem": r.problem,
                "seconds": r.verdict.seconds if r.verdict else None,
                "seed": r.verdict.seed if r.verdict else None,
            }
            for r in results
        ]
        write_report(json_file, json.dumps(rows, indent=1))
    click.echo(f"{right} passed, {wrong} failed")
    click.echo(f"in {time.monotonic() - began:.0f} s on {', '.join(backends)}")
    return 1 if wrong else 0
