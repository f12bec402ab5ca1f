"""The relay between real clients and a real broker."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, Producer

from kafka_lab.clusters.admin import Admin, poll
from kafka_lab.clusters.logreader import LogReader
from kafka_lab.faults.relay import DROP, Hold, Relay
from kafka_lab.faults.requests import Request

QUICK = {"reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 50, "retry.backoff.ms": 10}


def test_what_clients_ask_is_on_record(
    relay: Relay,
    admin: Admin,
    unique: Callable[[str], str],
    open_to_all: Callable[..., None],
    program_config: dict[str, Any],
) -> None:
    topic, group = unique("topic"), unique("group")
    ids = admin.create_topics({topic: 1})
    open_to_all(topic=topic, group=group)
    producer = Producer(program_config | {"client.id": "writer", "acks": "all"})
    producer.produce(topic, b"value")
    assert producer.flush(20) == 0
    consumer = Consumer(
        program_config
        | {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    consumer.subscribe([topic])
    message = consumer.poll(20)
    assert message is not None
    assert message.value() == b"value"
    consumer.commit(asynchronous=False)
    consumer.close()

    (write,) = [r for r in relay.history if r.api == "Produce"]
    assert (write.principal, write.client_id, write.error) == ("program-0", "writer", 0)
    ((name, partition),) = write.facts["partitions"]
    assert (ids.get(name, name), partition) == (topic, 0)
    (commit,) = [r for r in relay.history if r.api == "OffsetCommit"]
    assert commit.facts["group"] == group
    assert [o[1:] for o in commit.facts["offsets"]] == [[0, 1]]
    assert write.time < write.answered <= commit.answered
    assert not [r for r in relay.history if r.api == "Fetch"]


def test_an_answer_lost_is_retried_without_a_duplicate(
    relay: Relay,
    admin: Admin,
    unique: Callable[[str], str],
    open_to_all: Callable[..., None],
    program_config: dict[str, Any],
) -> None:
    topic = unique("topic")
    admin.create_topics({topic: 1})
    open_to_all(topic=topic)
    trigger = relay.at("Produce", 1, "after", lambda r: DROP)
    producer = Producer(program_config | QUICK | {"enable.idempotence": True})
    producer.produce(topic, b"once")
    assert producer.flush(30) == 0
    assert trigger.hit.is_set()
    assert len([r for r in relay.history if r.api == "Produce"]) == 2
    reader = LogReader(admin, {topic: 1})
    reader.refresh()
    assert [r.value for r in reader.visible(topic)] == [b"once"]


def test_a_commit_held_is_seen_by_nobody_until_it_is_released(
    relay: Relay,
    admin: Admin,
    unique: Callable[[str], str],
    open_to_all: Callable[..., None],
    program_config: dict[str, Any],
) -> None:
    topic, transactional_id = unique("topic"), unique("tx")
    admin.create_topics({topic: 1})
    open_to_all(topic=topic, transactional_id=transactional_id)
    hold = Hold()
    seen: list[Request] = []

    def keep(request: Request) -> Hold:
        seen.append(request)
        return hold

    trigger = relay.at("EndTxn", 2, "before", keep)
    producer = Producer(program_config | {"transactional.id": transactional_id})
    producer.init_transactions(30)
    for value in (b"first", b"second"):
        producer.begin_transaction()
        producer.produce(topic, value)
        producer.flush(20)
        if value == b"first":
            producer.commit_transaction(30)
    committing = threading.Thread(target=producer.commit_transaction, args=(30,))
    committing.start()
    assert trigger.hit.wait(20)
    reader = LogReader(admin, {topic: 1})
    reader.refresh()
    assert [r.value for r in reader.visible(topic)] == [b"first"]
    assert admin.transaction_state(transactional_id) == "Ongoing"
    assert seen[0].facts == {"transactional_id": transactional_id, "committed": True}
    hold.release()
    committing.join(30)
    assert not committing.is_alive()

    def both() -> bool:
        reader.refresh()
        return [r.value for r in reader.visible(topic)] == [b"first", b"second"]

    # The coordinator answers EndTxn before the marker is in the log (KIP-98).
    poll(both, 20, "the second transaction did not become visible")


def test_a_client_rides_out_a_refused_broker(
    relay: Relay,
    admin: Admin,
    unique: Callable[[str], str],
    open_to_all: Callable[..., None],
    program_config: dict[str, Any],
) -> None:
    topic = unique("topic")
    admin.create_topics({topic: 1})
    open_to_all(topic=topic)
    producer = Producer(program_config | QUICK)
    producer.produce(topic, b"before")
    assert producer.flush(20) == 0
    relay.refuse(1)
    producer.produce(topic, b"meanwhile")
    assert producer.flush(0.5) == 1
    relay.refuse(1, False)
    assert producer.flush(30) == 0
    reader = LogReader(admin, {topic: 1})
    reader.refresh()
    assert [r.value for r in reader.visible(topic)] == [b"before", b"meanwhile"]
