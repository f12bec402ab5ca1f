"""One scenario's depot: its topics and group, the orders sent, the courier, the programs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, Message, Producer

from history import MOST_RESTARTS, PARTITIONS, Call, History
from kafka_lab.clusters.admin import AdminError
from kafka_lab.clusters.logreader import LogReader
from kafka_lab.services.http_endpoint import Behaviour, HttpEndpoint
from orders import Mint, Order, good

if TYPE_CHECKING:
    from kafka_lab.grading.lab import Lab, Role

STILL = 2.5
"""Seconds without a change, with everything committed, after which nothing more is expected."""
RUNAWAY = 9
"""Requests for one order after which nobody waits for the end of it."""
POLL = 0.12
"""Seconds between two looks; seven scenarios share the harness's process, and so does the relay."""


class Depot:
    """Everything of one scenario; used by one thread."""

    def __init__(
        self, lab: Lab, scenario: str, delays: tuple[int, int] = (400, 700), timeout_ms: int = 3000
    ) -> None:
        self.lab = lab
        self.tag = lab.name("depot", scenario)
        topics = {kind: f"{kind.replace('_', '-')}-{self.tag}" for kind in PARTITIONS}
        self.history = History(scenario, topics, f"couriers-{self.tag}", delays)
        self.timeout_ms = timeout_ms
        sizes = {topics[kind]: n for kind, n in PARTITIONS.items()}
        lab.create_topics(sizes)
        self.reader: LogReader = lab.reader(sizes)
        self.mint = Mint(lab.rng("orders", scenario))
        self.courier = lab.service("courier", HttpEndpoint)
        self._producer = Producer(lab.cluster.harness_client_config() | {"linger.ms": 0})
        self._roles: list[Role] = []
        self.ports: dict[str, int] = {}
        # The relay's requests are timed in seconds of the attempt, the courier's of the epoch.
        self._began = time.time() - (time.monotonic() - lab.log.origin)

    def now(self) -> float:
        """In seconds of the attempt, as everything in the history is."""
        return time.time() - self._began

    # -- programs -------------------------------------------------------------------------

    def role(
        self, name: str, mode: str = "work", like: Role | None = None, **variables: str
    ) -> Role:
        """A new instance of the learner's program, not started yet."""
        history = self.history
        port = self.lab.port()
        role = self.lab.role(
            f"{history.scenario}-{name}",
            {
                "MODE": mode,
                **{f"{kind.upper()}_TOPIC": topic for kind, topic in history.topics.items()},
                "RETRY_1_DELAY_MS": str(history.delays[0]),
                "RETRY_2_DELAY_MS": str(history.delays[1]),
                "GROUP_ID": history.group,
                "COURIER_URL": f"{self.courier.url}/{self.tag}",
                "COURIER_TIMEOUT_MS": str(self.timeout_ms),
                "METRICS_PORT": str(port),
                "SELECT_ERROR": "",
                "SELECT_KEY": "",
                **variables,
            },
            like=like,
        )
        self.ports[role.program.name] = port
        self._roles.append(role)
        return role

    def revive(self, role: Role) -> bool:
        """As a supervisor does: start the service again if it has ended; not for ever."""
        if role.stopping or role.program.running():
            return True
        if role.program.starts:
            self.history.exits.append((role.program.name, role.program.exits[-1]))
            if len(self.history.exits) > MOST_RESTARTS:
                return False
            self.clear_groups(role, "its process has exited")
        role.program.start()
        return True

    def clear_groups(self, role: Role, why: str) -> None:
        """Remove a dead instance from every group that it has joined."""
        # Not only those that were committed for: it may have been killed before its first commit.
        for group in self.lab.groups(self.history.group):
            self.lab.evict(group, [role.program], why)

    def groups(self) -> set[str]:
        """The consumer groups of the contract that commits were made for, and the one it names."""
        seen = {r.facts.get("group") for r in self.lab.requests(*self._principals())}
        mine = self.history.group
        self.history.groups = {mine, *(g for g in seen if g and g.startswith(mine))}
        return self.history.groups

    def _principals(self) -> list[str]:
        return list({role.principal for role in self._roles})

    def stop(self, *roles: Role) -> None:
        """SIGTERM to all of them, and what they make of it within the brief's ten seconds."""
        running = [r for r in roles if r.program.running()]
        for role in running:
            role.stopping = True
            role.program.terminate()
        end = time.monotonic() + self.lab.seconds(10)
        for role in running:
            code = role.program.wait(max(0.0, end - time.monotonic()))
            self.history.stops[role.program.name] = code
            role.program.kill()

    # -- orders ---------------------------------------------------------------------------

    def send(self, orders: Sequence[Order], partition: int | None = None) -> None:
        """Tell the courier what to do, write the orders, wait until they are acknowledged."""
        for order in orders:
            if order.key is not None and order.plan != (Behaviour(),):
                path = f"/{self.tag}/shipments/{order.key.decode()}"
                self.courier.script(path, order.plan)
            self.produce(order, "orders", partition)
        self.flush()
        self.history.orders += orders

    def produce(self, order: Order, kind: str, partition: int | None = None) -> None:
        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is None and kind == "orders":
                order.topic, order.partition = str(message.topic()), message.partition() or 0
                order.offset = message.offset() or 0

        anywhere = -1  # Kafka's own word for "as the key has it"
        self._producer.produce(
            self.history.topics[kind],
            order.value,
            order.key,
            headers=list(order.headers),
            timestamp=order.timestamp,
            on_delivery=delivered,
            partition=anywhere if partition is None else partition,
        )

    def flush(self) -> None:
        if left := self._producer.flush(30):
            raise RuntimeError(f"the grader could not send {left} orders")

    def feed(self, count: int, partition: int | None = None) -> None:
        self.send([self.mint.order() for _ in range(count)], partition)

    # -- watching -------------------------------------------------------------------------

    def look(self) -> None:
        """Bring the history's calls and records up to date."""
        history = self.history
        prefix = f"/{self.tag}/"
        received = [r for r in self.courier.received if r.path.startswith(prefix)]
        known = len(history.calls)
        by_key: dict[str, list[Order]] = {}
        for order in history.orders:
            if order.key is not None:
                by_key.setdefault(order.key.decode(), []).append(order)
        for request in received[known:]:
            rest = request.path.removeprefix(prefix)
            candidates = by_key.get(rest.removeprefix("shipments/"), [])
            exact = [o for o in candidates if (o.method, o.value or b"") == _what(request)]
            meant = next(iter(exact or candidates), None)
            names = {name.lower(): value for name, value in request.headers.items()}
            history.calls.append(
                Call(
                    request.at - self._began,
                    request.method,
                    "/" + rest,
                    request.body,
                    names.get("idempotency-key"),
                    request.does,
                    meant,
                )
            )
        self.reader.refresh()
        for kind, topic in history.topics.items():
            history.records[kind] = self.reader.visible(topic)

    def settled(self, order: Order) -> bool:
        """Whether it is with the courier or in the dead letter queue."""
        history = self.history
        if any(good(call.does) for call in history.calls_of(order)):
            return True
        return bool(history.copies(order, "dead_letters"))

    def settle(self, roles: Sequence[Role], nominal: float, without: Sequence[Order] = ()) -> bool:
        """Wait until every order has its outcome, reviving services that exit meanwhile.

        ``nominal`` seconds are for each next step: whoever gets on is waited for, four times as
        long at most.
        """
        complete, seen, since = False, (-1, -1), time.monotonic()
        nothing_more = _NothingMore(self)

        def done() -> bool:
            nonlocal complete, seen, since
            if not all([self.revive(r) for r in roles]):
                return True
            self.look()
            history = self.history
            waited_for = [o for o in history.orders if not any(o is w for w in without)]
            if all(self.settled(o) for o in waited_for):
                complete = True
                return True
            now = time.monotonic()
            there = (len(history.calls), sum(map(len, history.records.values())))
            if there != seen:
                seen, since = there, now
            counts = (len(history.calls_of(o)) for o in waited_for)
            stuck = now - since > self.lab.seconds(nominal)
            # After each kill whatever was in flight may be done again, and each copy of it.
            most = RUNAWAY * 4 ** len(history.kills)
            return stuck or max(counts, default=0) >= most or nothing_more()

        self.lab.wait(done, 4 * nominal, POLL)
        self.history.complete = complete
        return self.history.complete

    def until(self, roles: Sequence[Role], condition: Callable[[], bool], nominal: float) -> bool:
        """Wait for a condition while services are revived and have something left to do."""
        state = {"alive": True}
        nothing_more = _NothingMore(self)

        def done() -> bool:
            if condition():
                return True
            self.look()
            if not all(r.program.running() for r in roles):
                time.sleep(POLL)  # what killed it says so a moment later
            if condition():
                return True
            state["alive"] = all([self.revive(r) for r in roles]) and not nothing_more()
            return not state["alive"]

        return self.lab.wait(done, nominal, POLL) and state["alive"]

    def closed(self) -> bool:
        """Whether no transaction is open in what has been read; a commit's markers come late."""
        self.look()
        return not any(
            entries for log in self.reader.logs.values() for entries in log.open.values()
        )

    def offsets(self) -> dict[tuple[str, int], int]:
        """The highest committed offset of each partition that the service reads."""
        sizes = {self.history.topics[k]: PARTITIONS[k] for k in ("orders", "retry_1", "retry_2")}
        found: dict[tuple[str, int], int] = {}
        for group in self.groups():
            for place, offset in self.lab.admin().committed_offsets(group, sizes).items():
                found[place] = max(offset, found.get(place, 0))
        return found

    def finish(self) -> History:
        """End the programs and read back everything."""
        history = self.history
        for role in self._roles:
            role.stopping = True
            role.program.kill()
        self.look()
        history.committed = self.offsets()
        history.requests = self.lab.requests(*self._principals())
        if history.exits:
            history.output = "\n".join(part for r in self._roles if (part := r.program.tail(8)))
        return history


def _what(request: object) -> tuple[str, bytes]:
    return request.method, request.body  # type: ignore[attr-defined]


class _NothingMore:
    """Whether orders without an outcome will never have one, so that nobody waits for them.

    That is so once everything that the service reads is behind its committed offsets and nothing
    has changed for a while.
    """

    def __init__(self, depot: Depot) -> None:
        self._depot = depot
        self._look = 0.0
        self._seen: object = None
        self._since = 0.0

    def __call__(self) -> bool:
        now = time.monotonic()
        if now < self._look:
            return False
        self._look = now + 0.3
        depot = self._depot
        committed: dict[tuple[str, int], int] = {}
        with contextlib.suppress(AdminError):  # no coordinator at the moment
            committed = depot.offsets()
        records = depot.history.records
        read = [r for kind in ("orders", "retry_1", "retry_2") for r in records[kind]]
        behind = all(committed.get((r.topic, r.partition), 0) > r.offset for r in read)
        state = (behind, len(depot.history.calls), sum(map(len, records.values())))
        if state != self._seen:
            self._seen, self._since = state, now
        still = STILL + min(1.0, max(depot.history.delays) / 1000)
        return behind and now - self._since > depot.lab.seconds(still)
