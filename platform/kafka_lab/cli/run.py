"""``run``: the learner's program against a scratch cluster, its output streamed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from kafka_lab.cli import context
from kafka_lab.cli.check import link_editor
from kafka_lab.clusters.registry import choose
from kafka_lab.clusters.spec import ClusterSpec


@click.command("run")
@click.argument("target", required=False, metavar="[EXERCISE|DIR]")
@click.option("--backend", help="Cluster backend: embedded or testcontainers.")
def run_command(target: str | None, backend: str | None) -> int:
    """Run your program against a scratch cluster and show its output.

    Topics exist and a few records arrive, so that you can see what your program does. Ctrl-C
    sends SIGTERM to it and ends the cluster. Returns the program's exit code.
    """
    from kafka_lab.exercises.scratch import prepare_topics
    from kafka_lab.faults.relay import Relay
    from kafka_lab.grading.sandbox_cluster import stand_up
    from kafka_lab.programs.contract import environment

    context.sweep()
    workspace = context.locate(target)
    exercise = context.catalog().get(workspace.exercise)
    track = exercise.track(workspace.language)

    def say(text: str) -> None:
        click.echo(f"… {text}", err=True)

    built = context.toolchain(workspace.language).build(workspace.folder, track.entry, say)
    link_editor(workspace.folder, built)
    standing = stand_up(choose(backend), ClusterSpec(), say)
    relay = Relay(standing.sockets, [b.client for b in standing.cluster.brokers]).start()
    folder = Path(tempfile.mkdtemp(prefix="kafka-lab-run-"))
    standing.leases.tree(folder)
    process: subprocess.Popen[bytes] | None = None
    try:
        variables = prepare_topics(standing.cluster, exercise.manifest, "program-0")
        env = environment(
            standing.cluster,
            "program-0",
            track.dialect or built.dialect,
            folder,
            variables,
            built.env,
        )
        for name, value in sorted(variables.items()):
            click.echo(f"  {name}={value}", err=True)
        say("your program runs; Ctrl-C ends it")
        process = subprocess.Popen(
            built.argv,
            env=env,
            cwd=workspace.folder,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        standing.leases.process(process.pid)
        return process.wait()
    except KeyboardInterrupt:
        if process is not None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
        click.echo("", err=True)
        return 0
    finally:
        relay.stop()
        standing.close()
        sys.stdout.flush()
