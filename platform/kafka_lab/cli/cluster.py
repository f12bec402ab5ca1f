"""``cluster``: start one to play with, or end those that are kept."""

from __future__ import annotations

from pathlib import Path

import click

from kafka_lab.cli import context
from kafka_lab.clusters.registry import choose
from kafka_lab.clusters.spec import DEFAULT_VERSION, ClusterSpec
from kafka_lab.runtime import leases
from kafka_lab.runtime.paths import data_dir


@click.group("cluster")
def cluster_command() -> None:
    """Start a cluster to play with, or end those that are kept."""


@cluster_command.command("up")
@click.option("--brokers", type=click.Choice(["1", "3"]), default="1", help="How many brokers.")
@click.option("--version", "kafka_version", default=DEFAULT_VERSION, help="Kafka version.")
@click.option("--plain", is_flag=True, help="Without SASL and authorizer.")
@click.option("--backend", help="Cluster backend: embedded or testcontainers.")
def up(brokers: str, kafka_version: str, plain: bool, backend: str | None) -> None:
    """Start a cluster that stays until `kafka-lab cluster down`."""
    from kafka_lab.clusters.nodeconfig import render
    from kafka_lab.runtime.leases import Leases

    context.sweep()
    spec = ClusterSpec(brokers=int(brokers), version=kafka_version, secured=not plain)
    chosen = choose(backend)
    chosen.prepare(spec.version, lambda what, n, of: click.echo(f"… {what} ({n}/{of})", err=True))
    held = Leases.open()
    try:
        # No relay: clients are told the brokers' own addresses.
        cluster = chosen.start(spec, (), held)
        path = data_dir() / "cluster.properties"
        path.touch(mode=0o600)
        path.write_text(render(cluster.harness_client_config()))
        held.keep()
    except BaseException:
        held.clear()
        raise
    click.echo(f"bootstrap.servers={cluster.harness_bootstrap}")
    click.echo(f"client configuration: {path}")
    click.echo("end it with: kafka-lab cluster down")


@cluster_command.command("down")
def down() -> None:
    """End every cluster that was kept, and what a killed kafka-lab left."""
    count = sum(kept.clear() for kept in leases.kept()) + leases.sweep()
    click.echo("ended what was running" if count else "nothing was running")
    Path(data_dir() / "cluster.properties").unlink(missing_ok=True)
