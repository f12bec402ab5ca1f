"""The relay: the harness's own way between programs and brokers.

Each broker has a client listener whose advertised address is the relay's. The relay frames the
Kafka protocol (4-byte length, then the header: api key, version, correlation id, client id),
writes down what passes, and can act at an exact request, before it is forwarded or after its
answer came. It never changes a byte.

All of it runs on one thread with an event loop; actions run on that thread too, so that a
SIGKILL falls between two requests and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kafka_lab.clusters.base import Address, Cluster
from kafka_lab.faults.requests import (
    QUIET,
    Request,
    parse_request,
    response_error,
    sasl_username,
)
from kafka_lab.runtime.events import EventLog

_REQUEST_LIMIT = 100 << 20
"""A broker's default ``socket.request.max.bytes``: it closes on a larger request, and on TLS."""
_DECODED_SIZE = 4 << 20
"""Frames above this size (bytes) are forwarded as they come; only their header is read."""

Action = Callable[[Request], "Hold | None"]


class Hold:
    """Returned by an action: keep the request (or its answer) until ``release``; or drop it.

    A held connection delivers nothing in that direction until it is released.
    """

    def __init__(self) -> None:
        self._released = threading.Event()
        self._drop = False
        self._wake: Callable[[], None] | None = None

    def release(self, drop: bool = False) -> None:
        """Let it pass; ``drop``: close the connection instead, the bytes are lost."""
        self._drop = drop
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


@dataclass
class Trigger:
    """A rule: act at the nth matching request. ``hit`` is set when it did."""

    when: str
    apis: tuple[str, ...]
    nth: int
    matches: Callable[[Request], bool]
    action: Action
    seen: int = 0
    hit: threading.Event = field(default_factory=threading.Event)
    request: Request | None = None
    cancelled: bool = False

    def offer(self, request: Request) -> Hold | None:
        if self.cancelled or self.hit.is_set() or request.api not in self.apis:
            return None
        if not self.matches(request):
            return None
        self.seen += 1
        if self.seen != self.nth:
            return None
        self.request = request
        hold = self.action(request)
        self.hit.set()
        return hold

    def cancel(self) -> None:
        self.cancelled = True


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


class _Link:
    """One program connection and its twin to the broker."""

    def __init__(self, relay: Relay, door: Door) -> None:
        self.relay = relay
        self.door = door
        self.broker = door.broker
        relay.accepted += 1
        self.number = relay.accepted
        self.principal = ""
        self.pending: deque[Request] = deque()
        self.up: _Side | None = None
        self.down: _Side | None = None
        self.closed = False

    def close(self) -> None:
        self.closed = True
        for side in (self.up, self.down):
            if side and side.transport:
                side.transport.close()
        self.relay.links.discard(self)


class _Side(asyncio.Protocol):
    """One direction: reads frames from its transport and hands them to the peer's."""

    def __init__(self, link: _Link, from_program: bool) -> None:
        self.link = link
        self.from_program = from_program
        self.transport: asyncio.Transport | None = None
        self.peer: _Side | None = None
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
                request.error = response_error(request, frame)
                return self.link.relay.saw_response(request)
        return None


