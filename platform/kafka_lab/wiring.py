"""Puts the rooms together: plugins, the catalog, toolchains, a check's request."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from kafka_lab.exercises.catalog import Catalog
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.exercises.plugins import Plugins
from kafka_lab.grading.attempt import Request
from kafka_lab.programs.toolchains.base import Toolchain
from kafka_lab.runtime.errors import LabError


@lru_cache(maxsize=1)
def plugins() -> Plugins:
    """All plugins; broken ones are left out and stand in ``problems``."""
    from kafka_lab.exercises import builtin as bundled
    from kafka_lab.programs.toolchains import builtin as toolchains
    from kafka_lab.reports import builtin as reports

    builtins: Mapping[str, object] = {
        "bundled": bundled,
        "toolchains": toolchains,
        "reports": reports,
    }
    return Plugins(builtins)


@lru_cache(maxsize=1)
def catalog() -> Catalog:
    """All exercises; a broken manifest is reported when its exercise is used."""
    return Catalog.load(plugins().exercises())


def toolchain(language: str) -> Toolchain:
    """Raises ``LabError`` for a language that no plugin brings."""
    loaders = plugins().toolchains()
    if language not in loaders:
        raise LabError(
            f"there is no toolchain for {language}", f"known are {', '.join(sorted(loaders))}"
        )
    found: Toolchain = loaders[language]()
    return found


def request_for(exercise: Exercise, language: str, source: Path, **options: Any) -> Request:
    """An attempt's request for a program's folder."""
    track = exercise.track(language)
    return Request(
        exercise=exercise.slug,
        exercise_version=exercise.manifest.version,
        language=language,
        source=source,
        entry=track.entry,
        grader=exercise.grader(),
        checks=tuple((c.id, c.points) for c in exercise.manifest.checks),
        toolchain=toolchain(language),
        dialect=track.dialect,
        **options,
    )
