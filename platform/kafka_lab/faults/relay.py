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
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kafka_lab.clusters.base import Address
from kafka_lab.faults.links import DROP, Door, Hold, Link, Quota, Shape, Side, doors
from kafka_lab.faults.requests import QUIET, Request
from kafka_lab.runtime.events import EventLog

__all__ = ["DROP", "Action", "Door", "Hold", "Quota", "Relay", "Shape", "Trigger", "doors"]

Action = Callable[[Request], "Hold | None"]


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
        self.links: set[Link] = set()
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

            def accept(door: Door = self._doors[number]) -> Side:
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

    @property
    def ways(self) -> list[tuple[int, Door]]:
        """(port on the loopback interface, where it leads) of every socket it was made with."""
        ports = [s.getsockname()[1] for s in self._sockets]
        return list(zip(ports, self._doors, strict=True))

    def listen(self, server: socket.socket, door: Door, quota: Quota) -> Callable[[], None]:
        """Let the connections of one more listening socket through ``door``; the quota may be
        shared by several. Returns what closes it, with every connection of the quota.

        The socket may be a sandbox's: it works across network namespaces.
        """

        async def begin() -> asyncio.Server:
            return await self.loop.create_server(lambda: self._accept(door, quota), sock=server)

        opened = asyncio.run_coroutine_threadsafe(begin(), self.loop).result(10)

        def end() -> None:
            opened.close()
            self.cut_off(quota)

        def close() -> None:
            with contextlib.suppress(RuntimeError):  # the relay has stopped, and it with it
                self.loop.call_soon_threadsafe(end)

        return close

    def cut_off(self, quota: Quota) -> None:
        """Close every connection of a quota. On the relay's thread."""
        for link in list(self.links):
            if link.quota is quota:
                link.close()

    def _accept(self, door: Door, quota: Quota | None = None) -> Side:
        link = Link(self, door, quota)
        if quota and quota.full:
            link.close()
            return Side(link, from_program=True)  # its transport is closed as soon as it is there
        self.links.add(link)
        link.up = Side(link, from_program=True)
        # Nothing is drained before the twin is connected.
        waiting = Hold()
        link.up.held = waiting
        self.loop.create_task(self._connect(link, door.target))
        return link.up

    async def _connect(self, link: Link, target: Address) -> None:
        up = link.up
        assert up is not None
        if link.broker in self._refused:
            link.close()
            return
        try:
            _, side = await self.loop.create_connection(
                lambda: Side(link, from_program=False), target.host, target.port
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
            fields |= {"error": request.error, **request.answer}
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
        if self._log is not None:
            self._log.write("fault", fault="refuse" if refused else "accept", broker=broker)

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
        if self._log is not None:
            self._log.write("fault", fault="cut", principal=principal)
