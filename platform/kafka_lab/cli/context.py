"""What most commands need: the exercise that is meant, plugins' problems said once."""

from __future__ import annotations

import contextlib
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kafka_lab.api import ExerciseSource
from kafka_lab.exercises.catalog import Catalog
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.exercises.plugins import Plugins
from kafka_lab.runtime.errors import UsageError

if TYPE_CHECKING:
    from kafka_lab.grading.attempt import Request
    from kafka_lab.programs.toolchains.base import Toolchain
    from kafka_lab.workspace import Workspace


@lru_cache(maxsize=1)
def load_plugins() -> Plugins:
    """All plugins; broken ones are reported once, by name, and left out."""
    from kafka_lab import wiring

    plugins = wiring.plugins()
    for problem in plugins.problems:
        click.echo(f"warning: plugin {problem.plugin}: {problem.what}; {problem.fix}", err=True)
    return plugins


def catalog() -> Catalog:
    """All exercises; a broken manifest is reported when its exercise is used."""
    from kafka_lab import wiring

    load_plugins()
    return wiring.catalog()


def exercise_source(target: str | None) -> ExerciseSource:
    """Where the exercise lies that is named by slug or folder, or lies where one stands.

    An author's folder need not be installed: one with a path's separator is always a folder, and
    so is one whose name no installed exercise has.

    Raises:
        UsageError: when there is none.
    """
    from kafka_lab import wiring
    from kafka_lab.exercises import development

    if target is None:
        return development.source(development.the_only(Path.cwd()))
    folder = Path(target)
    load_plugins()
    installed = {source.slug: source for source in wiring.plugins().exercises()}
    if target in installed:
        return installed[target]
    if folder.is_dir():
        return development.source(development.the_only(folder))
    if os.sep in target:
        raise UsageError(f"there is no folder {target}", "name an exercise, or its folder")
    catalog().get(target)  # raises, and names the nearest
    raise AssertionError(target)


def exercise(target: str) -> Exercise:
    """The exercise named by slug or folder. Raises ``UsageError``, ``ManifestError``."""
    return Exercise.load(exercise_source(target))


def toolchain(language: str) -> Toolchain:
    """Raises ``LabError`` for a language that no plugin brings."""
    from kafka_lab import wiring

    return wiring.toolchain(language)


def request_for(exercise: Exercise, language: str, source: Path, **options: Any) -> Request:
    """An attempt's request for a program's folder."""
    from kafka_lab import wiring

    return wiring.request_for(exercise, language, source, **options)


def locate(target: str | None) -> Workspace:
    """The workspace meant by EXERCISE, DIR or nothing (the folder one stands in).

    Raises:
        UsageError: when there is none.
    """
    from kafka_lab import workspace

    if target is None:
        return workspace.find(Path.cwd())
    folder = Path(target)
    if folder.is_dir():
        return workspace.find(folder)
    if os.sep in target:
        raise UsageError(
            f"there is no folder {target}", "name an exercise that is started here, or its folder"
        )
    slug = catalog().get(target).slug  # an unknown name is told as such, with the nearest
    with contextlib.suppress(UsageError):
        here = workspace.find(Path.cwd())
        if here.exercise == slug:
            return here
    raise UsageError(f"{target} is not started here", f"run kafka-lab start {target}")


def sweep() -> None:
    """Clear what a killed kafka-lab left behind, and say so."""
    from kafka_lab.runtime import leases

    cleared = leases.sweep()
    if cleared:
        click.echo(
            f"cleared up what an earlier, killed kafka-lab had left ({cleared} things)",
            err=True,
        )
