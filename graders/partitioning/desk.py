"""One scenario's topics, group and programs, and what is sent to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions

from items import Item, Mint
from kafka_lab.api import Record
from kafka_lab.clusters.admin import AdminError
from kafka_lab.clusters.logreader import LogReader

if TYPE_CHECKING:
    from kafka_lab.grading.lab import Lab, Role

POLL = 0.02
"""Seconds between two looks at the logs; eight scenarios share the harness's process."""
STILL = 2.5
"""Seconds without a change after which records behind the committed offset are given up."""


@dataclass
class History:
    """What one scenario saw, for the checks to judge."""

    scenario: str
    input: str
    output: str
    group: str
    partitions: int
    """Of the output topic, before any were added."""
    sent: list[Item] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    """The output topic, by partition in the order of offsets."""
    inputs: dict[str, Record] = field(default_factory=dict)
    ended: str = ""
    """Said when a program ended although nobody had asked it to."""
    missed: str = ""
    """The request at which a fault was planned and which the program never made."""
    marks: dict[str, int] = field(default_factory=dict)
    """How many records had been sent at a turn of the scenario."""
    batches: int = 0
    grown: int = 0
    """Partitions of the output topic after some were added; 0 where none were."""
    seen_growth: bool = True
    stop_code: int | None = None
    committed: dict[tuple[str, int], int] = field(default_factory=dict)
    shared: bool = True
    """The second instance got work in time."""
    skipped: bool = False
    """Not run, since the program does not even do the ordinary thing."""

    @property
    def missing(self) -> list[Item]:
        there = {r.value for r in self.records}
        return [item for item in self.sent if item.value not in there]


class Desk:
    """Everything of one scenario; used by one thread."""

    def __init__(self, lab: Lab, scenario: str, inputs: int, outputs: int) -> None:
        self.lab = lab
        self.inputs = inputs
        tag = lab.name("desk", scenario)
        self.history = History(scenario, f"input-{tag}", f"output-{tag}", f"group-{tag}", outputs)
        self.mint = Mint(lab.rng("items", scenario))
        sizes = {self.history.input: inputs, self.history.output: outputs}
        # The broker's own clock says when a result came: nobody can set it.
        ids = lab.admin().create_topics(sizes, config={"message.timestamp.type": "LogAppendTime"})
        lab.topic_ids |= ids
        lab.log.write("topics", topics=sizes, ids=ids)
        self.reader: LogReader = lab.reader(sizes)
        self._producer = Producer(lab.cluster.harness_client_config() | {"linger.ms": 10})
        self.roles: list[Role] = []

    # -- programs -------------------------------------------------------------------------

    def role(self, name: str, mode: str, **variables: str) -> Role:
        """An instance of the learner's program, started."""
        history = self.history
        role = self.lab.role(
            f"{history.scenario}-{name}",
            {
                "MODE": mode,
                "INPUT_TOPIC": history.input,
                "OUTPUT_TOPIC": history.output,
                "GROUP_ID": history.group,
                "LINGER_MS": "5",
                **variables,
            },
        )
        self.roles.append(role)
        role.program.start()
        return role

    def alive(self) -> bool:
        """Whether every program that should run does; says so in the history if not."""
        for role in self.roles:
            if not role.stopping and not role.program.running():
                tail = role.program.tail(6).strip()
                words = f" Its last words: {tail}" if tail else ""
                self.history.ended = f"exit code {role.program.exits[-1]}.{words}"
                return False
        return True

    def stop(self, role: Role) -> int | None:
        """SIGTERM, and what the program makes of it within the brief's ten seconds."""
        role.stopping = True
        if not role.program.running():
            return role.program.exit_code
        role.program.terminate()
        code = role.program.wait(self.lab.seconds(10))
        role.program.kill()
        return code

    # -- records --------------------------------------------------------------------------

    def send(self, items: Sequence[Item]) -> None:
        """Write input records and wait until the cluster has acknowledged them."""
        for item in items:
            self._producer.produce(
                self.history.input, item.value, item.key, partition=item.partition
            )
        left = self._producer.flush(30)
        if left:
            raise RuntimeError(f"the grader could not send {left} records")
        self.history.sent += items

    def mark(self, name: str) -> None:
        self.history.marks[name] = len(self.history.sent)

    def written(self) -> list[Record]:
        self.reader.refresh()
        return self.reader.visible(self.history.output)

    def outstanding(self) -> int:
        there = {r.value for r in self.written()}
        return sum(item.value not in there for item in self.history.sent)

    def settle(self, nominal: float) -> bool:
        """Wait until every record sent is in the output topic, or plainly never will be."""
        return self.until(lambda: self.outstanding() == 0, nominal, self.passed_over())

    def until(
        self,
        condition: Callable[[], bool],
        nominal: float,
        hopeless: Callable[[], bool] = lambda: False,
    ) -> bool:
        state = {"met": False}

        def done() -> bool:
            state["met"] = condition()
            return state["met"] or not self.alive() or hopeless()

        self.lab.wait(done, nominal, POLL)
        return state["met"]

    def passed_over(self) -> Callable[[], bool]:
        """Whether records without output are behind the committed offsets, and nothing moves."""
        state: dict[str, object] = {"seen": None, "since": 0.0, "look": 0.0}

        def hopeless() -> bool:
            now = time.monotonic()
            if now < float(str(state["look"])):
                return False
            state["look"] = now + 0.25
            committed = self.committed()
            ends = {log.partition: log.next for log in self.reader.topic(self.history.input)}
            behind = all(committed.get((self.history.input, p), 0) >= n for p, n in ends.items())
            seen = (behind, committed, [log.next for log in self.reader.logs.values()])
            if seen != state["seen"]:
                state["seen"], state["since"] = seen, now
            return behind and now - float(str(state["since"])) > self.lab.seconds(STILL)

        return hopeless

    def committed(self) -> dict[tuple[str, int], int]:
        try:
            return self.lab.admin().committed_offsets(
                self.history.group, {self.history.input: self.inputs}
            )
        except AdminError:  # no coordinator at the moment
            return {}

    def grow(self, partitions: int) -> None:
        """Add partitions to the output topic, and wait for their leaders."""
        admin = AdminClient(self.lab.cluster.harness_client_config())
        wanted = NewPartitions(self.history.output, partitions)
        for done in admin.create_partitions([wanted]).values():
            done.result(30)
        self.lab.admin().wait_for_leaders(self.history.output, partitions, 30)
        self.lab.log.write("partitions", topic=self.history.output, partitions=partitions)
        self.history.grown = partitions
        for p in range(self.history.partitions, partitions):
            log = type(self.reader.topic(self.history.output)[0])(self.history.output, p)
            self.reader.logs[(self.history.output, p)] = log

    def finish(self) -> History:
        """End the programs and read back everything."""
        for role in self.roles:
            role.stopping = True
            role.program.kill()
        self.history.records = self.written()
        ids = {item.value: item.id for item in self.history.sent}
        self.history.inputs = {
            ids[r.value]: r
            for r in self.reader.visible(self.history.input)
            if r.value is not None and r.value in ids
        }
        self.history.committed = self.lab.admin().committed_offsets(
            self.history.group, {self.history.input: self.inputs}
        )
        return self.history
