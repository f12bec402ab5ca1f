"""The relay between raw sockets, where every byte and every moment is in the test's hand."""

from __future__ import annotations

import random
import socket
import struct
import threading
from pathlib import Path

import pytest
from kafka.protocol.producer import ProduceRequest

from kafka_lab.clusters.base import Address
from kafka_lab.clusters.ports import listening_socket
from kafka_lab.faults.relay import DROP, Hold, Relay
from kafka_lab.faults.requests import Request
from kafka_lab.runtime.events import read_events

from .conftest import (
    PATIENCE,
    Scene,
    answer,
    closed,
    end_txn,
    end_txn_answer,
    exactly,
    quiet,
    request,
    until,
)

API_VERSIONS = 18
SASL_AUTHENTICATE = 36
COORDINATOR = 10


def produce(correlation: int, acks: int, value: bytes = b"v") -> bytes:
    topic = ProduceRequest.TopicProduceData
    made = ProduceRequest(
        version=7,
        transactional_id=None,
        acks=acks,
        timeout_ms=1000,
        topic_data=[
            topic(
                name="orders",
                partition_data=[topic.PartitionProduceData(index=3, records=value)],
            )
        ],
    )
    made.with_header(correlation_id=correlation, client_id="me")
    return bytes(made.encode(header=True, framed=True))


def login(user: str, correlation: int = 1) -> bytes:
    """SaslAuthenticate version 0 with PLAIN's token."""
    token = f"\0{user}\0secret".encode()
    body = struct.pack(">i", len(token)) + token
    return request(SASL_AUTHENTICATE, correlation, body)


# -- framing ------------------------------------------------------------------------------


def test_bytes_pass_unchanged_in_both_directions(scene: Scene) -> None:
    program, broker = scene.connect()
    asked = request(API_VERSIONS, 1, b"\x00\xff" * 50)
    program.sendall(asked)
    assert exactly(broker, len(asked)) == asked
    told = answer(1, bytes(range(256)))
    broker.sendall(told)
    assert exactly(program, len(told)) == told


def test_frames_cut_anywhere_arrive_whole(scene: Scene) -> None:
    program, broker = scene.connect()
    program.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = b"".join(request(COORDINATOR, n, b"x" * n) for n in range(1, 30))
    chance = random.Random(1)
    at = 0
    while at < len(stream):
        step = chance.choice([1, 2, 3, 5, 17, 120])
        program.sendall(stream[at : at + step])
        at += step
    assert exactly(broker, len(stream)) == stream
    assert [r.correlation_id for r in scene.relay.history] == list(range(1, 30))


def test_a_length_that_comes_byte_by_byte(scene: Scene) -> None:
    program, broker = scene.connect()
    asked = request(COORDINATOR, 1)
    for n in range(1, 6):
        program.sendall(asked[n - 1 : n])
    assert quiet(broker)
    program.sendall(asked[5:])
    assert exactly(broker, len(asked)) == asked


def test_many_frames_in_one_write(scene: Scene) -> None:
    program, broker = scene.connect()
    stream = b"".join(end_txn(n) for n in range(1, 501))
    program.sendall(stream)
    assert exactly(broker, len(stream)) == stream
    told = b"".join(end_txn_answer(n) for n in range(1, 501))
    broker.sendall(told)
    assert exactly(program, len(told)) == told
    assert all(r.error == 0 for r in scene.relay.history)
    assert len(scene.relay.history) == 500


@pytest.mark.parametrize("size", [(4 << 20) - 100, (4 << 20) + 1, 20 << 20])
def test_a_large_request_and_what_follows_it(scene: Scene, size: int) -> None:
    program, broker = scene.connect()
    value = random.Random(size).randbytes(1 << 16) * (size >> 16) + b"!" * (size & 0xFFFF)
    stream = produce(1, -1, value) + end_txn(2)
    sender = threading.Thread(target=program.sendall, args=(stream,))
    sender.start()
    assert exactly(broker, len(stream)) == stream
    sender.join(PATIENCE)
    assert [(r.api, r.correlation_id) for r in scene.relay.history] == [
        ("Produce", 1),
        ("EndTxn", 2),
    ]
    assert scene.relay.history[0].client_id == "me"
    assert scene.relay.history[0].size == len(stream) - len(end_txn(2)) - 4 or size > 4 << 20


def test_a_large_answer(scene: Scene) -> None:
    program, broker = scene.connect()
    program.sendall(request(1, 1))
    exactly(broker, len(request(1, 1)))
    told = answer(1, b"r" * (9 << 20)) + answer(2, b"next")
    sender = threading.Thread(target=broker.sendall, args=(told,))
    sender.start()
    assert exactly(program, len(told)) == told
    sender.join(PATIENCE)