class Relay:
    """Relays every broker's client listener.

    ``sockets[i]`` is already listening and leads to ``targets[i]``: a door, or an address, which
    stands for the first listener of broker i+1. ``history`` keeps every request in the order
    seen, but for fetches and heartbeats.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        targets: Sequence[Door | Address],
        log: EventLog | None = None,
    ) -> None:
        self._sockets = list(sockets)
        self._doors = [
            d if isinstance(d, Door) else Door(d, number) for number, d in enumerate(targets, 1)
        ]
        self.shapes: dict[int, Shape] = {}
        self._log = log
        self.loop = asyncio.new_event_loop()
        self.links: set[_Link] = set()
        self.accepted = 0
        self._refused: set[int] = set()
        self.triggers: list[Trigger] = []
        self.history: list[Request] = []
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._ready = threading.Event()

    def start(self) -> Relay:
        self._thread.start()
        self._ready.wait(10)
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        servers = []
        for number, server_socket in enumerate(self._sockets):

            def accept(door: Door = self._doors[number]) -> _Side:
                return self._accept(door)

            servers.append(
                self.loop.run_until_complete(self.loop.create_server(accept, sock=server_socket))
            )
        self._ready.set()
        try:
            self.loop.run_forever()
        finally:
            for link in list(self.links):
                link.close()
            for server in servers:
                server.close()
            pending = asyncio.all_tasks(self.loop)
            for task in pending:
                task.cancel()
            with contextlib.suppress(Exception):
                self.loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
            self.loop.close()

    def _accept(self, door: Door) -> _Side:
        link = _Link(self, door)
        self.links.add(link)
        link.up = _Side(link, from_program=True)
        # Nothing is drained before the twin is connected.
        waiting = Hold()
        link.up.held = waiting
        self.loop.create_task(self._connect(link, door.target))
        return link.up

    async def _connect(self, link: _Link, target: Address) -> None:
        up = link.up
        assert up is not None
        if link.broker in self._refused:
            link.close()
            return
        try:
            _, side = await self.loop.create_connection(
                lambda: _Side(link, from_program=False), target.host, target.port
            )
        except OSError:
            link.close()
            return
        if link not in self.links:  # the program has gone in the meantime
            if side.transport:
                side.transport.close()
            return
        link.down = side
        side.peer, up.peer = up, side
        for s in (up, side):
            if s.transport:
                sock = s.transport.get_extra_info("socket")
                if sock is not None:
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        up.held = None
        up._drain()

    def saw_request(self, request: Request) -> Hold | None:
        request.time = self._event("request", request)
        if request.api not in QUIET:
            self.history.append(request)
        return self._offer("before", request)

    def saw_response(self, request: Request) -> Hold | None:
        request.answered = self._event("response", request)
        return self._offer("after", request)

    def _offer(self, when: str, request: Request) -> Hold | None:
        # Every trigger counts every request, also one that another trigger keeps or drops: the
        # first hold is obeyed.
        holds = [t.offer(request) for t in self.triggers if t.when == when]
        return next((hold for hold in holds if hold is not None), None)

    def _event(self, kind: str, request: Request) -> float:
        if self._log is None or request.api in QUIET:
            return 0.0
        fields = {
            "api": request.api,
            "principal": request.principal,
            "broker": request.broker,
            "connection": request.connection,
            "correlation": request.correlation_id,
        }
        if kind == "request":
            fields |= {"client_id": request.client_id, "size": request.size, **request.facts}
        elif request.error is not None:
            fields["error"] = request.error
        return self._log.write(kind, **fields)

    def at(
        self,
        apis: str | tuple[str, ...],
        nth: int,
        when: str,
        action: Action,
        matches: Callable[[Request], bool] = lambda request: True,
    ) -> Trigger:
        """Act at the ``nth`` matching request from now on.

        ``when``: ``before`` it is forwarded, or ``after`` its answer came. ``apis``: Kafka's
        name of the request, or several of them.
        """
        names = (apis,) if isinstance(apis, str) else apis
        trigger = Trigger(when, names, nth, matches, action)
        # Lists are replaced, not changed: the relay's thread iterates over the old one.
        self.triggers = [*self.triggers, trigger]
        return trigger

    def refuse(self, broker: int, refused: bool = True) -> None:
        """Close all connections to a broker and every new one, until ``refused`` is false again."""

        def act() -> None:
            if not refused:
                self._refused.discard(broker)
                return
            self._refused.add(broker)
            for link in list(self.links):
                if link.broker == broker:
                    link.close()

        self.loop.call_soon_threadsafe(act)

    def shape(self, broker: int, delay: float = 0.0, rate: float = 0.0) -> None:
        """Slow the links between programs and a broker, those that are open too.

        ``delay``: seconds that every byte takes longer, in each direction. ``rate``: bytes a
        second that a connection carries in each direction. Both 0: as fast as it goes again;
        what is on its way arrives as it was to.
        """
        slow = delay > 0 or rate > 0

        def act() -> None:
            if slow:
                self.shapes[broker] = Shape(delay, rate)
            else:
                self.shapes.pop(broker, None)

        self.loop.call_soon_threadsafe(act)
        if self._log is not None:
            self._log.write("fault", fault="link", broker=broker, delay=delay, rate=rate)

    def cut(self, principal: str) -> None:
        """Close all connections of a principal, now."""

        def close() -> None:
            for link in list(self.links):
                if link.principal == principal:
                    link.close()

        self.loop.call_soon_threadsafe(close)
