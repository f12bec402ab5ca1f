"""Which kinds of sandbox there are, whether they work here, and which one is taken."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Protocol

from kafka_lab.programs.sandbox.layout import Mount
from kafka_lab.programs.sandbox.limits import Limits
from kafka_lab.runtime.errors import UsageError
from kafka_lab.runtime.leases import Lease, Leases

NONE = "none"
AUTO = "auto"


class Kind(Protocol):
    """How a sandbox's first process is started."""

    name: str
    limits_memory: bool
    """Whether it limits memory and processes by itself; else a control group is tried."""

    def why_not(self) -> str:
        """Why it cannot be used here ("what: what to do"); empty if it can."""

    def prepare(
        self, mounts: Sequence[Mount], limits: Limits, name: str, leases: Leases
    ) -> tuple[list[str], list[Lease]]:
        """The command that starts it in the foreground, and what was leased for it."""

    def remove(self, name: str) -> None:
        """Remove what the command may have left. Idempotent."""


class Bubblewrap:
    """Namespaces by bubblewrap."""

    name = "bubblewrap"
    limits_memory = False

    def why_not(self) -> str:
        from kafka_lab.programs.sandbox import bubblewrap

        return _not_linux() or bubblewrap.why_not()

    def prepare(
        self, mounts: Sequence[Mount], limits: Limits, name: str, leases: Leases
    ) -> tuple[list[str], list[Lease]]:
        from kafka_lab.programs.sandbox import bubblewrap

        return bubblewrap.command(mounts), []

    def remove(self, name: str) -> None:
        """Nothing outlives its process."""


class Container:
    """A container of a Docker engine on this machine."""

    name = "container"
    limits_memory = True

    def why_not(self) -> str:
        from kafka_lab.programs.sandbox import container

        return _not_linux() or container.why_not()

    def prepare(
        self, mounts: Sequence[Mount], limits: Limits, name: str, leases: Leases
    ) -> tuple[list[str], list[Lease]]:
        from kafka_lab.programs.sandbox import container

        argv = container.command(mounts, limits, name)
        return argv, [leases.container(name)]  # leased before it is made

    def remove(self, name: str) -> None:
        from kafka_lab.programs.sandbox import container

        container.remove(name)


def _not_linux() -> str:
    if sys.platform != "linux":
        return "sandboxes need Linux: grade on a Linux machine, or in a container of one"
    return ""


def kinds() -> dict[str, Kind]:
    """Name → kind, the preferred one first."""
    found: list[Kind] = [Container(), Bubblewrap()]
    return {kind.name: kind for kind in found}


def choose(wanted: str = AUTO) -> str:
    """The kind to use: a container where Docker is, else bubblewrap. ``none`` is never chosen,
    only asked for.

    Raises:
        UsageError: when the wanted kind, or any, does not work here.
    """
    if wanted == NONE:
        return NONE
    known = kinds()
    if wanted != AUTO and wanted not in known:
        raise UsageError(
            f"there is no sandbox {wanted!r}", f"choose from {', '.join([*known, NONE])}"
        )
    reasons = []
    for name, kind in known.items():
        if wanted in (AUTO, name):
            reason = kind.why_not()
            if not reason:
                return name
            reasons.append(reason)
    raise UsageError(f"no sandbox works here ({'; '.join(reasons)})", _WITHOUT)


_WITHOUT = "or say --no-sandbox: then programs run with all your rights"


def kind_of(name: str) -> Kind:
    """Raises ``UsageError`` for a name that is not there."""
    if name not in kinds():
        raise UsageError(f"there is no sandbox {name!r}", f"choose from {', '.join(kinds())}")
    return kinds()[name]