@pytest.mark.parametrize(
    "noise",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS: ClientHello
        struct.pack(">i", -1) + b"negative",
        struct.pack(">i", 3) + b"abc",  # shorter than any header
        struct.pack(">i", 0) + b"empty",
    ],
)
def test_what_is_not_kafka_is_cut_and_reaches_nobody(scene: Scene, noise: bytes) -> None:
    program, broker = scene.connect()
    program.sendall(noise)
    assert closed(program)
    assert closed(broker)
    # Nobody else suffers.
    program, broker = scene.connect()
    program.sendall(end_txn(1))
    assert exactly(broker, len(end_txn(1))) == end_txn(1)


def test_an_answer_that_is_none_is_cut(scene: Scene) -> None:
    program, broker = scene.connect()
    broker.sendall(struct.pack(">i", 2) + b"ab")
    assert closed(program)
    assert closed(broker)


def test_a_request_of_an_unknown_kind_passes(scene: Scene) -> None:
    program, broker = scene.connect()
    asked = request(9999, 5, b"from the future", version=12)
    program.sendall(asked)
    assert exactly(broker, len(asked)) == asked
    assert scene.relay.history[0].api == "9999"
    assert scene.relay.history[0].facts == {}


# -- what it writes down ------------------------------------------------------------------


def test_the_event_log(scene: Scene) -> None:
    program, broker = scene.connect()
    stream = request(API_VERSIONS, 1) + login("program-0", 2) + end_txn(3, "pay", committed=False)
    program.sendall(stream)
    exactly(broker, len(stream))
    told = answer(1) + answer(2) + end_txn_answer(3, error=51)
    broker.sendall(told)
    exactly(program, len(told))
    scene.relay.stop()
    events = read_events(Path(scene.log.path))
    assert [(e["kind"], e["api"]) for e in events] == [
        ("request", "SaslAuthenticate"),
        ("request", "EndTxn"),
        ("response", "SaslAuthenticate"),
        ("response", "EndTxn"),
    ]
    asked, told_ = events[1], events[3]
    assert asked["transactional_id"] == "pay"
    assert asked["committed"] is False
    assert (asked["principal"], asked["client_id"]) == ("program-0", "me")
    assert (asked["broker"], asked["connection"], asked["correlation"]) == (1, 1, 3)
    assert told_["error"] == 51
    assert asked["t"] <= told_["t"]
    (kept,) = [r for r in scene.relay.history if r.api == "EndTxn"]
    assert (kept.time, kept.answered, kept.error) == (asked["t"], told_["t"], 51)


def test_a_request_without_an_answer_is_not_paired_with_the_next_one(scene: Scene) -> None:
    program, broker = scene.connect()
    stream = produce(1, acks=0) + end_txn(2)
    program.sendall(stream)
    exactly(broker, len(stream))
    broker.sendall(end_txn_answer(2, error=47))
    exactly(program, len(end_txn_answer(2)))
    first, second = scene.relay.history
    assert first.facts == {
        "transactional_id": None,
        "acks": 0,
        "partitions": [["orders", 3]],
        "records": [0],  # those bytes are no batch
        "producer_id": -1,
        "producer_epoch": -1,
    }
    assert (first.error, second.error) == (None, 47)


# -- acting at an exact request -----------------------------------------------------------


def test_before_the_nth_it_never_reaches_the_broker(scene: Scene) -> None:
    seen: list[int] = []

    def act(r: Request) -> Hold:
        seen.append(r.correlation_id)
        return DROP

    trigger = scene.relay.at("EndTxn", 3, "before", act)
    program, broker = scene.connect()
    program.sendall(b"".join([end_txn(1), request(COORDINATOR, 2), end_txn(3), end_txn(4)]))
    program.sendall(end_txn(5))
    passed = end_txn(1) + request(COORDINATOR, 2) + end_txn(3)
    assert exactly(broker, len(passed)) == passed
    assert closed(broker)
    assert closed(program)
    assert seen == [4]
    assert trigger.hit.is_set()
    assert trigger.request is not None
    assert trigger.request.correlation_id == 4


def test_after_the_nth_the_broker_has_it_and_the_answer_is_lost(scene: Scene) -> None:
    trigger = scene.relay.at("EndTxn", 2, "after", lambda r: DROP)
    program, broker = scene.connect()
    for n in (1, 2):
        program.sendall(end_txn(n))
        assert exactly(broker, len(end_txn(n))) == end_txn(n)
        if n == 1:
            broker.sendall(end_txn_answer(n))
            assert exactly(program, len(end_txn_answer(n))) == end_txn_answer(n)
    assert not trigger.hit.is_set()
    broker.sendall(end_txn_answer(2))
    assert closed(program)
    assert trigger.hit.is_set()


