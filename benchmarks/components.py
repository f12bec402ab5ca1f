"""Services: ours against the same component as its makers ship it, in one run.

The stock worker has Kafka's own worker configuration and JVM flags and jars side by side; the stock
registry is started by its own launcher.
"""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from kafka_lab.api import Rights
from kafka_lab.clusters.admin import Admin
from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.embedded.java import java
from kafka_lab.clusters.logreader import LogReader
from kafka_lab.clusters.ports import free_ports
from kafka_lab.clusters.registry import backends
from kafka_lab.clusters.spec import DEFAULT_VERSION, ClusterSpec
from kafka_lab.runtime import maven
from kafka_lab.runtime.leases import Leases
from kafka_lab.services import archives
from kafka_lab.services.base import Service
from kafka_lab.services.connect.plugins import WORKER, plugin_path
from kafka_lab.services.connect.service import Connect
from kafka_lab.services.databases.mariadb import MariaDb
from kafka_lab.services.databases.postgres import Postgres
from kafka_lab.services.process import Process
from kafka_lab.services.prometheus import Prometheus
from kafka_lab.services.registry import Registry, _unpacked

_LIMIT = 180.0
_SETTINGS = {"plugins": ["filestream"]}


class StockConnect(Connect):
    """config/connect-distributed.properties and bin/connect-distributed.sh of Kafka."""

    def _launch(self, folder: Path) -> list[Process]:
        path = plugin_path(self.settings["plugins"])
        self._ports = free_ports(1)
        config = folder / "worker.properties"
        name = uuid.uuid4().hex[:8]
        config.write_text(
            f"bootstrap.servers={self.kafka.harness_bootstrap}\ngroup.id={name}\n"
            f"listeners=http://127.0.0.1:{self._ports[0]}\nplugin.path={path}\n"
            "key.converter=org.apache.kafka.connect.json.JsonConverter\n"
            "value.converter=org.apache.kafka.connect.json.JsonConverter\n"
            "key.converter.schemas.enable=true\nvalue.converter.schemas.enable=true\n"
            "offset.flush.interval.ms=10000\n"
            + "".join(
                f"{what}.storage.topic={name}-{what}\n{what}.storage.replication.factor=1\n"
                for what in ("offset", "config", "status")
            )
        )
        jars = ":".join(map(str, maven.fetch(archives.locked_artifacts(WORKER))))
        argv = [str(java()), "-Xms256M", "-Xmx2G", "-server", "-XX:+UseG1GC"]
        argv += ["-XX:MaxGCPauseMillis=20", "-XX:+ExplicitGCInvokesConcurrent", "-cp", jars]
        argv += ["org.apache.kafka.connect.cli.ConnectDistributed", str(config)]
        process = Process("stock", argv, folder, self._log(folder), self.leases)
        process.launch()
        return [process]


class StockRegistry(Registry):
    """By its own launcher, with the JVM's own choice of flags."""

    def _launch(self, folder: Path) -> list[Process]:
        self._port, management = free_ports(2)
        argv = [str(java())]
        for prefix, port in (("http", self._port), ("management", management)):
            argv += [f"-Dquarkus.{prefix}.host=127.0.0.1", f"-Dquarkus.{prefix}.port={port}"]
        argv += ["-jar", str(_unpacked() / "quarkus-run.jar")]
        process = Process("stock", argv, folder, self._log(folder), self.leases)
        process.launch()
        return [process]


def _first_line(connect: Connect, began: float) -> float:
    """Seconds from ``began`` until the first line of a file was in a topic."""
    topic = f"bench-{uuid.uuid4().hex[:8]}"
    cluster = connect.kafka
    with Admin(cluster) as admin:
        admin.create_topics({topic: 1})
        connect.start()
        connect.ready(_LIMIT)
        connect.allow(Rights(writes=(topic,)))
        assert connect.folder is not None
        file = connect.folder / "lines"
        file.write_text("first\n")
        config = {"connector.class": "FileStreamSource", "file": str(file), "topic": topic}
        connect.client.put(topic, {**config, "tasks.max": "1"})
        reader = LogReader(admin, {topic: 1})
        while not reader.visible(topic):
            reader.refresh()
            if time.monotonic() > began + _LIMIT:
                raise TimeoutError("no record")
            time.sleep(0.005)  # polled, with a deadline
    return time.monotonic() - began


def _connect(kind: type[Connect], cluster: Cluster) -> float:
    leases = Leases.open()
    try:
        connect = kind(leases, kafka=lambda: cluster, settings=_SETTINGS)
        return _first_line(connect, time.monotonic())
    finally:
        leases.clear()


def _whole() -> float:
    """A secured cluster and Connect, from nothing."""
    leases = Leases.open()
    try:
        began = time.monotonic()
        cluster = backends()["embedded"].start(ClusterSpec(), (), leases)
        return _first_line(Connect(leases, kafka=lambda: cluster, settings=_SETTINGS), began)
    finally:
        leases.clear()


def _ready(kind: type[Service]) -> float:
    leases = Leases.open()
    try:
        service = kind(leases)
        began = time.monotonic()
        service.start()
        service.ready(_LIMIT)
        return time.monotonic() - began
    finally:
        leases.clear()


def services(runs: int) -> None:
    """Start to first use, interleaved."""
    backend = backends()["embedded"]
    backend.prepare(DEFAULT_VERSION)
    Connect.prepare(_SETTINGS, lambda text: None)
    Registry.prepare({}, lambda text: None)
    leases = Leases.open()
    cluster = backend.start(ClusterSpec(secured=False), (), leases)
    kinds: dict[str, Callable[[], float]] = {
        "Connect as shipped, first FileStream line": lambda: _connect(StockConnect, cluster),
        "Connect, first FileStream line": lambda: _connect(Connect, cluster),
        "secured cluster and Connect, first line": _whole,
        "registry as shipped": lambda: _ready(StockRegistry),
        "registry": lambda: _ready(Registry),
    }
    for kind in (Postgres, MariaDb, Prometheus):
        if not kind.unavailable():
            _ready(kind)  # its template is made once
            kinds[kind.kind] = lambda kind=kind: _ready(kind)  # type: ignore[misc]
    seen: dict[str, list[float]] = {kind: [] for kind in kinds}
    try:
        for _ in range(runs):
            for name, once in kinds.items():
                seen[name].append(once())
    finally:
        leases.clear()
    print(f"\nservices, start to first use, medians of {runs} (s), ratio to the shipped one")
    base = 0.0
    for name, times in seen.items():
        middle = statistics.median(times)
        base = middle if "as shipped" in name else base
        compared = name in ("Connect, first FileStream line", "registry")
        ratio = f"  1/{base / middle:.1f}" if compared else ""
        print(f"  {name:<42} {middle:6.2f}  (min {min(times):.2f}, max {max(times):.2f}){ratio}")
