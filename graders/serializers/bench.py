"""The learner's service with topics and a group of its own, and what was seen of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from confluent_kafka import Producer

from kafka_lab.api import Record
from kafka_lab.clusters.admin import AdminError
from orders import Item, Mint, ident

if TYPE_CHECKING:
    from kafka_lab.grading.lab import Lab, Role

PARTITIONS = {"commands": 2, "partner": 2, "events": 2, "json": 2, "dead": 1}
INPUTS = ("commands", "partner", "events")
MOST_RESTARTS = 10
"""How often a supervisor starts the service again in one run."""
STILL = 2.0
"""Seconds without any change after which what is committed and has no outcome is given up."""
POLL = 0.02


@dataclass
class History:
    """What one scenario saw, for the checks to judge."""

    scenario: str
    topics: dict[str, str]
    sent: list[Item] = field(default_factory=list)
    records: dict[str, list[Record]] = field(default_factory=dict)
    committed: dict[tuple[str, int], int] = field(default_factory=dict)
    exits: list[int] = field(default_factory=list)
    """Codes of exits that nobody had asked for."""
    output: str = ""
    stop_code: int | None = None
    stopped: bool = False
    """It was told to stop, and was running then."""
    missed: str = ""
    """The request at which a fault was planned and which the service never made."""
    hits: list[str] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0
    """When the scenario began and ended: milliseconds since 1970 UTC."""


class Bench:
    """Everything of one scenario; used by one thread."""

    def __init__(self, lab: Lab, scenario: str) -> None:
        self.lab = lab
        tag = lab.name("bench", scenario)
        self.topics = {kind: f"{kind}-{tag}" for kind in PARTITIONS}
        self.group = f"orders-{lab.name('group', scenario)}"
        sizes = {self.topics[kind]: n for kind, n in PARTITIONS.items()}
        lab.create_topics(sizes)
        self.reader = lab.reader(sizes)
        self.rng = lab.rng("orders", scenario)
        self.mint = Mint(self.rng)
        self.history = History(scenario, self.topics, began=time.time() * 1000)
        self._producer = Producer(lab.cluster.harness_client_config() | {"linger.ms": 0})
        self.role = self._role()
        self._look = self._since = 0.0
        self._state: object = None

    def _role(self) -> Role:
        variables = {f"{kind.upper()}_TOPIC": topic for kind, topic in self.topics.items()}
        name = f"{self.history.scenario}-service"
        return self.lab.role(name, variables | {"GROUP_ID": self.group})

    # -- records --------------------------------------------------------------------------

    def send(self, items: Sequence[Item]) -> None:
        """Write records and wait until the cluster has acknowledged them."""
        for item in items:
            self._producer.produce(
                self.topics[item.topic], item.value, item.key, headers=list(item.headers)
            )
        if left := self._producer.flush(30):
            raise RuntimeError(f"the grader could not send {left} records")
        self.history.sent += items

    def feed(self, count: int) -> None:
        """Ordinary commands and events, by turns."""
        from codec import ENCODINGS

        items = []
        for _ in range(count):
            encoding = self.rng.choice(list(ENCODINGS))
            items.append(self.mint.command(encoding))
            items.append(self.mint.event(ENCODINGS[encoding]))
        self.send(items)

    def outstanding(self) -> set[str]:
        """Ids of records without an outcome."""
        self.reader.refresh()
        done = {
            ident(r.key, r.value)
            for kind in ("json", "dead")
            for r in self.reader.visible(self.topics[kind])
        }
        return {item.id for item in self.history.sent} - done

    def settle(self, nominal: float) -> bool:
        """Wait until every record has its outcome, reviving the service if it exits."""
        return self.until(lambda: not self.outstanding(), nominal, give_up=True)

    def until(
        self,
        condition: Callable[[], bool],
        nominal: float,
        depth: int = 0,
        give_up: bool = False,
    ) -> bool:
        """Wait for a condition while the service is revived and ``depth`` records wait for it."""
        state = {"met": False}

        def done() -> bool:
            state["met"] = condition()
            if state["met"] or not self.revive():
                return True
            if depth and len(self.outstanding()) < depth:
                self.feed(1)
            return give_up and self._passed_over()

        self.lab.wait(done, nominal, POLL)
        return state["met"]

    def _passed_over(self) -> bool:
        """Whether what has no outcome yet will never have one.

        Offsets are committed after the outcome. So once all inputs are committed and nothing has
        changed for a while, what has no outcome has been passed over.
        """
        now = time.monotonic()
        if now < self._look:
            return False
        self._look = now + 0.25
        try:
            committed = self.committed()
        except AdminError:  # no coordinator at the moment
            return False
        behind = all(committed.get(at, 0) >= end for at, end in self.ends().items())
        state = (behind, committed, [log.next for log in self.reader.logs.values()])
        if state != self._state:
            self._state, self._since = state, now
        return behind and now - self._since > self.lab.seconds(STILL)

    def committed(self) -> dict[tuple[str, int], int]:
        sizes = {self.topics[kind]: PARTITIONS[kind] for kind in INPUTS}
        return self.lab.admin().committed_offsets(self.group, sizes)

    def ends(self) -> dict[tuple[str, int], int]:
        """One past the last record of each input partition that has any."""
        return {
            (log.topic, log.partition): log.visible()[-1].offset + 1
            for kind in INPUTS
            for log in self.reader.topic(self.topics[kind])
            if log.visible()
        }

    # -- the service ----------------------------------------------------------------------

    def revive(self) -> bool:
        """As a supervisor does: start the service again if it has ended; not for ever."""
        program = self.role.program
        if program.running() or program.struck:
            return True
        if program.starts:
            self.history.exits.append(program.exits[-1])
            if len(self.history.exits) > MOST_RESTARTS:
                return False
            self.lab.evict(self.group, [program], "its process has exited")
        program.start()
        return True

    def restart(self) -> None:
        """Start it again after the harness has killed it."""
        program = self.role.program
        program.wait(10)
        program.exits.clear()
        self.lab.evict(self.group, [program], "its process was killed")
        program.start()

    def finish(self) -> History:
        """SIGTERM, and read back everything."""
        history, role = self.history, self.role
        role.stopping = True
        if role.program.running():
            history.stopped = True
            role.program.terminate()
            history.stop_code = role.program.wait(self.lab.seconds(10))
        role.program.kill()
        self.reader.refresh()
        for kind, topic in self.topics.items():
            history.records[kind] = self.reader.visible(topic)
        history.committed = self.committed()
        history.ended = time.time() * 1000
        history.output = role.program.tail(8) if history.exits else ""
        self._producer.flush(1)
        return history
