"""The relay's connections: frames of the Kafka protocol, held, dropped, slowed, or passed on.

A link is a program's connection and its twin to the broker; each of its two sides reads one
direction. Everything here runs on the relay's thread.
"""

from __future__ import annotations

import asyncio
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kafka_lab.clusters.base import Address, Cluster
from kafka_lab.faults.requests import QUIET, Request, parse_request, read_response, sasl_username

if TYPE_CHECKING:
    from kafka_lab.faults.relay import Relay

_REQUEST_LIMIT = 100 << 20
"""A broker's default ``socket.request.max.bytes``: it closes on a larger request, and on TLS."""
_DECODED_SIZE = 4 << 20
"""Frames above this size (bytes) are forwarded as they come; only their header is read."""


class Hold:
    """Returned by an action: keep the request (or its answer) until ``release``; or drop it.

    A held connection delivers nothing in that direction until it is released.
    """

    def __init__(self) -> None:
        self._released = threading.Event()
        self._drop = False
        self._wake: Callable[[], None] | None = None
        self.on_release: Callable[[bool], object] | None = None
        """Told once, with ``drop``; for the event log."""

    def release(self, drop: bool = False) -> None:
        """Let it pass; ``drop``: close the connection instead, the bytes are lost."""
        self._drop = drop
        told, self.on_release = self.on_release, None
        if told:
            told(drop)
        self._released.set()
        if self._wake:
            self._wake()

    @property
    def released(self) -> bool:
        return self._released.is_set()

    @property
    def dropped(self) -> bool:
        return self._drop


DROP = Hold()
DROP.release(drop=True)


@dataclass(frozen=True)
class Door:
    """Where one listening socket leads. What passes an ``opaque`` one (TLS) is not looked at."""

    target: Address
    broker: int
    listener: str = "CLIENT"
    opaque: bool = False


def doors(cluster: Cluster) -> list[Door]:
    """The doors of a cluster, in the order of its relay ports."""
    return [
        Door(broker.doors[kind.name], broker.id, kind.name, kind.tls)
        for kind in cluster.spec.doors
        for broker in cluster.brokers
    ]


@dataclass
class Shape:
    """What a link to a broker is like: ``delay`` in seconds each way, ``rate`` in bytes a second
    each way (0: as fast as it goes)."""

    delay: float = 0.0
    rate: float = 0.0


_QUEUED = 256 << 10
"""Bytes on a shaped link after which its sender has to wait."""


class Quota:
    """What the programs of one sandbox may ask of brokers and services.

    ``connections``: open at a time; one more is closed at once. ``sent`` (bytes) and ``requests``
    (without fetches and heartbeats): in all; then every connection is closed, and ``exceeded``
    is told which of them it was. What a program sends is kept, by brokers and in the history.
    """

    def __init__(
        self,
        connections: int,
        sent: int = sys.maxsize,
        requests: int = sys.maxsize,
        exceeded: Callable[[str], None] = lambda what: None,
    ) -> None:
        self.limit = connections
        self.taken = 0
        self.left = {"sent": sent, "requests": requests}
        self.over = False
        self._exceeded = exceeded

    def use(self, what: str, amount: int) -> bool:
        """Whether that much was left."""
        self.left[what] -= amount
        if self.left[what] < 0 and not self.over:
            self.over = True
            self._exceeded(what)
        return not self.over

    @property
    def full(self) -> bool:
        return self.over or self.taken > self.limit


class Link:
    """One program connection and its twin to the broker."""

    def __init__(self, relay: Relay, door: Door, quota: Quota | None = None) -> None:
        self.relay = relay
        self.door = door
        self.quota = quota
        if quota:
            quota.taken += 1
        self.broker = door.broker
        relay.accepted += 1
        self.number = relay.accepted
        self.principal = ""
        self.pending: deque[Request] = deque()
        self.up: Side | None = None
        self.down: Side | None = None
        self.closed = False

    def close(self) -> None:
        if self.quota and not self.closed:
            self.quota.taken -= 1
        self.closed = True
        for side in (self.up, self.down):
            if side and side.transport:
                side.transport.close()
        self.relay.links.discard(self)


