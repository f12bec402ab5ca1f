"""One scenario's bank: its topics, its group, the transfers sent, the service that handles them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException, Producer

from kafka_lab.api import Record
from kafka_lab.clusters.admin import AdminError
from kafka_lab.clusters.logreader import Entry, LogReader
from transfers import Mint, Transfer

if TYPE_CHECKING:
    from kafka_lab.faults.requests import Request
    from kafka_lab.grading.lab import Lab, Role

PARTITIONS = {"transfers": 2, "debits": 2, "credits": 2, "rejects": 1}
MOST_RESTARTS = 10
STILL = 2.0
"""Seconds without a change after which transfers behind the committed offset are given up."""
POLL = 0.02
"""Seconds between two looks at the logs; seven scenarios share the harness's process."""


@dataclass
class History:
    """What one scenario saw, for the checks to judge."""

    scenario: str
    sent: list[Transfer]
    aborted: list[Transfer]
    topics: dict[str, str]
    group: str
    transactional_id: str
    inputs: list[Record] = field(default_factory=list)
    visible: dict[str, list[Record]] = field(default_factory=dict)
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    ends: list[tuple[str, int, int, int]] = field(default_factory=list)
    """topic, partition, last stable offset, high watermark."""
    committed: dict[tuple[str, int], int] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    complete: bool = False
    """Every transfer had its outcome before the deadline."""
    exits: list[tuple[str, int]] = field(default_factory=list)
    """Exits that nobody had asked for: role, exit code."""
    output: str = ""
    stop_code: int | None = None
    stop_seconds: float | None = None
    missed: str = ""
    """The request at which a fault was planned and which the service never made."""
    open_hits: int = 0
    hits: list[str] = field(default_factory=list)
    hanging: bool = False
    zombie_woken: bool = False
    """The hanging instance was woken after its successor had taken over."""
    zombie_exit: int | None = None


class _PassedOver:
    """Whether transfers without an outcome will never have one, so that nobody waits for them.

    Offsets belong to the same transaction as what they stand for. So once every transfer that
    can be read is behind the group's committed offset, and nothing has changed for a while, those
    without an outcome have been passed over.
    """

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._look = 0.0
        self._seen: object = None
        self._since = 0.0

    def __call__(self) -> bool:
        now = time.monotonic()
        if now < self._look:
            return False
        self._look = now + 0.25
        bank, topic = self._bank, self._bank.topics["transfers"]
        try:
            committed = bank.lab.admin().committed_offsets(
                bank.group, {topic: PARTITIONS["transfers"]}
            )
        except AdminError:  # no coordinator at the moment
            return False
        ends = {
            log.partition: log.visible()[-1].offset
            for log in bank.reader.topic(topic)
            if log.visible()
        }
        behind = all(committed.get((topic, p), 0) > last for p, last in ends.items())
        state = (
            behind,
            committed,
            [(log.next, len(log.open)) for log in bank.reader.logs.values()],
        )
        if state != self._seen:
            self._seen, self._since = state, now
        return behind and now - self._since > bank.lab.seconds(STILL)


