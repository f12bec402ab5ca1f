"""What graders do to a cluster, done to one in containers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from kafka_lab.clusters.admin import Admin
from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.denials import denials
from kafka_lab.clusters.logreader import LogReader
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.clusters.testcontainers.backend import TestcontainersBackend
from kafka_lab.clusters.wire import WireError
from kafka_lab.runtime.engine import Engine
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Leases

pytestmark = pytest.mark.docker
Unique = Callable[[str], str]


def _write(cluster: Cluster, topic: str, *values: str) -> None:
    producer = Producer(cluster.harness_client_config())
    for value in values:
        producer.produce(topic, value=value)
    assert producer.flush(20) == 0


def _read(cluster: Cluster, topic: str) -> list[bytes | None]:
    with Admin(cluster) as admin:
        admin.wait_for_leaders(topic, 1)
        reader = LogReader(admin, {topic: 1})
        reader.refresh()
        return [r.value for r in reader.visible(topic)]


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_records_outlive_the_broker(contained: Cluster, unique: Unique, end: str) -> None:
    topic, broker = unique("topic"), contained.brokers[0]
    with Admin(contained) as admin:
        admin.create_topics({topic: 1})
    _write(contained, topic, "before")
    getattr(broker, end)()
    assert not broker.alive()
    with pytest.raises(WireError):
        contained.wire(broker, timeout=2)
    broker.start()
    assert broker.alive()
    _write(contained, topic, "after")
    assert _read(contained, topic) == [b"before", b"after"]


def test_a_paused_broker_lives_and_is_silent(contained: Cluster) -> None:
    broker = contained.brokers[0]
    broker.pause()
    broker.pause()
    try:
        assert broker.alive()
        with pytest.raises(WireError):
            contained.wire(broker, timeout=1)
    finally:
        broker.resume()
    broker.resume()
    contained.wire(broker).close()


def test_a_paused_broker_can_be_killed(contained: Cluster) -> None:
    broker = contained.brokers[0]
    broker.pause()
    broker.kill()
    assert not broker.alive()
    broker.start()
    contained.wire(broker).close()


def test_ending_twice_is_no_error_and_starting_twice_is(contained: Cluster) -> None:
    broker = contained.brokers[0]
    with pytest.raises(LabError, match="already running"):
        broker.start()
    broker.kill()
    broker.kill()
    broker.stop()
    broker.pause()
    broker.resume()
    broker.start()


def test_another_process_attaches_by_the_handle(
    backend: TestcontainersBackend, contained: Cluster, leases: Leases, unique: Unique
) -> None:
    handle = json.loads(json.dumps(contained.handle()))
    attached = backend.attach(handle, leases)
    topic = unique("topic")
    with Admin(attached) as admin:
        admin.create_topics({topic: 1})
    _write(attached, topic, "one")
    attached.brokers[0].kill()
    assert not contained.brokers[0].alive()
    attached.brokers[0].start()
    assert _read(contained, topic) == [b"one"]


def test_threads_may_share_a_broker(contained: Cluster) -> None:
    seen: list[bool] = []
    threads = [
        threading.Thread(target=lambda: seen.append(contained.brokers[0].alive())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert seen == [True] * 8


def test_what_the_authorizer_denies_is_in_the_log(contained: Cluster, unique: Unique) -> None:
    topic, broker = unique("secret"), contained.brokers[0]
    with Admin(contained) as admin:
        admin.create_topics({topic: 1})
    producer = Producer(
        contained.harness_client_config()
        | {
            "bootstrap.servers": str(broker.client),
            "sasl.username": "program-7",
            "sasl.password": contained.credentials.passwords["program-7"],
            "message.timeout.ms": 5000,
            "log_level": 0,
        }
    )
    producer.produce(topic, value="x")
    end = time.monotonic() + 20
    while not (found := [d for d in denials(contained) if d.resource == f"Topic:{topic}"]):
        assert time.monotonic() < end, broker.log_text()[-2000:]
        producer.poll(0.05)
    assert found[0].principal == "program-7"
    producer.purge()


def test_the_log_holds_no_secrets(contained: Cluster) -> None:
    text = contained.brokers[0].log_text()
    assert not [p for p in contained.credentials.passwords.values() if p in text]


def test_nothing_is_left_of_three_brokers(
    backend: TestcontainersBackend, present: Callable[[], set[str]], home: object, unique: Unique
) -> None:
    before = present()
    leases = Leases.open()
    try:
        cluster = backend.start(ClusterSpec(brokers=3), (), leases)
        assert len(present() - before) >= 4  # three containers, a network, and their volumes
        topic = unique("topic")
        with Admin(cluster) as admin:
            admin.create_topics({topic: 1})
        _write(cluster, topic, "before")
        cluster.broker(3).kill()
        _write(cluster, topic, "with two of three")
        cluster.broker(3).start()
        assert _read(cluster, topic) == [b"before", b"with two of three"]
    finally:
        leases.clear()
    assert present() == before
    assert not leases.folder.exists()


def test_a_cluster_whose_container_was_removed_is_dead(
    backend: TestcontainersBackend, home: object
) -> None:
    leases = Leases.open()
    try:
        cluster = backend.start(ClusterSpec(), (), leases)
        broker = cluster.brokers[0]
        assert Engine().remove_container(broker.handle()["container"])
        assert not broker.alive()
        broker.kill()
        with pytest.raises(LabError, match="No such container"):
            broker.start()
    finally:
        leases.clear()


def test_properties_reach_the_broker(
    backend: TestcontainersBackend, home: object, unique: Unique
) -> None:
    leases = Leases.open()
    try:
        spec = ClusterSpec(broker_config={"num.partitions": "4"}, secured=False)
        cluster = backend.start(spec, (), leases)
        with Admin(cluster) as admin:
            admin.create_topics({(topic := unique("topic")): -1})
            admin.wait_for_leaders(topic, 4)
    finally:
        leases.clear()


def test_brokers_that_cannot_start_are_said_with_their_log(
    backend: TestcontainersBackend, present: Callable[[], set[str]], home: object
) -> None:
    before = present()
    leases = Leases.open()
    try:
        with pytest.raises(LabError, match=r"num\.io\.threads"):
            backend.start(ClusterSpec(broker_config={"num.io.threads": "0"}), (), leases)
        assert present() == before
    finally:
        leases.clear()
