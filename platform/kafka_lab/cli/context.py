"""What most commands need: plugins, the catalog, the exercise that is meant."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kafka_lab.exercises.catalog import Catalog
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.exercises.plugins import Plugins
from kafka_lab.runtime.errors import LabError, UsageError

if TYPE_CHECKING:
    from kafka_lab.grading.attempt import Request
    from kafka_lab.programs.toolchains.base import Toolchain
    from kafka_lab.workspace import Workspace


@lru_cache(maxsize=1)
def load_plugins() -> Plugins:
    """All plugins; broken ones are reported once, by name, and left out."""
    from kafka_lab.exercises import builtin as bundled
    from kafka_lab.programs.toolchains import builtin as toolchains
    from kafka_lab.reports import builtin as reports

    builtins: Mapping[str, object] = {
        "bundled": bundled,
        "toolchains": toolchains,
        "reports": reports,
    }
    plugins = Plugins(builtins)
    for problem in plugins.problems:
        click.echo(f"warning: plugin {problem.plugin}: {problem.what}; {problem.fix}", err=True)
    return plugins


@lru_cache(maxsize=1)
def catalog() -> Catalog:
    """All exercises; a broken manifest is reported when its exercise is used."""
    return Catalog.load(load_plugins().exercises())


def toolchain(language: str) -> Toolchain:
    """Raises ``LabError`` for a language that no plugin brings."""
    loaders = load_plugins().toolchains()
    if language not in loaders:
        raise LabError(
            f"there is no toolchain for {language}", f"known are {', '.join(sorted(loaders))}"
        )
    found: Toolchain = loaders[language]()
    return found


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
    catalog().get(target)  # an unknown name is told as such, with the nearest
    raise UsageError(f"{target} is not started here", f"run kafka-lab start {target}")


def request_for(
    exercise: Exercise, language: str, source: Path, **options: Any
) -> Request:
    """An attempt's request for a program's folder."""
    from kafka_lab.grading.attempt import Request

    track = exercise.track(language)
    return Request(
        exercise=exercise.slug,
        language=language,
        source=source,
        entry=track.entry,
        grader=exercise.grader(),
        checks=tuple((c.id, c.points) for c in exercise.manifest.checks),
        toolchain=toolchain(language),
        dialect=track.dialect,
        **options,
    )


def sweep() -> None:
    """Clear what a killed kafka-lab left behind, and say so."""
    from kafka_lab.runtime import leases

    cleared = leases.sweep()
    if cleared:
        click.echo(
            f"cleared {cleared} things that an earlier, killed kafka-lab had left running", err=True
        )
