"""Both backends, one after the other, and a cluster that ends with its test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.registry import Backend, backends
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Leases

Start = Callable[..., Cluster]


@pytest.fixture(
    params=["embedded", pytest.param("testcontainers", marks=pytest.mark.docker)], scope="module"
)
def backend(request: pytest.FixtureRequest) -> Backend:
    found = backends()[request.param]
    reason = found.unavailable()
    if not reason:
        try:
            found.prepare(ClusterSpec().version)
        except LabError as e:
            reason = e.what
    if reason and os.environ.get("KAFKA_LAB_REQUIRE_DOCKER") == "1":
        pytest.fail(f"KAFKA_LAB_REQUIRE_DOCKER is set, but {reason}", pytrace=False)
    if reason:
        pytest.skip(reason)
    return found


@pytest.fixture
def start(backend: Backend, home: Path) -> Iterator[Start]:
    held = Leases.open()

    def begin(spec: ClusterSpec, relay_ports: list[int] | None = None) -> Cluster:
        return backend.start(spec, relay_ports or (), held)

    yield begin
    held.clear()
