"""``run``: the learner's program against a scratch cluster, its output and its records shown."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path

import click

from kafka_lab.cli import context
from kafka_lab.cli.check import link_editor
from kafka_lab.clusters.registry import choose
from kafka_lab.runtime.errors import BuildFailed
from kafka_lab.runtime.interrupts import held

STOP_SECONDS = 10.0
"""What the contract gives a program to end after SIGTERM."""


@click.command("run")
@click.argument("target", required=False, metavar="[EXERCISE|DIR]")
@click.option("--backend", help="Cluster backend: embedded or testcontainers.")
def run_command(target: str | None, backend: str | None) -> int:
    """Run your program against a scratch cluster and show its output.

    Topics exist, a few sample records arrive (samples/TOPIC.jsonl in your folder, else the
    exercise's), and what a read_committed reader sees in the topics is shown as it comes. Ctrl-C
    sends SIGTERM to your program and ends the cluster.
    """
    from kafka_lab import wiring
    from kafka_lab.exercises.samples import Traffic, read_samples
    from kafka_lab.exercises.scratch import PARTITIONS, prepare_topics, topic_of
    from kafka_lab.faults.relay import Relay, doors
    from kafka_lab.grading.sandbox_cluster import stand_up
    from kafka_lab.grading.services import ServiceOwner, refuse_missing
    from kafka_lab.programs.contract import environment

    context.sweep()
    workspace = context.locate(target)
    exercise = context.catalog().get(workspace.exercise)
    track = exercise.track(workspace.language)
    topics = {topic_of(n): PARTITIONS for n in exercise.manifest.contract.env if _is_topic(n)}
    samples = read_samples((workspace.folder, exercise.home), topics)
    try:
        built = context.toolchain(workspace.language).build(workspace.folder, track.entry, _note)
    except BuildFailed as e:
        click.echo(f"Your program does not build:\n{e.output}", err=True)
        return 1
    link_editor(workspace.folder, built)
    orders = wiring.service_orders(exercise)
    refuse_missing(orders)
    standing = stand_up(choose(backend), exercise.manifest.cluster, _note)
    services = ServiceOwner(orders, standing.leases, None, None, lambda: standing.cluster)
    try:
        relay = Relay(standing.sockets, doors(standing.cluster)).start()
        folder = Path(tempfile.mkdtemp(prefix="kafka-lab-run-"))
        standing.leases.tree(folder)
        variables = prepare_topics(standing.cluster, exercise.manifest, "program-0")
        services.prepare(_note)
        variables |= services.begin_all()
        dialect = track.dialect or built.dialect
        env = environment(standing.cluster, "program-0", dialect, folder, variables, built.env)
        for name, value in sorted(variables.items()):
            _note(f"{name}={value}")
        _note(f"your program runs; {len(samples)} sample records arrive; Ctrl-C ends it")
        with held():  # between its start and its lease nothing may come
            process = subprocess.Popen(
                built.argv,
                env=env,
                cwd=workspace.folder,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            standing.leases.process(process.pid)
        traffic = Traffic(standing.cluster, topics, samples, _show).start()
        code = _until_it_ends(process)
        traffic.stop()
        relay.stop()
    finally:
        services.stop()
        standing.close()
    _note(f"your program ended {_how(code)}")
    return 0 if code == 0 else 1


def _is_topic(variable: str) -> bool:
    return variable.endswith("_TOPIC") and not variable.startswith("KAFKA_")


def _until_it_ends(process: subprocess.Popen[bytes]) -> int:
    """Its exit code; Ctrl-C sends it SIGTERM, and a second one, or no answer, SIGKILL."""
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        _note("SIGTERM sent to your program")
    try:
        return process.wait(STOP_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        os.killpg(process.pid, signal.SIGKILL)
        _note("it did not end in time: killed")
        return process.wait()


def _how(code: int) -> str:
    if code >= 0:
        return f"with exit code {code}"
    return f"by {signal.Signals(-code).name}"


def _note(text: str) -> None:
    click.echo(f"… {text}", err=True)


def _show(place: str, text: str) -> None:
    from kafka_lab.reports import escape

    click.echo(click.style(f"{place:<14} ", fg="cyan") + escape.terminal(text).replace("\n", "\\n"))
