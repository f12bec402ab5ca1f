"""Services as containers of images with the layout of the official ones."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from kafka_lab.api import Rights
from kafka_lab.clusters.admin import Admin
from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.logreader import LogReader
from kafka_lab.runtime.errors import LabError, UsageError
from kafka_lab.runtime.leases import Leases
from kafka_lab.services import images
from kafka_lab.services.base import Service
from kafka_lab.services.connect.service import Connect
from kafka_lab.services.container import Container
from kafka_lab.services.databases.postgres import Postgres
from kafka_lab.services.registry import Registry

VARIABLES = {
    "registry": "KAFKA_LAB_REGISTRY_IMAGE",
    "connect": "KAFKA_LAB_CONNECT_IMAGE",
    "postgres": "KAFKA_LAB_POSTGRES_IMAGE",
}
Contained = Callable[[type[Service]], None]


@pytest.fixture
def contained(monkeypatch: pytest.MonkeyPatch) -> Contained:
    """From here on services run as containers; skips where there is no engine or no image."""

    def see(service: type[Service]) -> None:
        monkeypatch.setenv("KAFKA_LAB_SERVICES", "docker")
        variable = VARIABLES[service.kind]
        missing = service.unavailable()
        if not missing and not os.environ.get(variable):
            missing = f"{variable} names no image: .ci/service-images makes one"
        if missing and os.environ.get("KAFKA_LAB_REQUIRE_DOCKER"):
            pytest.fail(missing)
        if missing:
            pytest.skip(missing)

    return see


def container_of(service: Service) -> str:
    [unit] = service.processes
    assert isinstance(unit, Container)
    return unit.container


def gone(name: str) -> bool:
    return all(name not in c["Names"][0] for c in images.engine().api.containers(all=True))


@pytest.mark.docker
def test_a_registry_in_a_container(leases: Leases, tmp_path: Path, contained: Contained) -> None:
    contained(Registry)
    with Registry(leases, tmp_path) as registry:
        name = container_of(registry)
        other = Registry.attach(json.loads(json.dumps(registry.handle())), leases)
        level = requests.get(f"{other.url}/config", timeout=20).json()
        assert level == {"compatibilityLevel": "BACKWARD"}
        other.pause()
        with pytest.raises(requests.RequestException):
            requests.get(f"{other.url}/config", timeout=0.5)
        other.resume()
        assert requests.get(f"{other.url}/config", timeout=20).ok
    assert gone(name)
    assert (tmp_path / "service-registry.log").stat().st_size > 0


@pytest.mark.docker
def test_a_database_in_a_container(leases: Leases, contained: Contained) -> None:
    contained(Postgres)
    with Postgres(leases) as database:
        name = container_of(database)
        database.query("CREATE TABLE t (id INT, name TEXT)")
        database.query("INSERT INTO t VALUES (1, 'ä\tb'), (2, NULL), (3, '')")
        other = Postgres.attach(json.loads(json.dumps(database.handle())), leases)
        other.kill()
        with pytest.raises(LabError):
            other.query("SELECT 1")
        other.restart()
        rows = other.query("SELECT * FROM t ORDER BY id")
        assert [row["name"] for row in rows] == ["ä\tb", None, ""]
        assert other.query("SHOW wal_level") == [{"wal_level": "logical"}]
        with pytest.raises(LabError, match="nosuch"):
            other.query("SELECT * FROM nosuch")
    assert gone(name)


@pytest.mark.docker
def test_a_worker_in_a_container(
    cluster: Cluster,
    admin: Admin,
    leases: Leases,
    contained: Contained,
    unique: Callable[[str], str],
) -> None:
    contained(Connect)
    topic = unique("lines")
    admin.create_topics({topic: 1})
    settings = {"plugins": ["filestream"]}
    with Connect(leases, kafka=lambda: cluster, settings=settings) as connect:
        name = container_of(connect)
        connect.allow(Rights(writes=(topic,)))
        assert connect.folder is not None
        file = connect.folder / "lines"
        file.write_text("one\n")
        config = {"connector.class": "FileStreamSource", "file": str(file), "topic": topic}
        connect.client.put("in", config)
        reader = LogReader(admin, {topic: 1})
        end = time.monotonic() + 60
        while not reader.visible(topic):
            assert time.monotonic() < end, connect.logs()[-3000:]
            reader.refresh()
            time.sleep(0.02)  # polls, with a deadline
        assert json.loads(reader.visible(topic)[0].value or b"")["payload"] == "one"
        connect.worker(1).kill()
        connect.worker(1).start()
        assert connect.client.connectors() == ["in"]
    assert gone(name)


@pytest.mark.docker
def test_a_killed_kafka_lab_leaves_no_container(contained: Contained) -> None:
    contained(Registry)
    own = Leases.open()
    registry = Registry(own)
    registry.start()
    name = container_of(registry)
    assert not gone(name)
    own.clear()  # what the next command does
    assert gone(name)


def test_where_services_run_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    image = images.Image(VARIABLES["registry"], "no/image:1")
    monkeypatch.setattr(images, "why_not", lambda: "no Docker engine is here: install Docker")
    for chosen, lacks, used in (
        ("", "", False),
        ("process", "", False),
        ("docker", "needs Docker (no Docker engine is here): install Docker, or set", True),
    ):
        monkeypatch.setenv("KAFKA_LAB_SERVICES", chosen)
        assert image.lacks("").startswith(lacks)
        assert image.used("") is used
    monkeypatch.setenv("KAFKA_LAB_SERVICES", "")
    assert image.lacks("needs X: install X") == "needs X: install X, or start Docker"
    monkeypatch.setattr(images, "why_not", lambda: "")
    assert image.lacks("needs X: install X") == ""
    assert image.used("needs X: install X") is True
    monkeypatch.setenv("KAFKA_LAB_SERVICES", "dokcer")
    with pytest.raises(UsageError, match="KAFKA_LAB_SERVICES is 'dokcer'"):
        image.used("")