def test_it_counts_matching_requests_alone_across_connections(scene: Scene) -> None:
    trigger = scene.relay.at(
        ("EndTxn", "FindCoordinator"), 2, "before", lambda r: DROP, lambda r: r.broker == 2
    )
    first, at_first = scene.connect(1)
    first.sendall(end_txn(1) + end_txn(2) + end_txn(3))
    exactly(at_first, 3 * len(end_txn(1)))
    second, at_second = scene.connect(2)
    second.sendall(end_txn(1))
    exactly(at_second, len(end_txn(1)))
    third, at_third = scene.connect(2)
    third.sendall(request(COORDINATOR, 1))
    assert closed(third)
    assert closed(at_third)
    assert trigger.seen == 2
    # Once only: the same request passes from now on.
    second.sendall(end_txn(2))
    exactly(at_second, len(end_txn(2)))


def test_an_action_that_only_looks_lets_it_pass(scene: Scene) -> None:
    trigger = scene.relay.at("EndTxn", 1, "before", lambda r: None)
    program, broker = scene.connect()
    program.sendall(end_txn(1))
    assert exactly(broker, len(end_txn(1))) == end_txn(1)
    assert trigger.hit.is_set()


def test_a_cancelled_trigger_does_nothing(scene: Scene) -> None:
    trigger = scene.relay.at("EndTxn", 1, "before", lambda r: DROP)
    trigger.cancel()
    program, broker = scene.connect()
    program.sendall(end_txn(1))
    assert exactly(broker, len(end_txn(1))) == end_txn(1)
    assert not trigger.hit.is_set()


def test_held_requests_wait_and_keep_their_order(scene: Scene) -> None:
    hold = Hold()
    trigger = scene.relay.at("EndTxn", 1, "before", lambda r: hold)
    program, broker = scene.connect()
    program.sendall(request(COORDINATOR, 1) + end_txn(2) + end_txn(3))
    exactly(broker, len(request(COORDINATOR, 1)))
    assert trigger.hit.wait(PATIENCE)
    # Another connection is not held up; when its request has passed, this one had its chance.
    other, at_other = scene.connect()
    other.sendall(end_txn(9))
    exactly(at_other, len(end_txn(9)))
    assert quiet(broker)
    # Answers flow while the other direction is held.
    broker.sendall(answer(1))
    assert exactly(program, len(answer(1))) == answer(1)
    program.sendall(end_txn(4))
    hold.release()
    stream = end_txn(2) + end_txn(3) + end_txn(4)
    assert exactly(broker, len(stream)) == stream


def test_a_held_answer_waits_and_requests_go_on(scene: Scene) -> None:
    hold = Hold()
    trigger = scene.relay.at("EndTxn", 1, "after", lambda r: hold)
    program, broker = scene.connect()
    program.sendall(end_txn(1) + end_txn(2))
    exactly(broker, 2 * len(end_txn(1)))
    broker.sendall(end_txn_answer(1) + end_txn_answer(2))
    assert trigger.hit.wait(PATIENCE)
    program.sendall(end_txn(3))
    exactly(broker, len(end_txn(3)))
    assert quiet(program)
    hold.release()
    told = end_txn_answer(1) + end_txn_answer(2)
    assert exactly(program, len(told)) == told


def test_what_is_held_can_be_dropped(scene: Scene) -> None:
    hold = Hold()
    trigger = scene.relay.at("EndTxn", 1, "before", lambda r: hold)
    program, broker = scene.connect()
    program.sendall(end_txn(1) + end_txn(2))
    assert trigger.hit.wait(PATIENCE)
    hold.release(drop=True)
    assert closed(program)
    assert closed(broker)


def test_two_holds_on_one_connection_one_after_the_other(scene: Scene) -> None:
    first, second = Hold(), Hold()
    scene.relay.at("EndTxn", 1, "before", lambda r: first)
    later = scene.relay.at("EndTxn", 2, "before", lambda r: second)
    program, broker = scene.connect()
    program.sendall(end_txn(1) + end_txn(2) + end_txn(3))
    first.release()
    first.release()  # releasing twice lets nothing else through
    exactly(broker, len(end_txn(1)))
    assert later.hit.wait(PATIENCE)
    first.release()
    assert quiet(broker)
    second.release()
    exactly(broker, 2 * len(end_txn(1)))


def test_a_large_held_request_arrives_whole(scene: Scene) -> None:
    hold = Hold()
    trigger = scene.relay.at("Produce", 1, "before", lambda r: hold)
    program, broker = scene.connect()
    stream = produce(1, -1, b"z" * (6 << 20)) + end_txn(2)
    sender = threading.Thread(target=program.sendall, args=(stream,))
    sender.start()
    assert trigger.hit.wait(PATIENCE)
    hold.release()
    assert exactly(broker, len(stream)) == stream
    sender.join(PATIENCE)


