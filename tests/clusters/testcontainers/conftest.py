"""One real cluster in containers for these tests, or a visible reason why there is none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.spec import DEFAULT_VERSION, ClusterSpec
from kafka_lab.clusters.testcontainers.backend import TestcontainersBackend
from kafka_lab.runtime.engine import Engine
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Leases

Present = Callable[[], set[str]]


def _refuse(reason: str) -> None:
    if os.environ.get("KAFKA_LAB_REQUIRE_DOCKER") == "1":
        pytest.fail(f"KAFKA_LAB_REQUIRE_DOCKER is set, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def backend() -> TestcontainersBackend:
    """The backend, with its image on the engine."""
    found = TestcontainersBackend()
    reason = found.unavailable()
    if reason:
        _refuse(reason)
    try:
        found.prepare(DEFAULT_VERSION)
    except LabError as e:
        _refuse(e.what)
    return found


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
