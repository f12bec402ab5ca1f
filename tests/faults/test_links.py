"""Slow links: a delay and a bandwidth between programs and a broker."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from kafka_lab.clusters.admin import Admin
from kafka_lab.clusters.base import Address
from kafka_lab.clusters.ports import listening_socket
from kafka_lab.faults.relay import Door, Quota, Relay

from .conftest import Scene, answer, closed, end_txn, exactly, until


def test_a_delay_counts_in_both_directions(
    relay: Relay,
    admin: Admin,
    unique: Callable[[str], str],
    open_to_all: Callable[..., None],
    program_config: dict[str, Any],
    tmp_path: Path,
) -> None:
    topic = unique("topic")
    admin.create_topics({topic: 1})
    open_to_all(topic=topic)
    relay.shape(1, delay=0.3)
    producer = Producer(program_config)
    producer.produce(topic, b"slow")
    assert producer.flush(30) == 0
    (write,) = [r for r in relay.history if r.api == "Produce"]
    # Noted when the relay saw them: there and back, each byte waited once on the way to the
    # broker; a bound from below, so that a slow machine cannot fail it.
    assert write.answered - write.time >= 0.3
    relay.shape(1)
    producer.produce(topic, b"quick")
    assert producer.flush(30) == 0
    faults = [json.loads(x) for x in (tmp_path / "events.jsonl").read_text().splitlines()]
    delays = [f["delay"] for f in faults if f.get("fault") == "link"]
    assert delays == [0.3, 0.0]


def _echo(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)


def _through(
    door: socket.socket, payload: bytes, meanwhile: Callable[[], None]
) -> tuple[float, bytes]:
    """Send a payload and read its echo; the seconds that it took, and what came back."""
    with socket.create_connection(door.getsockname(), timeout=60) as client:
        began = time.monotonic()
        threading.Thread(target=client.sendall, args=(payload,), daemon=True).start()
        meanwhile()
        back = bytearray()
        while len(back) < len(payload):
            chunk = client.recv(65536)
            assert chunk, "the relay closed the connection"
            back += chunk
        return time.monotonic() - began, bytes(back)


def test_bandwidth_bounds_every_byte_and_keeps_their_order() -> None:
    server, door = socket.create_server(("127.0.0.1", 0)), listening_socket()
    threading.Thread(target=_echo, args=(server,), daemon=True).start()
    target = Address("127.0.0.1", server.getsockname()[1])
    relay = Relay([door.dup()], [Door(target, 7, "SECRET", opaque=True)]).start()
    payload = bytes(range(256)) * 2000
    try:
        relay.shape(7, delay=0.5, rate=1_000_000)

        def quicker() -> None:
            relay.shape(7, rate=1_000_000)  # what is on its way may not be overtaken

        seconds, back = _through(door, payload, quicker)
        assert back == payload
        assert seconds >= len(payload) / 1_000_000
        assert relay.history == []
    finally:
        relay.stop()
        server.close()
        door.close()


def test_a_sandbox_has_so_many_connections_and_no_more(scene: Scene) -> None:
    door, spare = listening_socket(), listening_socket()
    port = door.getsockname()[1]
    quota = Quota(2)
    close = scene.relay.listen(door, scene.relay.ways[0][1], quota)
    also = scene.relay.listen(spare, scene.relay.ways[1][1], quota)  # the quota is of both
    first = socket.create_connection(("127.0.0.1", port), 10)
    second = socket.create_connection(("127.0.0.1", spare.getsockname()[1]), 10)
    scene.open += [first, second]
    scene.accept(1).sendall(answer(1))
    scene.accept(2).sendall(answer(2))
    assert (exactly(first, 8), exactly(second, 8)) == (answer(1), answer(2))
    with socket.create_connection(("127.0.0.1", port), 10) as third:
        assert closed(third)
    first.close()
    until(lambda: quota.taken == 1)
    with socket.create_connection(("127.0.0.1", port), 10) as fourth:
        scene.accept(1).sendall(answer(4))
        assert exactly(fourth, 8) == answer(4)
    close()
    also()
    assert closed(second)
    until(lambda: quota.taken == 0)


@pytest.mark.parametrize("what", ["sent", "requests"])
def test_who_sends_too_much_in_all_is_cut_off(scene: Scene, what: str) -> None:
    one = end_txn(1)
    told: list[str] = []
    limits = {"sent": 3 * len(one)} if what == "sent" else {"requests": 3}
    quota = Quota(9, **limits, exceeded=told.append)
    door = listening_socket()
    port = door.getsockname()[1]
    close = scene.relay.listen(door, scene.relay.ways[0][1], quota)
    first = socket.create_connection(("127.0.0.1", port), 10)
    second = socket.create_connection(("127.0.0.1", port), 10)
    scene.open += [first, second]
    first.sendall(one + one)
    assert exactly(scene.accept(1), 2 * len(one)) == one + one
    assert told == []
    second.sendall(one)
    assert exactly(scene.accept(1), len(one)) == one
    second.sendall(one)
    assert closed(first)
    assert closed(second)
    assert told == [what]
    with socket.create_connection(("127.0.0.1", port), 10) as third:
        assert closed(third)  # nor is it let in again
    assert told == [what]
    close()
