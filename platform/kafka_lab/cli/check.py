"""``check``: the main job."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kafka_lab.api import CheckResult, Outcome, Verdict
from kafka_lab.cli import context
from kafka_lab.cli.options import language_option
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.grading.attempt import Listener, Request, attempts_dir, check
from kafka_lab.programs.sandbox.kinds import choose
from kafka_lab.programs.toolchains.base import Built
from kafka_lab.reports.terminal import TerminalReport
from kafka_lab.runtime.errors import UsageError

if TYPE_CHECKING:
    from kafka_lab.progress import Store

EXIT = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.ERROR: 3, Outcome.NOT_REACHED: 1}
_SANDBOX = "Where your program is built and runs: bubblewrap, container, auto, or none (default)."


class Shown(Listener):
    """Shows an attempt in the terminal while it goes on."""

    def __init__(self, report: TerminalReport, workspace: Path | None) -> None:
        self._report = report
        self._workspace = workspace

    def stage(self, text: str) -> None:
        self._report.stage(text)

    def checking(self, title: str) -> None:
        # In plain output the line with the result says it all.
        if self._report.live:
            self._report.stage(title)

    def check(self, result: CheckResult) -> None:
        self._report.check(result)

    def built(self, built: Built) -> None:
        if self._workspace is not None:
            link_editor(self._workspace, built)


def link_editor(workspace: Path, built: Built) -> None:
    """Lay links in the workspace so that an editor finds the program's environment."""
    for name, target in built.editor.items():
        link = workspace / name
        if link.is_symlink() and link.readlink() != target:
            link.unlink()
        if not link.exists() and not link.is_symlink():
            link.symlink_to(target, target_is_directory=True)


@click.command("check")
@click.argument("target", required=False, metavar="[EXERCISE|DIR]")
@click.option("--solution", is_flag=True, help="Check the reference solution instead.")
@language_option
@click.option("--backend", help="Cluster backend: embedded or testcontainers.")
@click.option("--seed", type=click.IntRange(0), help="Repeat an attempt's names, data and faults.")
@click.option("--only", multiple=True, metavar="CHECK", help="Only this check and what it needs.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first check that fails.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit XML.")
@click.option("--keep", is_flag=True, help="Leave the cluster running, with a way in.")
@click.option("--sandbox", default="none", metavar="KIND", help=_SANDBOX)
@click.option("--neutral", is_flag=True, help="No help of the harness: wait out real timeouts.")
def check_command(
    target: str | None,
    solution: bool,
    language: str | None,
    backend: str | None,
    seed: int | None,
    only: tuple[str, ...],
    fail_fast: bool,
    as_json: bool,
    junit: Path | None,
    keep: bool,
    sandbox: str,
    neutral: bool,
) -> int:
    """Run your program against a fresh cluster, break things, and judge.

    Finds the exercise by the folder you stand in; or name an EXERCISE that is started here, or
    its folder. Exit codes: 0 passed, 1 failed, 2 usage, 3 the lab itself broke.
    """
    from kafka_lab.progress import Store
    from kafka_lab.reports import json_
    from kafka_lab.reports import junit as junit_report

    context.sweep()
    if junit:
        writable(junit)
    exercise, language, source, own = _program(target, solution, language)
    request = context.request_for(
        exercise,
        language,
        source,
        backend=backend,
        seed=seed,
        only=only,
        fail_fast=fail_fast,
        keep=keep,
        neutral=neutral,
        sandbox=choose(sandbox),
    )
    store = Store()
    if as_json:
        with following(store, request, own, Listener()) as hear:
            verdict = check(request, hear)
        click.echo(json_.render(verdict))
    else:
        report = TerminalReport(
            repeat="kafka-lab check --solution" if solution else "kafka-lab check",
            hints_shown=store.hints_shown(exercise.slug),
            next_steps=not solution,
        )
        with report, following(store, request, own, Shown(report, own)) as hear:
            verdict = check(request, hear)
            report.verdict(verdict, picture(verdict))
        _extras(verdict, keep)
    store.record(verdict, own, whole=not only)
    if junit:
        write_report(junit, junit_report.render(verdict))
    return EXIT[verdict.outcome]


def _program(
    target: str | None, solution: bool, language: str | None
) -> tuple[Exercise, str, Path, Path | None]:
    """Exercise, language, the program's folder, and the workspace if it is the learner's."""
    here = None
    try:
        here = context.locate(target)
    except UsageError:
        # The reference needs no workspace, only a name.
        if not solution or target is None or os.sep in target:
            raise
    assert here or target
    exercise = context.catalog().get(here.exercise if here else target or "")
    if solution:
        language = language or (here.language if here else exercise.languages[0])
        return exercise, language, exercise.solution(language), None
    assert here is not None
    if language and language != here.language:
        exercise.track(language)
        raise UsageError(
            f"{here.folder} is the {here.language} track",
            f"in another folder: kafka-lab start {exercise.slug} --language {language}",
        )
    return exercise, here.language, here.folder, here.folder


def following(
    store: Store, request: Request, workspace: Path | None, hear: Listener
) -> AbstractContextManager[Listener]:
    """``hear``, and beside it the guide's pages, if it is the learner's own program."""
    from kafka_lab.progress.running import Following

    if workspace is None:
        return nullcontext(hear)
    count = 0 if request.only else len(request.checks)  # what it needs comes with it
    return Following(store.path.parent, request.exercise, request.language, count, hear)


def picture(verdict: Verdict) -> str:
    """The command that shows this attempt, if its report could be written."""
    from kafka_lab.reports.html.place import REPORT

    there = (attempts_dir() / verdict.attempt / REPORT).is_file()
    return "kafka-lab report --open" if there else ""


def _extras(verdict: Verdict, keep: bool) -> None:
    if keep and verdict.notes:
        click.echo(verdict.notes[-1])


def writable(path: Path) -> None:
    """Raise ``UsageError`` now when a report could not be written there in the end."""
    folder = path.absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UsageError(
            f"{path} cannot be written", f"{folder} has to be a folder that you may write to"
        )


def write_report(path: Path, text: str) -> None:
    """Write a report whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text)
    temporary.replace(path)
