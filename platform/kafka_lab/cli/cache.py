"""``cache``: downloads and start-up caches."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kafka_lab.cli import context
from kafka_lab.runtime.paths import cache_dir

if TYPE_CHECKING:
    from kafka_lab.exercises.exercise import Exercise


@click.group("cache")
def cache_command() -> None:
    """Look after downloads and start-up caches."""


def _size(folder: Path) -> int:
    return sum(p.lstat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


@cache_command.command("info")
def info() -> None:
    """Say where the cache is and how large its parts are."""
    root = cache_dir()
    click.echo(str(root))
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        click.echo(f"  {_size(folder) / 1e6:8.1f} MB  {folder.name}")


@cache_command.command("prepare")
@click.argument("exercises", metavar="[EXERCISE]...", nargs=-1)
@click.option("--version", "kafka_version", help="Kafka version; the default one if not given.")
@click.option("--backend", help="Cluster backend: embedded or testcontainers.")
def prepare(exercises: tuple[str, ...], kafka_version: str | None, backend: str | None) -> None:
    """Fetch what a check needs, ahead of time: Kafka, and the services of the exercises named."""
    from kafka_lab import wiring
    from kafka_lab.clusters.registry import choose
    from kafka_lab.clusters.spec import DEFAULT_VERSION
    from kafka_lab.grading.services import refuse_missing

    wanted = [order for slug in exercises for order in wiring.service_orders(_named(slug))]
    refuse_missing(wanted)
    choose(backend).prepare(
        kafka_version or DEFAULT_VERSION, lambda what, n, of: click.echo(f"{what} ({n}/{of})")
    )
    for order in wanted:
        order.service.prepare(order.settings, click.echo)
    click.echo("ready")


def _named(slug: str) -> Exercise:
    return context.catalog().get(slug)


@cache_command.command("check")
def check() -> None:
    """Verify cached jars by checksum; wrong ones are deleted and fetched again when needed."""
    from kafka_lab.clusters.embedded import image
    from kafka_lab.clusters.extras import locked as extras
    from kafka_lab.runtime.maven import verify_cached
    from kafka_lab.services.archives import every_artifact
    from kafka_lab.services.registry import APP

    kafka = [a for v in image.versions() for a in image.jars(v)]
    known = [*kafka, *extras(), *every_artifact(), APP]
    bad = verify_cached(known)
    for artifact in bad:
        click.echo(f"deleted {artifact.coordinates}: its checksum was wrong")
    click.echo(f"{len(bad)} of the cached jars were wrong" if bad else "all cached jars are right")


@cache_command.command("clear")
@click.confirmation_option(prompt="Delete all downloads and caches?")
def clear() -> None:
    """Delete all downloads and caches; they are made again when needed."""
    root = cache_dir()
    for entry in root.iterdir():
        shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink()
    click.echo(f"{root} is empty")
