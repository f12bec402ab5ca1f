"""``cluster``: start one to play with, or end those that are kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from kafka_lab.cli import context
from kafka_lab.clusters.registry import choose
from kafka_lab.clusters.spec import MOST_BROKERS, ClusterSpec
from kafka_lab.grading.way_in import FILE, JAVA_FILE
from kafka_lab.runtime import leases
from kafka_lab.runtime.errors import UsageError
from kafka_lab.runtime.paths import data_dir


@click.group("cluster")
def cluster_command() -> None:
    """Start a cluster to play with, or end those that are kept."""


@cluster_command.command("up")
@click.argument("exercise", required=False)
@click.option("--brokers", type=click.IntRange(1, MOST_BROKERS), help="How many brokers.")
@click.option("--version", "kafka_version", help="Kafka version.")
@click.option("--plain", is_flag=True, help="Without SASL and authorizer.")
@click.option("--backend", help="Cluster backend: embedded or testcontainers.")
def up(
    exercise: str | None,
    brokers: int | None,
    kafka_version: str | None,
    plain: bool,
    backend: str | None,
) -> None:
    """Start a cluster that stays until `kafka-lab cluster down`.

    With EXERCISE it has the shape that the exercise asks for; the options change that.
    """
    from kafka_lab.grading.way_in import write_way_in
    from kafka_lab.runtime.leases import Leases

    context.sweep()
    spec = context.exercise(exercise).manifest.cluster if exercise else ClusterSpec()
    asked: dict[str, Any] = {"brokers": brokers, "version": kafka_version}
    spec = replace(spec, **{key: value for key, value in asked.items() if value is not None})
    if plain and spec.listeners:
        raise UsageError(
            f"{exercise} asks for listeners of its own", "leave out --plain, or the exercise"
        )
    if plain:
        spec = replace(spec, secured=False)
    chosen = choose(backend)
    chosen.prepare(spec.version, lambda what, n, of: click.echo(f"… {what} ({n}/{of})", err=True))
    held = Leases.open()
    try:
        # No relay: clients are told the brokers' own addresses.
        cluster = chosen.start(spec, (), held)
        path = write_way_in(cluster, data_dir())
        held.keep()
    except BaseException:
        held.clear()
        raise
    click.echo(f"bootstrap.servers={cluster.harness_bootstrap}")
    click.echo(f"client configuration: {path}")
    click.echo(f"the same for Java's tools: {path.with_name(JAVA_FILE)}")
    click.echo("end it with: kafka-lab cluster down")


@cluster_command.command("down")
def down() -> None:
    """End every cluster that was kept, and what a killed kafka-lab left."""
    count = sum(kept.clear() for kept in leases.kept()) + leases.sweep()
    click.echo("ended what was running" if count else "nothing was running")
    for name in (FILE, JAVA_FILE):
        (data_dir() / name).unlink(missing_ok=True)
