"""``doctor``: what works on this machine, what does not, and how to get it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from kafka_lab import __version__
from kafka_lab.cli import context
from kafka_lab.runtime.errors import LabError

_OPTIONAL = ("track", "backend", "service", "sandbox", "running")

Row = tuple[bool, str, str, str]
"""Works?, what, how it is, what to do."""


@click.command("doctor")
def doctor_command() -> int:
    """Say what works on this machine, what does not, and how to get it."""
    usable = True
    click.echo(f"kafka-lab {__version__}, Python {sys.version.split()[0]}, {platform.platform()}")
    for works, what, how, fix in _rows():
        mark = click.style("✓", fg="green") if works else click.style("✗", fg="red")
        click.echo(f"  {mark} {what:<24} {how}")
        if not works and fix:
            click.echo(f"      {fix}")
        usable = usable and (works or what.startswith(_OPTIONAL))
    plugins = context.load_plugins()
    for info in plugins.infos():
        if info.disabled or info.origin != "kafka-lab":
            left_out = ", left out by KAFKA_LAB_DISABLE" if info.disabled else ""
            click.echo(f"  · plugin {info.name}: from {info.origin}{left_out}")
    for note in plugins.replaced:
        click.echo(f"  · {note}")
    for problem in plugins.problems:
        click.echo(f"  ! plugin {problem.plugin}: {problem.what}; {problem.fix}")
    return 0 if usable else 3


def _rows() -> Iterator[Row]:
    from kafka_lab.clusters.registry import backends
    from kafka_lab.runtime import leases
    from kafka_lab.runtime.paths import cache_dir, data_dir, scratch_root

    for variable, find, needed in (
        ("KAFKA_LAB_CACHE", cache_dir, 1.5),
        ("KAFKA_LAB_HOME", data_dir, 0.1),
        ("KAFKA_LAB_SCRATCH", scratch_root, 0.5),
    ):
        yield _space(variable, find(), needed)
    any_backend = False
    for name, backend in backends().items():
        reason = backend.unavailable()
        any_backend = any_backend or not reason
        state = "works" if not reason else reason.split(": ")[0]
        yield not reason, f"backend {name}", state, reason.partition(": ")[2]
    yield any_backend, "a cluster", "can be started" if any_backend else "cannot be started", ""
    yield _loopback()
    for language, load in sorted(context.load_plugins().toolchains().items()):
        try:
            missing = load().missing()
        except (LabError, ImportError) as e:
            yield False, f"track {language}", str(e), ""
            continue
        lacks = ", ".join(m.tool for m in missing)
        fix = "; ".join(m.fix for m in missing)
        yield not missing, f"track {language}", f"lacks {lacks}" if lacks else "works", fix
    yield from _services()
    yield from _sandboxes()
    kept = len(leases.kept())
    left = len(list(leases.abandoned()))
    if kept or left:
        text = f"{kept} kept, {left} left by a killed kafka-lab"
        yield left == 0, "running clusters", text, "kafka-lab cluster down ends them"


def _services() -> Iterator[Row]:
    """Each kind of service, and the exercises that cannot be checked without it."""
    from kafka_lab import wiring

    users: dict[str, list[str]] = {}
    for exercise in context.catalog().exercises:
        for use in exercise.manifest.services:
            users.setdefault(use.kind, []).append(exercise.slug)
    for kind in sorted({*context.load_plugins().services(), *users}):
        try:
            missing = wiring.service_class(kind).unavailable()
        except (LabError, ImportError) as e:
            missing = str(e)
        what, _, fix = missing.partition(": ")
        wanted = f" (for {', '.join(users[kind])})" if missing and kind in users else ""
        yield not missing, f"service {kind}", f"{what}{wanted}" if missing else "works", fix


def _sandboxes() -> Iterator[Row]:
    from kafka_lab.programs.sandbox.kinds import kinds

    for name, kind in kinds().items():
        what, _, fix = kind.why_not().partition(": ")
        yield not what, f"sandbox {name}", what or "works", fix


def _space(variable: str, folder: Path, gigabytes: float) -> Row:
    free = shutil.disk_usage(folder).free / 1e9
    works = free > gigabytes and os.access(folder, os.W_OK)
    return (
        works,
        {"KAFKA_LAB_CACHE": "cache", "KAFKA_LAB_HOME": "data", "KAFKA_LAB_SCRATCH": "scratch"}[
            variable
        ],
        f"{folder} ({free:.1f} GB free)",
        f"it needs {gigabytes} GB and write permission; set {variable} to another folder",
    )


def _loopback() -> Row:
    from kafka_lab.clusters.ports import free_ports

    try:
        free_ports(3)
    except LabError as e:
        return False, "ports", e.what, e.fix
    return True, "ports", "free on the loopback interface", ""
