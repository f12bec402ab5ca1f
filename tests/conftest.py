"""One real broker for the whole session, with the folders of kafka-lab somewhere private."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kafka_lab.clusters.admin import Acl, Admin
from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.embedded.backend import EmbeddedBackend
from kafka_lab.clusters.ports import listening_socket
from kafka_lab.clusters.spec import DEFAULT_VERSION, ClusterSpec
from kafka_lab.clusters.testcontainers.backend import TestcontainersBackend
from kafka_lab.faults.relay import Relay
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.events import EventLog
from kafka_lab.runtime.leases import Leases
from kafka_lab.runtime.seeds import name


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home and a scratch folder of the tests' own; the cache with its jars is the user's."""
    folder = tmp_path_factory.mktemp("home")
    memory = Path("/dev/shm")
    scratch = Path(
        tempfile.mkdtemp(prefix="kafka-lab-tests-", dir=memory if memory.is_dir() else None)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAFKA_LAB_HOME", str(folder))
        patch.setenv("KAFKA_LAB_SCRATCH", str(scratch))
        yield folder
    shutil.rmtree(scratch, ignore_errors=True)


@pytest.fixture(scope="session")
def scratch(home: Path) -> Path:
    return Path(os.environ["KAFKA_LAB_SCRATCH"])


@pytest.fixture(scope="session")
def leases(home: Path) -> Iterator[Leases]:
    """The session's own leases: cleared at the end, whatever happened."""
    found = Leases.open()
    yield found
    found.clear()


def _refuse(reason: str) -> None:
    if os.environ.get("KAFKA_LAB_REQUIRE_DOCKER") == "1":
        pytest.fail(f"KAFKA_LAB_REQUIRE_DOCKER is set, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def container_backend() -> TestcontainersBackend:
    """Clusters in containers, with the image on the engine, or a visible reason why not."""
    found = TestcontainersBackend()
    reason = found.unavailable()
    if reason:
        _refuse(reason)
    try:
        found.prepare(DEFAULT_VERSION)
    except LabError as e:
        _refuse(e.what)
    return found


@dataclass
class Site:
    """A secured cluster whose programs come through ``door``, a listening socket."""

    cluster: Cluster
    door: socket.socket


@pytest.fixture(scope="session")
def site(leases: Leases) -> Iterator[Site]:
    backend = EmbeddedBackend()
    door = listening_socket()
    backend.prepare(ClusterSpec().version)
    cluster = backend.start(ClusterSpec(), [door.getsockname()[1]], leases)
    yield Site(cluster, door)
    for broker in cluster.brokers:
        broker.kill()
    door.close()


@pytest.fixture(scope="session")
def cluster(site: Site) -> Cluster:
    """One secured broker, shared: whoever stops it starts it again."""
    return site.cluster


@pytest.fixture
def admin(cluster: Cluster) -> Iterator[Admin]:
    with Admin(cluster) as found:
        yield found


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    found = EventLog(tmp_path / "events.jsonl")
    yield found
    found.close()


@pytest.fixture
def relay(site: Site, log: EventLog) -> Iterator[Relay]:
    """A relay of this test alone, at the address that the session's broker advertises."""
    found = Relay([site.door.dup()], [b.client for b in site.cluster.brokers], log).start()
    yield found
    found.stop()


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Names that no other test uses."""

    def make(purpose: str) -> str:
        return f"{purpose}-{name(0, request.node.nodeid, purpose)}"

    return make


@pytest.fixture
def open_to_all(admin: Admin) -> Callable[..., None]:
    """Let ``program-0`` do everything with these topics, groups and transactional ids."""

    def allow(**names: str) -> None:
        kinds = {"topic": "TOPIC", "group": "GROUP", "transactional_id": "TRANSACTIONAL_ID"}
        admin.allow([Acl("program-0", kinds[k], v, "ALL") for k, v in names.items()])

    return allow


@pytest.fixture
def program_config(cluster: Cluster) -> dict[str, Any]:
    """librdkafka configuration of ``program-0``, by the relay."""
    return {
        "bootstrap.servers": cluster.program_bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "program-0",
        "sasl.password": cluster.credentials.passwords["program-0"],
        "log_level": 0,
    }


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A real headless Chromium, or a visible reason why there is none."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if found is None:
        reason = "there is no Chromium here (Debian: apt install chromium)"
        if os.environ.get("KAFKA_LAB_REQUIRE_BROWSER") == "1":
            pytest.fail(f"KAFKA_LAB_REQUIRE_BROWSER is set, but {reason}", pytrace=False)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Chromium refuses to be sandboxed as root, as CI is.
        arguments = ["--no-sandbox"] if os.getuid() == 0 else []
        made = playwright.chromium.launch(executable_path=found, args=arguments)
        yield made
        made.close()
