"""Many brokers: what a client sees when nodes come and go."""

from __future__ import annotations

import requests
from confluent_kafka import Producer

from kafka_lab.clusters.accounts import set_quota
from kafka_lab.clusters.admin import Admin
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.clusters.wire import WireError
from shapes import shape
from shapes.clients import read, until, write
from shapes.conftest import Start


@shape("4 brokers in racks", "a replica of each partition in every rack; kill -9: its leaders move")
def test_a_killed_brokers_leaders_move(start: Start) -> None:
    cluster = start(ClusterSpec(4, racks=("a", "b", "c"), node_config={2: {"num.io.threads": "3"}}))
    config = cluster.harness_client_config()
    with Admin(cluster) as admin:
        admin.create_topics({"t": 4}, 3)
        racks = {b: "abc"[(b - 1) % 3] for b in (1, 2, 3, 4)}
        assert all({racks[r] for r in rs} == set("abc") for rs in admin.replicas("t").values())
        write(config, "t", b"before")
        victim = next(b for b in admin.leaders("t").values() if b != 1)  # 1 is the controller
        cluster.broker(victim).kill()
        until(lambda: set(admin.leaders("t")) == {0, 1, 2, 3})
        until(lambda: victim not in admin.leaders("t").values())
        write(config | {"acks": "all"}, "t", b"after")
        cluster.broker(victim).start()
        until(lambda: all(len(isr) == 3 for isr in admin.in_sync("t").values()))


@shape("3 controllers of their own", "the leader of the quorum is killed: topics are created again")
def test_a_killed_controller_is_followed(start: Start) -> None:
    cluster = start(ClusterSpec(2, controllers=3, separate=True))
    with Admin(cluster) as admin:
        admin.create_topics({"before": 1})
        leader = admin.quorum_leader()
        assert leader in {c.id for c in cluster.controllers}
        cluster.broker(leader).kill()
        until(lambda: _other_leader(admin, leader))
        admin.create_topics({"after": 1})
    write(cluster.harness_client_config(), "after", b"x")


def _other_leader(admin: Admin, former: int) -> bool:
    try:
        return admin.quorum_leader() not in (former, -1)
    except WireError:  # brokers answer such requests only when they have a controller to ask
        return False


@shape("a broker that joins later", "it was not there, then it leads partitions")
def test_a_broker_joins_later(start: Start) -> None:
    cluster = start(ClusterSpec(2, later=1))
    with Admin(cluster) as admin:
        admin.create_topics({"small": 2}, 1)
        assert set(admin.leaders("small").values()) == {1}
        cluster.broker(2).start()
        admin.create_topics({"large": 4}, 1)
        assert set(admin.leaders("large").values()) == {1, 2}


@shape("2 log directories", "one goes offline: the partitions of the other go on")
def test_a_log_directory_goes_offline(start: Start) -> None:
    cluster = start(ClusterSpec(log_dirs=2))
    config = cluster.harness_client_config()
    with Admin(cluster) as admin:
        admin.create_topics({"t": 6})
        producer = Producer(config)
        for partition in range(6):  # a log lies in its directory from its first record on
            producer.produce("t", value=b"before", partition=partition)
        assert producer.flush(10) == 0
        # The first directory holds the metadata log, without which a broker has to stop.
        cluster.broker(1).fail_log_dir(1)
        until(lambda: 0 < len(admin.leaders("t")) < 6)
        left = next(iter(admin.leaders("t")))
    producer.produce("t", value=b"after", partition=left)
    assert producer.flush(10) == 0
    assert read(config, "t", 2, left) == [b"before", b"after"]


@shape("tiered storage", "old segments leave the local log and are read back from remote storage")
def test_old_segments_are_read_from_remote_storage(start: Start) -> None:
    cluster = start(ClusterSpec(tiered=True))
    config = cluster.harness_client_config()
    with Admin(cluster) as admin:
        admin.create_topics(
            {"t": 1},
            config={
                "remote.storage.enable": "true",
                "segment.bytes": "1048576",
                "local.retention.ms": "1000",
                "retention.ms": "-1",
            },
        )
        values = [str(n).encode() * 2000 for n in range(600)]
        write(config | {"batch.size": 20000}, "t", *values)
        until(lambda: admin.local_start("t", 0) > 0)
    assert read(config, "t", 600) == values


@shape("JMX exporter", "the broker's request metrics, scraped over HTTP")
def test_an_exporter_serves_metrics(start: Start) -> None:
    cluster = start(ClusterSpec(jmx=True))
    at = cluster.brokers[0].metrics
    assert at is not None
    text = requests.get(f"http://{at}/metrics", timeout=20).text
    assert "kafka_server_brokertopicmetrics" in text


@shape("client quotas", "a producer is throttled to its rate")
def test_a_producer_is_throttled(start: Start) -> None:
    cluster = start(ClusterSpec())
    throttled: list[int] = []
    producer = Producer(
        {
            **cluster.harness_client_config(),
            "throttle_cb": lambda event: throttled.append(event.throttle_time),
        }
    )
    with Admin(cluster) as admin:
        admin.create_topics({"t": 1})
        set_quota(admin, {"producer_byte_rate": 20_000.0}, user="harness")
        until(lambda: _throttles(producer, throttled))
        set_quota(admin, {"producer_byte_rate": None}, user="harness")


def _throttles(producer: Producer, throttled: list[int]) -> bool:
    producer.produce("t", value=b"x" * 50_000)
    producer.flush(0.2)
    producer.poll(0)
    return bool(throttled) and max(throttled) > 0