class Side(asyncio.Protocol):
    """One direction: reads frames from its transport and hands them to the peer's."""

    def __init__(self, link: Link, from_program: bool) -> None:
        self.link = link
        self.from_program = from_program
        self.transport: asyncio.Transport | None = None
        self.peer: Side | None = None
        self.buffer = bytearray()
        self.passing = 0
        self.held: Hold | None = None
        self.held_frame = b""
        self.free_at = 0.0
        self.due = 0.0
        self.line: deque[bytes] = deque()
        self.queued = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self.link.closed:  # refused before its transport was there to be closed
            transport.abort()

    def pause_writing(self) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        # Also while the peer holds a frame: nothing else would resume it after the release.
        if self.peer and self.peer.transport:
            self.peer.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.link.close()

    def data_received(self, data: bytes) -> None:
        quota = self.link.quota
        if self.from_program and quota and not quota.use("sent", len(data)):
            self.link.relay.cut_off(quota)
            return
        if self.link.door.opaque and self.held is None:
            self._forward(data)
            return
        self.buffer += data
        if self.held is None:
            self._drain()

    def _forward(self, data: bytes | bytearray | memoryview) -> None:
        shape = self.link.relay.shapes.get(self.link.broker)
        if shape is None and not self.queued:
            if self.peer and self.peer.transport:
                self.peer.transport.write(data)
            return
        self._later(bytes(data), shape or Shape())

    def _later(self, data: bytes, shape: Shape) -> None:
        """Deliver when the link's delay and bandwidth let it; never before what went ahead."""
        loop = self.link.relay.loop
        now = loop.time()
        sent = max(now, self.free_at) + (len(data) / shape.rate if shape.rate else 0.0)
        self.free_at = sent
        self.queued += len(data)
        if self.queued > _QUEUED and self.transport:
            self.transport.pause_reading()
        # One after the other even if a delay was shortened in between; and since timers of the
        # same moment come in any order, each delivers whatever is first in the line.
        self.due = max(sent + shape.delay, self.due)
        self.line.append(data)
        loop.call_at(self.due, self._deliver)

    def _deliver(self) -> None:
        data = self.line.popleft()
        self.queued -= len(data)
        if self.link.closed:
            return
        if self.peer and self.peer.transport:
            self.peer.transport.write(data)
        if self.queued <= _QUEUED and self.transport and not self.transport.is_closing():
            self.transport.resume_reading()

    def _drain(self) -> None:
        """Hand on every whole frame in the buffer."""
        buffer, at = self.buffer, 0
        if self.link.door.opaque and self.held is None:
            self._forward(bytes(buffer))
            buffer.clear()
            return
        # What is behind a frame that closed the link is lost with it.
        while self.held is None and not self.link.closed:
            have = len(buffer) - at
            if self.passing:
                part = min(have, self.passing)
                if not part:
                    break
                self._forward(bytes(buffer[at : at + part]))
                self.passing -= part
                at += part
                continue
            if have < 4:
                break
            (size,) = struct.unpack_from(">i", buffer, at)
            if size < 0 or (self.from_program and size > _REQUEST_LIMIT):
                self.link.close()  # not the Kafka protocol
                return
            needed = 4 + (1024 if size > _DECODED_SIZE else size)
            if have < needed:
                break
            head = bytes(buffer[at : at + needed])
            self.passing = size + 4 - needed
            at += needed
            self._frame(head)
        del buffer[:at]

    def _frame(self, head: bytes) -> None:
        """Judge one frame; ``head`` is all of it, or the beginning of a large one."""
        frame = head[4:]
        try:
            hold = self._request(frame) if self.from_program else self._response(frame)
        except ValueError:
            self.link.close()
            return
        if hold is None:
            self._forward(head)
            return
        self._hold(hold, head)

    def _hold(self, hold: Hold, head: bytes) -> None:
        if hold.released:
            self._let_go(hold, head)
            return
        self.held, self.held_frame = hold, head
        loop = self.link.relay.loop

        def wake() -> None:
            loop.call_soon_threadsafe(self._resume, hold)

        hold._wake = wake
        if hold.released:  # released between the check and the hook
            loop.call_soon(self._resume, hold)

    def _resume(self, hold: Hold) -> None:
        if self.held is not hold:  # it was released twice, and another one holds now
            return
        head = self.held_frame
        self.held, self.held_frame = None, b""
        self._let_go(hold, head)
        self._drain()

    def _let_go(self, hold: Hold, head: bytes) -> None:
        if hold.dropped:
            self.link.close()
        else:
            self._forward(head)

    def _request(self, frame: bytes) -> Hold | None:
        request = parse_request(frame, self.link.broker)
        if request.api == "SaslAuthenticate":
            self.link.principal = sasl_username(frame, request.version) or self.link.principal
        request.principal = self.link.principal
        request.connection = self.link.number
        quota = self.link.quota
        if quota and request.api not in QUIET and not quota.use("requests", 1):
            self.link.relay.cut_off(quota)
            return DROP
        if not (request.api == "Produce" and request.facts.get("acks") == 0):
            self.link.pending.append(request)
        return self.link.relay.saw_request(request)

    def _response(self, frame: bytes) -> Hold | None:
        if len(frame) < 4:
            raise ValueError("a frame that is no Kafka response")
        (correlation,) = struct.unpack_from(">i", frame)
        pending = self.link.pending
        while pending:
            request = pending.popleft()
            if request.correlation_id == correlation:
                read_response(request, frame)
                return self.link.relay.saw_response(request)
        return None
