"""One real cluster in containers for these tests, or a visible reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.clusters.testcontainers.backend import TestcontainersBackend
from kafka_lab.runtime.engine import Engine
from kafka_lab.runtime.leases import Leases

Present = Callable[[], set[str]]


@pytest.fixture(scope="session")
def backend(container_backend: TestcontainersBackend) -> TestcontainersBackend:
    """The backend, with its image on the engine."""
    return container_backend


@pytest.fixture(scope="session")
def contained(backend: TestcontainersBackend, home: Path, leases: Leases) -> Iterator[Cluster]:
    """One secured broker in a container, shared: whoever stops it starts it again."""
    return backend.start(ClusterSpec(), (), leases)


@pytest.fixture
def present(backend: TestcontainersBackend) -> Present:
    """Names of all containers and networks of any kafka-lab, and all volumes of the engine."""

    def look() -> set[str]:
        api = Engine().api
        containers = {n.lstrip("/") for c in api.containers(all=True) for n in c["Names"]}
        networks = {n["Name"] for n in api.networks()}
        volumes = {v["Name"] for v in api.volumes()["Volumes"] or []}
        return {n for n in containers | networks if n.startswith("kafka-lab-")} | volumes

    return look
