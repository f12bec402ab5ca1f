"""Reading a log as it is, on the session's broker."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Producer

from kafka_lab.clusters.admin import Admin, AdminError
from kafka_lab.clusters.logreader import LogReader, State
from kafka_lab.faults.relay import Relay

Unique = Callable[[str], str]


def test_records_as_they_were_written(
    relay: Relay,
    admin: Admin,
    unique: Unique,
    open_to_all: Callable[..., None],
    program_config: dict[str, Any],
) -> None:
    topic = unique("topic")
    admin.create_topics({topic: 2})
    open_to_all(topic=topic)
    reader = LogReader(admin, {topic: 2})
    reader.refresh()
    assert reader.visible(topic) == []
    producer = Producer(program_config | {"enable.idempotence": True, "compression.type": "lz4"})
    producer.produce(topic, b"a", b"k", 0, headers=[("h", b"1"), ("h", None)], timestamp=1234)
    producer.produce(topic, None, b"", 0)
    producer.produce(topic, b"", None, 1)
    assert producer.flush(20) == 0
    reader.refresh()
    first, tombstone, empty = reader.visible(topic)
    assert (first.key, first.value, first.offset, first.timestamp) == (b"k", b"a", 0, 1234)
    assert first.headers == (("h", b"1"), ("h", None))
    assert (tombstone.key, tombstone.value) == (b"", None)
    assert (empty.key, empty.value, empty.partition) == (None, b"", 1)
    assert first.where == f"{topic}-0@0"
    assert first.producer_id >= 0
    assert not first.transactional
    assert {e.state for e in reader.entries(topic)} == {State.PLAIN}
    assert [log.next for log in reader.topic(topic)] == [2, 1]


def test_more_than_one_answer_holds(
    relay: Relay,
    admin: Admin,
    unique: Unique,
    open_to_all: Callable[..., None],
    program_config: dict[str, Any],
) -> None:
    topic = unique("topic")
    admin.create_topics({topic: 1})
    open_to_all(topic=topic)
    producer = Producer(program_config | {"queue.buffering.max.kbytes": 65536})
    count = 30
    for number in range(count):
        producer.produce(topic, number.to_bytes(4, "big") * 125_000)
    assert producer.flush(60) == 0
    reader = LogReader(admin, {topic: 1})
    reader.refresh()  # 15 MB, while a partition gives 10 MB at once
    assert [(r.offset, (r.value or b"")[:4]) for r in reader.visible(topic)] == [
        (n, n.to_bytes(4, "big")) for n in range(count)
    ]


def test_a_topic_that_is_not_there(admin: Admin, unique: Unique) -> None:
    with pytest.raises(AdminError, match="error 3"):
        LogReader(admin, {unique("unknown"): 1}).refresh()


def until(reader: LogReader, ready: Callable[[], bool]) -> None:
    """The coordinator answers EndTxn before it has written the markers (KIP-98): read on."""
    end = time.monotonic() + 20
    while True:
        reader.refresh()
        if ready():
            return
        assert time.monotonic() < end, "the log did not get there within 20 s"
        time.sleep(0.01)


def test_transactions_open_aborted_committed(
    relay: Relay,
    admin: Admin,
    unique: Unique,
    open_to_all: Callable[..., None],
    program_config: dict[str, Any],
) -> None:
    topic, one, two = unique("topic"), unique("one"), unique("two")
    admin.create_topics({topic: 1})
    open_to_all(topic=topic, transactional_id=one)
    open_to_all(transactional_id=two)
    reader = LogReader(admin, {topic: 1})
    first = Producer(program_config | {"transactional.id": one})
    other = Producer(program_config | {"transactional.id": two})
    for producer in (first, other):
        producer.init_transactions(20)

    def states() -> list[State]:
        return [e.state for e in reader.entries(topic)]

    def values() -> list[bytes | None]:
        return [r.value for r in reader.visible(topic)]

    first.begin_transaction()
    first.produce(topic, b"open")
    assert first.flush(20) == 0
    other.begin_transaction()
    other.produce(topic, b"beside")
    other.commit_transaction(20)
    # The other one's records are committed, and yet behind the first open transaction.
    until(reader, lambda: states() == [State.OPEN, State.COMMITTED])
    assert values() == []
    assert reader.topic(topic)[0].last_stable_offset == 0
    first.abort_transaction(20)
    until(reader, lambda: states() == [State.ABORTED, State.COMMITTED])
    assert values() == [b"beside"]
    first.begin_transaction()
    first.produce(topic, b"again")
    first.commit_transaction(20)
    until(reader, lambda: states() == [State.ABORTED, State.COMMITTED, State.COMMITTED])
    assert values() == [b"beside", b"again"]
    # Markers take offsets too: three records and three markers.
    assert reader.topic(topic)[0].next == 6
