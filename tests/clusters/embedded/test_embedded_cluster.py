"""Clusters in local JVMs: started, broken, attached to, ended."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import Producer

from kafka_lab.clusters.admin import Admin
from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.embedded import backend as embedded
from kafka_lab.clusters.embedded.backend import EmbeddedBackend
from kafka_lab.clusters.embedded.broker import EmbeddedBroker
from kafka_lab.clusters.logreader import LogReader
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Leases


def write(cluster: Cluster, topic: str, *values: bytes) -> None:
    config: dict[str, Any] = dict(cluster.harness_client_config())
    producer = Producer(
        config | {"reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 50, "log_level": 0}
    )
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(60) == 0


def read(admin: Admin, topic: str) -> list[bytes | None]:
    reader = LogReader(admin, {topic: 1})
    reader.refresh()
    return [r.value for r in reader.visible(topic)]


def broker_of(cluster: Cluster) -> EmbeddedBroker:
    broker = cluster.brokers[0]
    assert isinstance(broker, EmbeddedBroker)
    return broker


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_what_was_written_outlives_the_broker(
    cluster: Cluster, admin: Admin, unique: Callable[[str], str], end: str
) -> None:
    topic = unique("topic")
    admin.create_topics({topic: 1})
    write(cluster, topic, b"before")
    broker = broker_of(cluster)
    old = broker.pid
    getattr(broker, end)()
    assert not broker.alive()
    assert broker.meant_down
    broker.start()
    assert broker.alive()
    assert not broker.meant_down
    assert broker.pid != old
    write(cluster, topic, b"after")
    assert read(admin, topic) == [b"before", b"after"]
    with pytest.raises(LabError, match="already running"):
        broker.start()


def test_a_broker_that_died_by_another_hand(cluster: Cluster) -> None:
    broker = broker_of(cluster)
    os.kill(broker.pid, signal.SIGKILL)
    broker._wait(20)
    assert not broker.alive()
    assert not broker.meant_down
    broker.start()


def test_another_process_attaches_by_the_handle(cluster: Cluster, leases: Leases) -> None:
    twin = EmbeddedBackend().attach(cluster.handle(), leases)
    assert twin.harness_bootstrap == cluster.harness_bootstrap
    assert twin.program_bootstrap == cluster.program_bootstrap
    assert twin.spec == cluster.spec
    with Admin(twin) as admin:
        assert admin.leaders("no-such-topic") == {}
    broker = broker_of(twin)
    assert broker.alive()
    assert "QuorumController" in broker.log_text()
    assert twin.handle() == cluster.handle()
    with pytest.raises(KeyError):
        twin.broker(9)


def test_no_secret_in_words_or_files_for_others(cluster: Cluster) -> None:
    broker = broker_of(cluster)
    for password in cluster.credentials.passwords.values():
        assert password not in repr(cluster.credentials)
        assert password not in " ".join(psutil.Process(broker.pid).cmdline())
    config = broker.log_path.with_name("server.properties")
    assert config.stat().st_mode & 0o077 == 0


def test_plain_and_with_a_broker_configuration_and_gone_afterwards(
    scratch: Path, leases: Leases
) -> None:
    own = Leases.open()
    before = set(scratch.iterdir())
    spec = ClusterSpec(secured=False, broker_config={"message.max.bytes": "2000"})
    cluster = EmbeddedBackend().start(spec, (), own)
    with Admin(cluster) as admin:
        admin.create_topics({"small": 1})
        write(cluster, "small", b"fits")
        producer = Producer({"bootstrap.servers": cluster.harness_bootstrap})
        errors: list[str] = []
        producer.produce(
            "small", os.urandom(5000), on_delivery=lambda e, _: errors.append(e.name() if e else "")
        )
        assert producer.flush(30) == 0
        assert errors == ["MSG_SIZE_TOO_LARGE"]
    pid = broker_of(cluster).pid
    own.clear()
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert set(scratch.iterdir()) == before
    assert not own.folder.exists()


def test_ports_taken_in_the_last_moment(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = embedded.free_ports
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        taken = squatter.getsockname()[1]
        calls: list[int] = []

        def unlucky(count: int) -> list[int]:
            calls.append(count)
            found = real(count)
            return [*found[:-1], taken] if len(calls) == 1 else found

        monkeypatch.setattr(embedded, "free_ports", unlucky)
        own = Leases.open()
        try:
            cluster = EmbeddedBackend().start(ClusterSpec(), (), own)
            assert len(calls) == 2
            assert broker_of(cluster).alive()
        finally:
            own.clear()


def test_a_broker_that_cannot_start_says_why(scratch: Path) -> None:
    own = Leases.open()
    spec = ClusterSpec(broker_config={"log.retention.hours": "many"})
    try:
        with pytest.raises(LabError) as caught:
            EmbeddedBackend().start(spec, (), own)
    finally:
        own.clear()
    assert "Kafka did not start" in caught.value.what
    assert "log.retention.hours" in caught.value.what
    assert "doctor" in caught.value.fix


def test_the_only_broker_is_trusted_for_long_but_comes_back_soon(
    cluster: Cluster, admin: Admin, unique: Callable[[str], str]
) -> None:
    broker = broker_of(cluster)
    properties = (broker.log_path.parent / "server.properties").read_text()
    assert "broker.session.timeout.ms=30000" in properties
    broker.kill()
    broker.start()
    # A shorter session for a later start: else it could register only after thirty seconds.
    assert "broker.session.timeout.ms=1000" in psutil.Process(broker.pid).cmdline()
    admin.create_topics({unique("after"): 1})
