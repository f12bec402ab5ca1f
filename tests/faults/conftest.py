"""A relay between two raw sockets: the test speaks for the program and for the broker."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from kafka_lab.clusters.base import Address
from kafka_lab.clusters.ports import listening_socket
from kafka_lab.faults.relay import Relay
from kafka_lab.runtime.events import EventLog

PATIENCE = 10.0


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another thread does; fails when it does not happen."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)  # polls, with a deadline


def request(api: int, correlation: int, body: bytes = b"", version: int = 0) -> bytes:
    """A framed request with header version 1; the client is called ``me``."""
    head = struct.pack(">hhih", api, version, correlation, 2) + b"me"
    return struct.pack(">i", len(head) + len(body)) + head + body


def answer(correlation: int, body: bytes = b"") -> bytes:
    return struct.pack(">ii", 4 + len(body), correlation) + body


def end_txn(correlation: int, transactional_id: str = "tx", committed: bool = True) -> bytes:
    """EndTxn version 1."""
    name = transactional_id.encode()
    body = struct.pack(">h", len(name)) + name + struct.pack(">qhb", 7, 0, committed)
    return request(26, correlation, body, version=1)


def end_txn_answer(correlation: int, error: int = 0) -> bytes:
    return answer(correlation, struct.pack(">ih", 0, error))


def exactly(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = connection.recv(min(1 << 20, size - len(data)))
        assert chunk, f"closed after {len(data)} of {size} bytes"
        data += chunk
    return bytes(data)


def closed(connection: socket.socket) -> bool:
    """Whether the other end has closed, or closes soon, without another byte."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def quiet(connection: socket.socket) -> bool:
    """Whether nothing has arrived, and the connection is open."""
    connection.setblocking(False)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    finally:
        connection.settimeout(PATIENCE)
    return False


@dataclass
class Scene:
    """``brokers[i]`` listens where the relay's door i leads."""

    relay: Relay
    log: EventLog
    doors: list[int]
    brokers: list[socket.socket]
    open: list[socket.socket] = field(default_factory=list)

    def dial(self, broker: int = 1) -> socket.socket:
        """The program's end of a new connection."""
        program = socket.create_connection(("127.0.0.1", self.doors[broker - 1]), PATIENCE)
        self.open.append(program)
        return program

    def accept(self, broker: int = 1) -> socket.socket:
        """The broker's end of the next connection."""
        connection, _ = self.brokers[broker - 1].accept()
        connection.settimeout(PATIENCE)
        self.open.append(connection)
        return connection

    def connect(self, broker: int = 1) -> tuple[socket.socket, socket.socket]:
        """Both ends of a new connection: the program's and the broker's."""
        program = self.dial(broker)
        return program, self.accept(broker)


@pytest.fixture
def scene(log: EventLog) -> Iterator[Scene]:
    doors = [listening_socket() for _ in range(2)]
    brokers = [socket.create_server(("127.0.0.1", 0), backlog=512) for _ in range(2)]
    for broker in brokers:
        broker.settimeout(PATIENCE)
    targets = [Address(*b.getsockname()) for b in brokers]
    relay = Relay(doors, targets, log).start()
    made = Scene(relay, log, [d.getsockname()[1] for d in doors], brokers)
    yield made
    relay.stop()
    for connection in [*made.open, *brokers]:
        connection.close()
