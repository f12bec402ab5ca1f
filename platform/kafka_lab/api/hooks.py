"""The hooks: all that a plugin can add. Reference and examples: docs/reference/hooks.md.

What an outside plugin offers under a name of something built in takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kafka_lab.api.plugin import ExerciseSource, Loader, ReportFormat, hookspec

if TYPE_CHECKING:
    import click


@hookspec
def kafka_lab_exercises() -> Sequence[ExerciseSource]:  # type: ignore[empty-body]
    """Exercises. Each becomes a plugin of its own, ``exercise:<slug>``."""


@hookspec
def kafka_lab_cluster_backends() -> Mapping[str, Loader]:  # type: ignore[empty-body]
    """Backend name to a loader of what starts clusters (``KAFKA_LAB_BACKEND`` chooses)."""


@hookspec
def kafka_lab_toolchains() -> Mapping[str, Loader]:  # type: ignore[empty-body]
    """Language, as tracks name it, to a loader of the toolchain that builds its programs."""


@hookspec
def kafka_lab_services() -> Mapping[str, Loader]:  # type: ignore[empty-body]
    """Kind of service, as manifests name it, to a loader of its ``Service`` class."""


@hookspec
def kafka_lab_report_formats() -> Mapping[str, ReportFormat]:  # type: ignore[empty-body]
    """Format name to a function from a verdict to the report's text."""


@hookspec
def kafka_lab_commands(group: click.Group) -> None:
    """Add commands to ``group``, the ``kafka-lab`` command line."""