def test_a_program_that_goes_while_its_request_is_held(scene: Scene) -> None:
    hold = Hold()
    trigger = scene.relay.at("EndTxn", 1, "before", lambda r: hold)
    program, broker = scene.connect()
    program.sendall(end_txn(1))
    assert trigger.hit.wait(PATIENCE)
    program.close()
    assert closed(broker)  # the request died with it
    hold.release()
    program, broker = scene.connect()
    program.sendall(end_txn(2))
    assert exactly(broker, len(end_txn(2))) == end_txn(2)


# -- links --------------------------------------------------------------------------------


def test_a_refused_broker_until_it_is_let_in_again(scene: Scene) -> None:
    program, broker = scene.connect(1)
    other, at_other = scene.connect(2)
    scene.relay.refuse(1)
    assert closed(program)
    assert closed(broker)
    assert closed(scene.dial(1))
    other.sendall(end_txn(1))
    exactly(at_other, len(end_txn(1)))
    scene.relay.refuse(1, False)
    program, broker = scene.connect(1)
    program.sendall(end_txn(1))
    assert exactly(broker, len(end_txn(1))) == end_txn(1)


def test_cutting_a_principal_leaves_the_others(scene: Scene) -> None:
    links = {}
    for user in ("program-0", "program-1"):
        program, broker = scene.connect()
        program.sendall(login(user))
        exactly(broker, len(login(user)))
        links[user] = program, broker
    scene.relay.cut("program-0")
    assert all([closed(end) for end in links["program-0"]])
    program, broker = links["program-1"]
    program.sendall(end_txn(2))
    exactly(broker, len(end_txn(2)))
    # It may come back: cutting is no ban.
    scene.connect()


def test_a_broker_that_is_not_there(scene: Scene) -> None:
    scene.brokers[0].close()
    assert closed(scene.dial(1))
    program, broker = scene.connect(2)
    program.sendall(end_txn(1))
    exactly(broker, len(end_txn(1)))


def test_either_end_closing_closes_the_other(scene: Scene) -> None:
    program, broker = scene.connect()
    program.close()
    assert closed(broker)
    program, broker = scene.connect()
    # Its last words arrive.
    broker.sendall(answer(1, b"bye"))
    broker.close()
    assert exactly(program, len(answer(1, b"bye"))) == answer(1, b"bye")
    assert closed(program)
    until(lambda: not scene.relay.links)


def test_many_connections_do_not_mix(scene: Scene) -> None:
    count = 200
    programs = [scene.dial() for _ in range(count)]
    for number, program in enumerate(programs):
        program.sendall(end_txn(number, f"tx-{number}") * 2)
    size = {len(end_txn(n, f"tx-{n}")): None for n in range(count)}
    assert len(size) == 3
    for _ in range(count):
        broker = scene.accept()
        (length,) = struct.unpack(">i", exactly(broker, 4))
        frame = exactly(broker, length)
        (number,) = struct.unpack_from(">i", frame, 4)
        whole = end_txn(number, f"tx-{number}")
        assert frame == whole[4:]
        assert exactly(broker, len(whole)) == whole
        broker.sendall(end_txn_answer(number, error=number))
    for number, program in enumerate(programs):
        told = end_txn_answer(number, error=number)
        assert exactly(program, len(told)) == told
    assert len(scene.relay.history) == 2 * count
    assert {r.connection for r in scene.relay.history} == set(range(1, count + 1))
    assert {r.facts["transactional_id"] for r in scene.relay.history} == {
        f"tx-{n}" for n in range(count)
    }


def test_a_slow_reader_gets_everything(scene: Scene) -> None:
    program, broker = scene.connect()
    stream = b"".join(produce(n, -1, b"s" * 100_000) for n in range(1, 101))
    sender = threading.Thread(target=program.sendall, args=(stream,))
    sender.start()
    # All of it cannot be on its way at once: buffers fill, and the relay stops reading.
    got = bytearray()
    while len(got) < len(stream):
        got += broker.recv(7919)
    sender.join(PATIENCE)
    assert bytes(got) == stream


def test_stopping_ends_every_connection() -> None:
    door = listening_socket()
    port = door.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as server:
        relay = Relay([door], [Address(*server.getsockname())]).start()
        program = socket.create_connection(("127.0.0.1", port), PATIENCE)
        broker, _ = server.accept()
        broker.settimeout(PATIENCE)
        relay.stop()
        relay.stop()
        assert closed(program)
        assert closed(broker)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), PATIENCE)
        program.close()
        broker.close()
