"""Clusters that a grader asks for beside the exercise's own: started and owned by the parent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.registry import Backend
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.events import EventLog
from kafka_lab.runtime.leases import Leases


class MoreClusters:
    """Starts them on the attempt's backend and under its leases, so that they end with it."""

    def __init__(self, backend: Backend, leases: Leases, log: EventLog) -> None:
        self._backend = backend
        self._leases = leases
        self._log = log
        self.running: dict[str, Cluster] = {}
        """By the name that the grader gave."""

    def start(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Answers ``{"name", "spec", "relay_ports"}`` with the new cluster's handle.

        Raises:
            LabError: for a name that is taken, a shape that cannot be had, a failed start.
        """
        name = str(question["name"])
        if name in self.running:
            raise LabError(f"there is a cluster {name!r} already", "give each a name of its own")
        spec = ClusterSpec.from_json(question["spec"])
        self._backend.prepare(spec.version)
        cluster = self._backend.start(spec, question["relay_ports"], self._leases)
        self.running[name] = cluster
        self._log.write("cluster", **told(cluster, spec), name=name)
        return cluster.handle()


def told(cluster: Cluster, spec: ClusterSpec) -> dict[str, Any]:
    """A cluster as the event log has it."""
    found = {
        "backend": cluster.backend,
        "version": spec.version,
        "brokers": [b.id for b in cluster.brokers],
    }
    # A start that had to be tried again is on record; it is never the learner's fault.
    return found | ({"tries": cluster.tries} if cluster.tries > 1 else {})
