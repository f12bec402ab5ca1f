"""``watch``: check again on each save, with one spare cluster ready."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import click

from kafka_lab.cli import context
from kafka_lab.cli.check import Shown, following, picture
from kafka_lab.clusters.registry import Backend, choose
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.grading.attempt import check
from kafka_lab.grading.sandbox_cluster import Standing, stand_up
from kafka_lab.reports.terminal import TerminalReport
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.interrupts import held


class Spare:
    """One pre-started, single-use cluster; started in the background, probed before use.

    It is of one spec, and serves only an attempt that asks for the same.
    """

    def __init__(self, backend: Backend, spec: ClusterSpec) -> None:
        self._backend = backend
        self._spec = spec
        self._made: Standing | None = None
        self._thread: threading.Thread | None = None

    def prepare(self) -> None:
        """Begin to start one, if none is there."""
        self._thread = threading.Thread(target=self._make, daemon=True)
        self._thread.start()

    def _make(self) -> None:
        # A spare that cannot be had is no error: the attempt starts its own and says why.
        with contextlib.suppress(LabError, OSError):
            self._made = stand_up(self._backend, self._spec, lambda text: None)

    def take(self, spec: ClusterSpec | None = None) -> Standing | None:
        """The spare, if it is alive and of this spec; the caller owns it then."""
        if self._thread is not None:
            self._thread.join()
        self._thread = None
        made, self._made = self._made, None
        if made is not None and not self._fits(made, spec or self._spec):
            made.close()
            return None
        return made

    def _fits(self, made: Standing, spec: ClusterSpec) -> bool:
        nodes = (b for b in made.cluster.nodes if not b.meant_down)
        return made.cluster.spec == spec and all(b.alive() for b in nodes)

    def close(self) -> None:
        made = self.take()
        if made is not None:
            made.close()


@click.command("watch")
@click.argument("target", required=False, metavar="[EXERCISE|DIR]")
@click.option("--backend", help="Cluster backend: embedded or testcontainers.")
@click.option("--only", multiple=True, metavar="CHECK", help="Only this check and what it needs.")
@click.option("--fail-fast/--all", default=True, help="Stop at the first failure (default).")
def watch_command(
    target: str | None, backend: str | None, only: tuple[str, ...], fail_fast: bool
) -> int:
    """Check again each time you save, with a cluster kept ready. Ctrl-C ends it."""
    import watchfiles

    from kafka_lab.progress import Store

    context.sweep()
    workspace = context.locate(target)
    exercise = context.catalog().get(workspace.exercise)
    chosen, spec, store = choose(backend), exercise.manifest.cluster, Store()
    spare = Spare(chosen, spec)

    def once() -> None:
        standing = spare.take(spec)
        request = context.request_for(
            exercise,
            workspace.language,
            workspace.folder,
            backend=chosen.name,
            only=only,
            fail_fast=fail_fast,
            spec=spec,
            spare=standing,
        )
        report = TerminalReport(hints_shown=store.hints_shown(exercise.slug))
        shown = Shown(report, workspace.folder)
        with report, following(store, request, workspace.folder, shown) as hear:
            verdict = check(request, hear)
            report.verdict(verdict, picture(verdict))
            if standing is not None:
                click.echo("(on the cluster that was kept ready)")
        store.record(verdict, workspace.folder, whole=not only)
        # Now, not earlier: while a check runs, a starting cluster would slow the program down.
        spare.prepare()
        click.echo("\nwaiting for a change (Ctrl-C ends) …")

    try:
        first = True
        # Watching begins before the first check: what is saved during a check counts too.
        for changes in watchfiles.watch(
            workspace.folder,
            watch_filter=lambda _, path: relevant(Path(path).relative_to(workspace.folder)),
            rust_timeout=300,
            yield_on_timeout=True,
        ):
            if not first and not changes:
                continue
            first = False
            if changes:
                name = Path(sorted(path for _, path in changes)[0]).name
                click.echo(f"\n{name} changed")
            once()
    except KeyboardInterrupt:
        click.echo("")
    finally:
        with held():
            spare.close()
    return 0


def relevant(path: Path) -> bool:
    """Sources, not the editor's droppings nor the links that kafka-lab lays.

    ``path`` is relative to the workspace.
    """
    hidden = any(part in ("lib", "__pycache__") or part.startswith(".") for part in path.parts)
    return not hidden and not path.name.endswith(("~", ".swp", ".tmp")) and path.name != "4913"
