"""Administration by raw requests, on the session's broker."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from kafka_lab.clusters.admin import Acl, Admin, AdminError, poll
from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.wire import Wire, WireError
from kafka_lab.faults.relay import Relay

Unique = Callable[[str], str]


def test_topics_have_leaders_when_they_are_there(admin: Admin, unique: Unique) -> None:
    wide, narrow = unique("wide"), unique("narrow")
    ids = admin.create_topics({wide: 5, narrow: 1})
    assert sorted(ids.values()) == sorted([wide, narrow])
    assert admin.leaders(wide) == dict.fromkeys(range(5), 1)
    assert admin.leaders(unique("unknown")) == {}


@pytest.mark.parametrize(("name", "partitions"), [("", 1), ("no spaces", 1), ("negative", -7)])
def test_a_topic_that_cannot_be(admin: Admin, name: str, partitions: int) -> None:
    with pytest.raises(AdminError, match=f"topic {name}"):
        admin.create_topics({name: partitions})


def test_a_topic_that_is_there_already(admin: Admin, unique: Unique) -> None:
    topic = unique("topic")
    admin.create_topics({topic: 1}, config={"cleanup.policy": "compact"})
    with pytest.raises(AdminError, match="error 36"):  # TOPIC_ALREADY_EXISTS
        admin.create_topics({topic: 1})
    with pytest.raises(AdminError, match="error 40"):
        admin.create_topics({unique("other"): 1}, config={"no.such.config": "1"})


def test_a_topic_whose_creation_was_answered_to_nobody(
    cluster: Cluster, unique: Unique, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, lost = Wire.call, []

    def losing(wire: Wire, request: Any, response: Any) -> Any:
        answer = call(wire, request, response)
        if type(request).__name__ == "CreateTopicsRequest" and not lost:
            lost.append(answer.topics[0])
            raise WireError("the connection was lost before the answer came")
        return answer

    monkeypatch.setattr(Wire, "call", losing)
    topic = unique("topic")
    with Admin(cluster) as admin:
        made = admin.create_topics({topic: 2})
        assert lost[0].error_code == 0
        assert made == {str(lost[0].topic_id): topic}
        with pytest.raises(AdminError, match="error 36"):
            admin.create_topics({topic: 2})


def test_rights_come_and_go(admin: Admin, unique: Unique) -> None:
    exact = Acl("program-7", "TOPIC", unique("topic"), "READ")
    prefix = Acl("program-7", "GROUP", unique("g"), "READ", prefixed=True)
    admin.allow([exact, prefix])
    assert {exact, prefix} <= set(admin.rules("program-7"))
    assert exact not in admin.rules("program-6")
    admin.disallow([exact])
    assert exact not in admin.rules("program-7")
    assert prefix in admin.rules("program-7")
    with pytest.raises(AdminError, match="not removed"):
        admin.disallow([exact])
    admin.disallow([prefix])


def test_an_acl_that_the_cluster_refuses(admin: Admin) -> None:
    with pytest.raises(AdminError, match="ACL refused"):
        admin.allow([Acl("program-7", "TOPIC", "", "READ")])


def test_offsets_and_the_members_of_a_group(
    relay: Relay,
    admin: Admin,
    unique: Unique,
    open_to_all: Callable[..., None],
    program_config: dict[str, Any],
) -> None:
    topic, group = unique("topic"), unique("group")
    admin.create_topics({topic: 2})
    open_to_all(topic=topic, group=group)
    assert admin.members(group) == []
    assert admin.committed_offsets(group, {topic: 2}) == {}
    joined = threading.Event()
    consumer = Consumer(program_config | {"group.id": group, "enable.auto.commit": False})
    consumer.subscribe([topic], on_assign=lambda *_: joined.set())
    poll(lambda: consumer.poll(0.05) is None and joined.is_set(), 30, "it did not join")
    consumer.commit(offsets=[TopicPartition(topic, 1, 0)], asynchronous=False)
    assert admin.committed_offsets(group, {topic: 2}) == {(topic, 1): 0}
    (member,) = admin.members(group)
    admin.evict(group, [member])
    assert admin.members(group) == []
    admin.evict(group, [member])  # gone already, which is what is wanted
    with pytest.raises(KafkaException):
        consumer.commit(offsets=[TopicPartition(topic, 1, 0)], asynchronous=False)
    consumer.close()


def test_the_state_of_a_transaction(
    relay: Relay,
    admin: Admin,
    unique: Unique,
    open_to_all: Callable[..., None],
    program_config: dict[str, Any],
) -> None:
    topic, transactional_id = unique("topic"), unique("tx")
    admin.create_topics({topic: 1})
    open_to_all(topic=topic, transactional_id=transactional_id)
    assert admin.transaction_state(transactional_id) == ""
    producer = Producer(program_config | {"transactional.id": transactional_id})
    producer.init_transactions(30)
    assert admin.transaction_state(transactional_id) == "Empty"
    producer.begin_transaction()
    producer.produce(topic, b"v")
    assert producer.flush(20) == 0
    assert admin.transaction_state(transactional_id) == "Ongoing"
    producer.abort_transaction(30)
    poll(lambda: admin.transaction_state(transactional_id) == "CompleteAbort", 10, "it hangs")


def test_it_connects_again_when_a_connection_has_gone(cluster: Cluster, unique: Unique) -> None:
    with Admin(cluster) as admin:
        assert admin.leaders(unique("unknown")) == {}
        admin._wires[1].close()
        assert admin.leaders(unique("unknown")) == {}


def test_a_condition_that_never_holds() -> None:
    with pytest.raises(AdminError, match="the sky did not fall within 0 s"):
        poll(lambda: False, 0.01, "the sky did not fall")
