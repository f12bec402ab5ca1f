"""Raw requests: against the session's broker, and against sockets that misbehave."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable

import pytest
from kafka.protocol.metadata import MetadataRequest, MetadataResponse

from kafka_lab.clusters.base import HARNESS, Cluster
from kafka_lab.clusters.wire import Wire, WireError


def metadata() -> MetadataRequest:
    return MetadataRequest(version=5, topics=[], allow_auto_topic_creation=False)


def test_a_request_to_a_real_broker(cluster: Cluster) -> None:
    with cluster.wire(cluster.brokers[0]) as wire:
        for _ in range(2):  # one connection carries many
            answer = wire.call(metadata(), MetadataResponse)
            assert [b.node_id for b in answer.brokers] == [1]
            assert answer.cluster_id == cluster.cluster_id
    with pytest.raises(WireError):
        wire.call(metadata(), MetadataResponse)


@pytest.mark.parametrize("user", [HARNESS, "nobody"])
def test_a_wrong_password_is_refused(cluster: Cluster, user: str) -> None:
    where = cluster.brokers[0].harness
    with pytest.raises(WireError, match="authentication refused"):
        Wire(where.host, where.port, user, "wrong")


def test_without_a_password_nothing_is_answered(cluster: Cluster) -> None:
    where = cluster.brokers[0].harness
    with Wire(where.host, where.port) as wire, pytest.raises(WireError):
        wire.call(metadata(), MetadataResponse)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(WireError, match=str(port)):
        Wire("127.0.0.1", port)


def served(act: Callable[[socket.socket], None]) -> tuple[Wire, threading.Thread]:
    """A wire to a server that does ``act`` with its first connection."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        with server, connection:
            connection.recv(4096)
            act(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    return Wire("127.0.0.1", server.getsockname()[1], timeout=0.3), thread


@pytest.mark.parametrize(
    "act",
    [
        lambda connection: None,  # closes at once
        lambda connection: connection.sendall(b"\0\0"),  # in the middle of the length
        lambda connection: connection.sendall(struct.pack(">i", 100) + b"short"),
        lambda connection: connection.recv(1),  # says nothing until the wire gives up
    ],
)
def test_answers_that_break_off(act: Callable[[socket.socket], None]) -> None:
    wire, thread = served(act)
    with wire, pytest.raises(WireError):
        wire.call(metadata(), MetadataResponse)
    thread.join(10)
    assert not thread.is_alive()
