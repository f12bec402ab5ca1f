"""A grader that uses what a cluster of many brokers, and two clusters at once, offer."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

from kafka_lab.api import Rights
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.grading.lab import Lab, fail
from kafka_lab.grading.site import Site


def send(lab: Lab, topic: str, *values: str) -> None:
    producer = Producer(lab.cluster.harness_client_config() | {"acks": "all"})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(30) == 0


def test_copies(lab: Lab) -> None:
    """What is in one cluster arrives in the other, also over a link that was cut."""
    source, target, group = (lab.name(part) for part in ("in", "out", "group"))
    other = lab.start_cluster("target", ClusterSpec())
    assert sorted(lab.sites) == ["", "target"]
    lab.create_topics({source: 1})
    other.create_topics({target: 1})
    role = lab.role(
        "across",
        {"IN_TOPIC": source, "OUT_TOPIC": target, "GROUP_ID": group},
        Rights(reads=(source,), groups=(group,)),
        also={"TARGET": other},
    )
    other.allow(role.principal, Rights(writes=(target,)))
    role.program.start()
    send(lab, source, "before")
    reader = other.reader({target: 1})

    def arrived() -> list[bytes | None]:
        reader.refresh()
        return [r.value for r in reader.visible(target)]

    if not lab.wait(lambda: arrived() == [b"before"], 30):
        raise fail("missing", f"The target has {arrived()}. {role.program.tail()}")
    other.relay.refuse(1)
    send(lab, source, "during")
    assert lab.wait(lambda: not other.relay.links, 10)
    assert arrived() == [b"before"]
    other.relay.refuse(1, False)
    if not lab.wait(lambda: b"during" in arrived(), 30):
        raise fail("missing", f"The target has {arrived()}. {role.program.tail()}")
    role.program.kill()
    broken(other)


def broken(other: Site) -> None:
    """Both clusters have a broker 1, and only one of them is killed."""
    other.broker(1).kill()
    assert not other.broker(1).alive()
    assert other.lost_brokers() == []
    other.broker(1).start()


@pytest.mark.needs("copies")
def test_many_brokers(lab: Lab) -> None:
    """Brokers are paused, stopped, killed, added, and lose a disk."""
    topic = lab.name("spread")
    assert len(lab.cluster.spec.doors) == 1
    lab.admin().create_topics({topic: 6}, 3)
    lab.broker(2).pause()
    assert lab.wait(lambda: 2 not in lab.admin().leaders(topic).values(), 30)
    send(lab, topic, "two of three")
    lab.broker(2).resume()
    assert lab.wait(lambda: all(len(x) == 3 for x in lab.admin().in_sync(topic).values()), 30)
    lab.broker(3).stop()
    lab.broker(3).start()
    lab.broker(3).restart()
    added = lab.add_broker()
    assert added.id == 4
    alone = lab.name("alone")
    lab.admin().create_topics({alone: 24}, 1)
    assert 4 in lab.admin().leaders(alone).values()
    producer = Producer(lab.cluster.harness_client_config())
    for partition in range(24):  # a log lies in its directory from its first record on
        producer.produce(alone, "x", partition=partition)
    assert producer.flush(30) == 0
    lab.broker(4).fail_log_dir(1)
    assert lab.wait(lambda: len(lab.admin().leaders(alone)) < 24, 30)
    assert lab.lost_brokers() == []
