"""The stacks in compose/: each is valid and pinned, and the one that can be is really started."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from kafka_lab.clusters.ports import free_ports

COMPOSE = Path(__file__).parents[2] / "compose"
STACKS = sorted(p.parent.name for p in COMPOSE.glob("*/docker-compose.yml"))
IMAGE = os.environ.get("KAFKA_LAB_KAFKA_IMAGE", "")

Compose = Callable[..., str]


@pytest.fixture(scope="module")
def compose() -> Compose:
    """``docker-compose`` of a stack; fails with its words."""
    program = ["docker-compose"] if shutil.which("docker-compose") else []
    if not program:
        plugin = ["docker", "compose"]
        try:
            found = subprocess.run([*plugin, "version"], capture_output=True, check=False)
            program = plugin if found.returncode == 0 else []
        except OSError:
            pass
    if not program and os.environ.get("KAFKA_LAB_REQUIRE_DOCKER") == "1":
        pytest.fail("KAFKA_LAB_REQUIRE_DOCKER is set, but there is no docker-compose")
    if not program:
        pytest.skip("there is no docker-compose")

    def run(stack: str, *args: str, **env: str) -> str:
        done = subprocess.run(
            [*program, *args],
            cwd=COMPOSE / stack,
            env=os.environ | env,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    return run


def services(text: str) -> dict[str, Any]:
    import yaml

    found: dict[str, Any] = yaml.safe_load(text)["services"]
    return found


def test_there_are_three_and_the_readme_names_them() -> None:
    assert STACKS == ["brokers", "monitoring", "registry-connect"]
    readme = (COMPOSE / "README.md").read_text()
    for stack in STACKS:
        assert f"`{stack}/`" in readme


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_is_valid_pinned_and_has_health_checks(compose: Compose, stack: str) -> None:
    found = services(compose(stack, "config"))
    for name, service in found.items():
        image, _, tag = service["image"].rpartition(":")
        assert image, f"{name} has no tag"
        assert re.match(r"^v?\d+\.\d+\.\d+$", tag), f"{name} is not pinned: {tag}"
        assert service["healthcheck"]["test"]
        for port in service.get("ports", ()):
            said = port if isinstance(port, str) else port.get("host_ip", "")
            assert said.startswith("127.0.0.1"), f"{name} is open to the network"
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0] if isinstance(volume, str) else volume.get("source", "")
            if source.startswith("/"):
                assert Path(source).exists(), f"{name} mounts {source}, which is not there"
    # Every image can be another one: a company's mirror, a local build.
    text = (COMPOSE / stack / "docker-compose.yml").read_text()
    variables = set(re.findall(r"image: \$\{([A-Z_]+):-", text))
    assert len(re.findall(r"^ +image:", text, re.MULTILINE)) == text.count("image: ${")
    other = services(compose(stack, "config", **dict.fromkeys(variables, "mirror/it:1.0.0")))
    assert {service["image"] for service in other.values()} == {"mirror/it:1.0.0"}


def test_what_monitoring_is_told_is_valid() -> None:
    folder = COMPOSE / "monitoring"
    board = json.loads((folder / "grafana/dashboards/kafka.json").read_text())
    expressions = [t["expr"] for p in board["panels"] for t in p["targets"]]
    assert all("kafka_" in e for e in expressions)
    promtool = shutil.which("promtool")
    if promtool is None and os.environ.get("KAFKA_LAB_REQUIRE_DOCKER") == "1":
        pytest.fail("KAFKA_LAB_REQUIRE_DOCKER is set, but there is no promtool")
    if promtool is None:
        pytest.skip("there is no promtool")
    for check in (("config", "--syntax-only", "prometheus.yml"), ("rules", "alerts.yml")):
        done = subprocess.run(
            [promtool, "check", *check], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def running(compose: Compose) -> Iterator[str]:
    """``bootstrap.servers`` of the started stack of three brokers, on ports of the test's own."""
    if not IMAGE:
        pytest.skip("KAFKA_LAB_KAFKA_IMAGE names no local image: none is pulled for a test")
    ports = free_ports(3)
    env = {f"BROKER_{n}_PORT": str(port) for n, port in enumerate(ports, 1)}
    env |= {"KAFKA_IMAGE": IMAGE.format(version="4.3.1")}
    project = f"kafka-lab-test-{uuid.uuid4().hex[:8]}"
    try:
        compose("brokers", "-p", project, "up", "-d", **env)
        end = time.monotonic() + 180
        while compose("brokers", "-p", project, "ps", **env).count("(healthy)") < 3:
            assert time.monotonic() < end, compose("brokers", "-p", project, "logs", **env)[-3000:]
            time.sleep(1)
        yield ",".join(f"localhost:{port}" for port in ports)
    finally:
        compose("brokers", "-p", project, "down", "--volumes", "-t", "2", **env)


@pytest.mark.docker
def test_three_brokers_take_a_record_with_all_replicas(running: str) -> None:
    client = AdminClient({"bootstrap.servers": running})
    nodes = client.describe_cluster().result(20).nodes
    assert {node.id: node.rack for node in nodes} == {1: "rack-a", 2: "rack-b", 3: "rack-c"}
    client.create_topics([NewTopic("orders", 3, 3)])["orders"].result(20)
    told: list[str] = []
    producer = Producer({"bootstrap.servers": running, "acks": "all"})
    producer.produce(
        "orders", b"one", on_delivery=lambda e, m: told.append(e.name() if e else "stored")
    )
    assert producer.flush(30) == 0
    assert told == ["stored"]
    topic = client.list_topics("orders", timeout=20).topics["orders"]
    assert all(len(p.isrs) == 3 for p in topic.partitions.values())
