"""What needs no engine: settings, messages, laziness."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError

from kafka_lab.clusters.base import Address, Credentials
from kafka_lab.clusters.nodeconfig import properties
from kafka_lab.clusters.registry import choose
from kafka_lab.clusters.spec import ClusterSpec, ListenerSpec
from kafka_lab.clusters.testcontainers import images
from kafka_lab.clusters.testcontainers.backend import TestcontainersBackend
from kafka_lab.clusters.testcontainers.broker import ContainerBroker
from kafka_lab.clusters.testcontainers.settings import environment, image_name, variable
from kafka_lab.clusters.topology import Place, nodes
from kafka_lab.runtime.engine import Engine
from kafka_lab.runtime.errors import LabError, UsageError
from kafka_lab.runtime.leases import Leases


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("num.partitions", "KAFKA_NUM_PARTITIONS"),
        ("a_b-c.d", "KAFKA_A__B___C_D"),
        (
            "listener.name.client.plain.sasl.jaas.config",
            "KAFKA_LISTENER_NAME_CLIENT_PLAIN_SASL_JAAS_CONFIG",
        ),
    ],
)
def test_variables_follow_the_rule_of_the_official_image(key: str, name: str) -> None:
    assert variable(key) == name


@pytest.mark.parametrize("key", ["Upper.case", "a._b", "heap.opts"])
def test_what_cannot_be_said_by_a_variable_is_refused(key: str) -> None:
    with pytest.raises(LabError, match="cannot be given"):
        variable(key)


@pytest.mark.parametrize("secured", [True, False])
def test_every_property_of_a_broker_can_be_told(secured: bool) -> None:
    here = Address("127.0.0.1", 1)
    spec = ClusterSpec(
        3,
        secured=secured,
        listeners=(ListenerSpec("TOKENS", "SASL_SSL", ("SCRAM-SHA-256", "OAUTHBEARER")),),
        racks=("a",),
        tiered=True,
        log_dirs=2,
    )
    every = nodes(spec, (), lambda n, x: Place(here, here), lambda n: ["/a", "/b"], lambda n: "/p")
    config = properties(spec, every[0], Credentials.fresh())
    told = environment(config, "id")
    assert all(told[variable(key)] == value for key, value in config.items())
    assert told["CLUSTER_ID"] == "id"


def test_values_are_escaped_as_a_properties_file_wants() -> None:
    assert environment({"a": "x\\y\nz"}, "id")["KAFKA_A"] == "x\\\\y\\nz"


def test_the_image_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_LAB_KAFKA_IMAGE", raising=False)
    assert image_name("4.3.1") == "apache/kafka:4.3.1"
    monkeypatch.setenv("KAFKA_LAB_KAFKA_IMAGE", "mirror:5000/kafka:{version}")
    assert image_name("4.3.1") == "mirror:5000/kafka:4.3.1"
    monkeypatch.setenv("KAFKA_LAB_KAFKA_IMAGE", "kafka:{tag}")
    with pytest.raises(UsageError, match="KAFKA_LAB_KAFKA_IMAGE"):
        image_name("4.3.1")


def test_old_versions_are_refused(home: Path) -> None:
    with pytest.raises(LabError, match=r"Kafka 3\.9\.1"):
        TestcontainersBackend().start(ClusterSpec(version="3.9.1"), (), Leases(home))


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("unix:///nowhere/docker.sock", "start Docker"),
        ("tcp://127.0.0.1:1", "start Docker"),
        ("tcp://192.0.2.1:2375", "another machine"),
        ("ssh://someone@192.0.2.1", "another machine"),
    ],
)
def test_a_missing_engine_is_said_within_a_second(
    host: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import docker  # noqa: F401 - importing is not what is timed

    monkeypatch.setenv("DOCKER_HOST", host)
    began = time.monotonic()
    assert words in TestcontainersBackend().unavailable()
    assert time.monotonic() - began < 2
    with pytest.raises(UsageError, match="cannot be used here"):
        choose("testcontainers")
    monkeypatch.delenv("KAFKA_LAB_BACKEND", raising=False)
    assert choose().name == "embedded"


def test_a_silent_engine_is_an_error_of_the_lab() -> None:
    nowhere = Address("127.0.0.1", 1)
    broker = ContainerBroker(
        1, nowhere, {"CLIENT": nowhere}, "x", Engine("unix:///nowhere/docker.sock")
    )
    for act in (broker.alive, broker.kill, broker.start, broker.pause, broker.log_text):
        with pytest.raises(LabError, match="does not answer any more") as e:
            act()
        assert "KAFKA_LAB_BACKEND=embedded" in e.value.fix


class _Registry:
    """An engine that pulls: it plays these events."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self.events = events
        self.api = self

    def pull(self, repository: str, tag: str, **_: Any) -> Iterator[dict[str, Any]]:
        assert (repository, tag) == ("mirror:5000/kafka", "1")
        yield from self.events


def _layer(name: str, status: str, current: int = 0, total: int = 0) -> dict[str, Any]:
    detail = {"current": current << 20, "total": total << 20} if total else {}
    return {"id": name, "status": status, "progressDetail": detail}


def test_a_pull_tells_its_progress() -> None:
    seen: list[tuple[str, int, int]] = []
    engine: Any = _Registry(
        {"status": "Pulling from kafka"},
        _layer("a", "Downloading", 10, 100),
        _layer("b", "Downloading", 5, 50),
        _layer("a", "Download complete"),
        _layer("c", "Download complete"),
        _layer("b", "Extracting", 50, 50),
    )
    images.pull(engine, "mirror:5000/kafka:1", lambda *said: seen.append(said))
    assert [s[1:] for s in seen] == [(10, 100), (15, 150), (105, 150)]
    assert "mirror:5000/kafka:1" in seen[0][0]


def test_a_pull_that_is_refused_says_what_to_do() -> None:
    engine: Any = _Registry({"error": "no such host"})
    with pytest.raises(LabError, match="no such host") as e:
        images.pull(engine, "mirror:5000/kafka:1", None)
    assert "KAFKA_LAB_KAFKA_IMAGE" in e.value.fix
    assert "KAFKA_LAB_BACKEND=embedded" in e.value.fix

    def refuse(*_: Any, **__: Any) -> None:
        raise APIError("500", explanation="denied by policy")

    silent: Any = SimpleNamespace(api=SimpleNamespace(pull=refuse))
    with pytest.raises(LabError, match="denied by policy") as e:
        images.pull(silent, "testcontainers/ryuk:1", None)
    assert "TESTCONTAINERS_RYUK_DISABLED=true" in e.value.fix


def test_docker_is_imported_only_for_docker(home: Path) -> None:
    code = """
import sys
from pathlib import Path
from kafka_lab.clusters.registry import backends, choose
from kafka_lab.runtime.leases import Leases
backends(); choose("embedded")
leases = Leases.open(); leases.tree(Path("/nowhere/at/all")); leases.clear()
print([m for m in sys.modules if m.split(".")[0] in ("docker", "testcontainers", "requests")])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
