"""Which backends there are, and which one is used."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.runtime.errors import UsageError
from kafka_lab.runtime.leases import Leases

Say = Any


class Backend(Protocol):
    """What a cluster backend offers; see the embedded one for the contract of each method."""

    name: str

    def unavailable(self) -> str: ...

    def prepared(self, version: str) -> bool: ...

    def prepare(self, version: str, say: Say | None = None) -> None: ...

    def start(self, spec: ClusterSpec, relay_ports: Sequence[int], leases: Leases) -> Cluster: ...

    def attach(self, handle: Mapping[str, Any], leases: Leases) -> Cluster: ...


def backends() -> dict[str, Backend]:
    """All backends by name, in order of preference."""
    from kafka_lab.clusters.embedded.backend import EmbeddedBackend
    from kafka_lab.clusters.testcontainers.backend import TestcontainersBackend

    known: list[Backend] = [TestcontainersBackend(), EmbeddedBackend()]
    return {backend.name: backend for backend in known}


def choose(name: str | None = None) -> Backend:
    """The backend named, or by ``KAFKA_LAB_BACKEND``, or the first that works here.

    Raises:
        UsageError: for an unknown name, or a named backend that cannot be used here.
    """
    found = backends()
    wanted = name or os.environ.get("KAFKA_LAB_BACKEND")
    if wanted:
        if wanted not in found:
            raise UsageError(
                f"there is no cluster backend {wanted!r}", f"choose one of {', '.join(found)}"
            )
        reason = found[wanted].unavailable()
        if reason:
            raise UsageError(f"the {wanted} backend cannot be used here: {reason}")
        return found[wanted]
    for backend in found.values():
        if not backend.unavailable():
            return backend
    raise UsageError("no cluster backend can be used here", "kafka-lab doctor says why")
