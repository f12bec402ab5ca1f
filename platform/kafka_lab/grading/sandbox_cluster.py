"""A cluster outside any attempt: for ``run``, ``cluster up`` and ``watch``'s spare."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.ports import listening_socket
from kafka_lab.clusters.registry import Backend
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.runtime.interrupts import held
from kafka_lab.runtime.leases import Leases


@dataclass
class Standing:
    """A started cluster with the relay's sockets and the leases that hold it."""

    cluster: Cluster
    sockets: list[socket.socket]
    leases: Leases

    def close(self) -> None:
        """End the cluster. Idempotent."""
        with held():
            for s in self.sockets:
                s.close()
            self.leases.clear()


def stand_up(backend: Backend, spec: ClusterSpec, say: Callable[[str], None]) -> Standing:
    """Prepare and start a cluster whose client listeners lead to the returned sockets.

    Raises:
        LabError: when it cannot be started; nothing is left behind then.
    """
    backend.prepare(spec.version, lambda what, n, of: say(f"{what} ({n}/{of})"))
    say("starting the cluster")
    leases = Leases.open()
    sockets = [listening_socket() for _ in range(spec.sockets)]
    try:
        cluster = backend.start(spec, [s.getsockname()[1] for s in sockets], leases)
    except BaseException:
        with held():
            for s in sockets:
                s.close()
            leases.clear()
        raise
    return Standing(cluster, sockets, leases)