class Bank:
    """Everything of one scenario; used by one thread."""

    def __init__(self, lab: Lab, scenario: str, go: Callable[[], object] = lambda: None) -> None:
        self.lab = lab
        self._go = go
        self.scenario = scenario
        tag = lab.name("bank", scenario)
        self.topics = {kind: f"{kind}-{tag}" for kind in PARTITIONS}
        self.group = f"ledger-{lab.name('group', scenario)}"
        self.transactional_id = f"bank-{lab.name('txn', scenario)}"
        sizes = {self.topics[kind]: n for kind, n in PARTITIONS.items()}
        lab.create_topics(sizes)
        self.reader: LogReader = lab.reader(sizes)
        self.mint = Mint(lab.rng("transfers", scenario))
        self.history = History(scenario, [], [], self.topics, self.group, self.transactional_id)
        self.reconnect()
        self._payer: Producer | None = None
        self._roles: list[Role] = []

    # -- the service ----------------------------------------------------------------------

    def service(self, name: str) -> Role:
        """A new instance of the learner's service, with its rights and nothing more."""
        role = self.lab.role(
            f"{self.scenario}-{name}",
            {
                **{f"{kind.upper()}_TOPIC": topic for kind, topic in self.topics.items()},
                "GROUP_ID": self.group,
                "TRANSACTIONAL_ID": self.transactional_id,
            },
        )
        self._roles.append(role)
        return role

    def revive(self, role: Role) -> bool:
        """As a supervisor does: start the service again if it has ended; not for ever."""
        if role.stopping or role.program.running() or role.program.struck:
            return True
        if role.program.starts:
            self.history.exits.append((role.program.name, role.program.exits[-1]))
            if len(self.history.exits) > MOST_RESTARTS:
                return False
            self.clear_group(role, "its process has exited")
        self._go()
        role.program.start()
        return True

    def clear_group(self, role: Role, why: str) -> None:
        self.lab.evict(self.group, [role.program], why)

    # -- transfers ------------------------------------------------------------------------

    def reconnect(self) -> None:
        """Send by a new connection: librdkafka looks once a second for a broker that is back."""
        config = self.lab.cluster.harness_client_config()
        self._producer = Producer(config | {"linger.ms": 0})

    def send(self, transfers: Sequence[Transfer]) -> None:
        """Write transfers and wait until the cluster has acknowledged them."""
        for transfer in transfers:
            self._producer.produce(self.topics["transfers"], transfer.value, transfer.key)
        left = self._producer.flush(30)
        if left:
            raise RuntimeError(f"the grader could not send {left} transfers")
        self.history.sent += transfers

    def feed(self, count: int) -> None:
        self.send([self.mint.valid() for _ in range(count)])

    def send_in_transaction(self, transfers: Sequence[Transfer], commit: bool) -> None:
        """Write transfers in a transaction of the grader's own."""
        if self._payer is None:
            name = f"payer-{self.lab.name('payer', self.scenario)}"
            config = self.lab.cluster.harness_client_config()
            self._payer = Producer(
                config | {"transactional.id": name, "linger.ms": 0, "retry.backoff.ms": 10}
            )
            self._payer.init_transactions(30)
        producer = self._payer
        producer.begin_transaction()
        for transfer in transfers:
            producer.produce(self.topics["transfers"], transfer.value, transfer.key)
        producer.flush(30)
        if commit:
            producer.commit_transaction(30)
            self.history.sent += transfers
        else:
            producer.abort_transaction(30)
            self.history.aborted += transfers

    # -- watching -------------------------------------------------------------------------

    def outstanding(self) -> int:
        """How many transfers have no visible outcome yet."""
        self.reader.refresh()
        visible = {k: self.reader.visible(t) for k, t in self.topics.items() if k != "transfers"}
        ledger = min(len(visible["debits"]), len(visible["credits"]))
        return max(0, len(self.history.sent) - ledger - len(visible["rejects"]))

    def unhandled(self) -> set[str]:
        """Ids of transfers without a visible outcome; exact, where ``outstanding`` counts."""
        self.reader.refresh()
        seen = {k: self.reader.visible(t) for k, t in self.topics.items() if k != "transfers"}
        debits = {r.value for r in seen["debits"]}
        credits_ = {r.value for r in seen["credits"]}
        rejects = {(r.key, r.value) for r in seen["rejects"]}
        left = set()
        for transfer in self.history.sent:
            if transfer.valid:
                name = transfer.id.encode()
                done = any(name in (v or b"") for v in debits) and any(
                    name in (v or b"") for v in credits_
                )
            else:
                done = (transfer.key, transfer.value) in rejects
            if not done:
                left.add(transfer.id)
        return left

    def settle(self, roles: Sequence[Role], nominal: float) -> bool:
        """Wait until every transfer has its outcome, reviving services that exit meanwhile."""
        state = {"alive": True, "complete": False}

        passed_over = _PassedOver(self)

        def done() -> bool:
            state["alive"] = all([self.revive(r) for r in roles])
            if not state["alive"]:
                return True
            if self.outstanding() == 0 and not self.unhandled():
                state["complete"] = True
                return True
            return passed_over()

        self.lab.wait(done, nominal, POLL)
        self.history.complete = state["complete"]
        return self.history.complete

    def until(
        self, roles: Sequence[Role], condition: Callable[[], bool], nominal: float, depth: int = 0
    ) -> bool:
        """Wait for a condition while services are revived and up to ``depth`` transfers wait."""
        state = {"alive": True}

        def done() -> bool:
            if condition():
                return True
            state["alive"] = all([self.revive(r) for r in roles])
            if not state["alive"]:
                return True
            if depth and self.outstanding() < depth:
                self.feed(2)
            return condition()

        return self.lab.wait(done, nominal, POLL) and state["alive"]

    def stop(self, role: Role, nominal: float = 10) -> None:
        """SIGTERM, and what the service makes of it."""
        role.stopping = True
        if not role.program.running():
            return
        began = time.monotonic()
        role.program.terminate()
        self.history.stop_code = role.program.wait(self.lab.seconds(nominal))
        self.history.stop_seconds = time.monotonic() - began
        role.program.kill()

    def finish(self) -> History:
        """End the services and read back everything."""
        for role in self._roles:
            role.stopping = True
            role.program.kill()
        history = self.history
        self.reader.refresh()
        history.inputs = self.reader.visible(self.topics["transfers"])
        for kind, topic in self.topics.items():
            history.visible[kind] = self.reader.visible(topic)
            history.entries[kind] = self.reader.entries(topic)
        history.ends = [
            (log.topic, log.partition, log.last_stable_offset, log.high_watermark)
            for log in self.reader.logs.values()
        ]
        history.committed = self.lab.admin().committed_offsets(
            self.group, {self.topics["transfers"]: PARTITIONS["transfers"]}
        )
        history.requests = self.lab.requests(*(r.principal for r in self._roles))
        history.output = "\n".join(
            part for r in self._roles if (part := r.program.tail(8)) and history.exits
        )
        with contextlib.suppress(KafkaException):
            self._producer.flush(1)
        return history
