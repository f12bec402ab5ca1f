"""Puts the rooms together: plugins, the catalog, toolchains, a check's request."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kafka_lab.exercises.catalog import Catalog
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.exercises.plugins import Plugins
from kafka_lab.grading.attempt import Request
from kafka_lab.programs.toolchains.base import Toolchain
from kafka_lab.runtime.errors import LabError

if TYPE_CHECKING:
    from kafka_lab.api import Verdict
    from kafka_lab.grading.services import ServiceOrder
    from kafka_lab.services.base import Service


@lru_cache(maxsize=1)
def plugins() -> Plugins:
    """All plugins; broken ones are left out and stand in ``problems``."""
    from kafka_lab.exercises import builtin as bundled
    from kafka_lab.programs.toolchains import builtin as toolchains
    from kafka_lab.reports import builtin as reports
    from kafka_lab.services import builtin as services

    builtins: Mapping[str, object] = {
        "bundled": bundled,
        "toolchains": toolchains,
        "reports": reports,
        "services": services,
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


def service_class(kind: str) -> type[Service]:
    """Raises ``LabError`` for a kind that no plugin brings."""
    from kafka_lab.services.base import Service

    loaders = plugins().services()
    if kind not in loaders:
        raise LabError(
            f"there is no service of the kind {kind}", f"known are {', '.join(sorted(loaders))}"
        )
    found = loaders[kind]()
    if not (isinstance(found, type) and issubclass(found, Service)):
        raise LabError(f"the loader of the service {kind} gave no Service class", "mend the plugin")
    return found


def service_orders(exercise: Exercise) -> tuple[ServiceOrder, ...]:
    """What an exercise needs beside the cluster. Raises ``LabError`` as ``service_class``."""
    from kafka_lab.grading.services import ServiceOrder

    return tuple(
        ServiceOrder(use.name, service_class(use.kind), use.settings, use.variables)
        for use in exercise.manifest.services
    )


def missing_services(exercise: Exercise) -> list[str]:
    """Why services of this exercise, or the Kerberos of its cluster, cannot be had on this machine:
    "needs X: install Y" each."""
    found = []
    if "GSSAPI" in exercise.manifest.cluster.mechanisms():
        from kafka_lab.clusters.embedded.java import kerberos_missing
        from kafka_lab.clusters.kerberos import unavailable

        found += [unavailable(), kerberos_missing()]
    for use in exercise.manifest.services:
        try:
            found.append(service_class(use.kind).unavailable())
        except LabError as e:
            found.append(f"needs the service {use.kind}: {e.what}; {e.fix}")
    return [text for text in dict.fromkeys(found) if text]


def write_report(folder: Path, verdict: Verdict) -> None:
    """Write an attempt's picture beside its verdict; imported when there is one to write."""
    from kafka_lab.reports.html.writing import write

    write(folder, verdict)


def request_for(exercise: Exercise, language: str, source: Path, **options: Any) -> Request:
    """An attempt's request for a program's folder, on the cluster that the manifest asks for."""
    options.setdefault("spec", exercise.manifest.cluster)
    options.setdefault("report", write_report)
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
        services=service_orders(exercise),
        rights=exercise.manifest.contract.rights,
        trusted=tuple(exercise.workspaces(language)),
        **options,
    )
