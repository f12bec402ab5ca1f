"""What happened in an attempt, as its event log tells it: plain data that a picture is made of.

Times are seconds since the attempt began.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Lane = tuple[str, int]
"""Topic and partition."""


@dataclass(slots=True)
class Life:
    """One process of a program. ``end`` is ``None`` when nobody saw it end."""

    program: str
    start: float
    end: float | None = None
    code: int | None = None
    pauses: list[list[float]] = field(default_factory=list)
    """From when to when it was stopped; the last one may lack its end."""
    killed: bool = False
    """By the harness."""


@dataclass(slots=True)
class Asked:
    """One request of a program, with its answer if there was one."""

    t: float
    api: str
    principal: str
    broker: int
    connection: int
    correlation: int
    facts: dict[str, Any]
    answered: float | None = None
    error: int | None = None


@dataclass(slots=True)
class Fault:
    """Something that the harness broke. ``until``: when what was held was let go."""

    t: float
    kind: str
    program: str = ""
    principal: str = ""
    broker: str = ""
    """As it is called in the picture; empty where no broker is named."""
    api: str = ""
    when: str = ""
    until: float | None = None
    dropped: bool = False
    resource: str = ""


@dataclass(slots=True)
class Run:
    """Neighbouring records of one producer: offsets ``first`` to ``last`` of a partition.

    ``t`` is when the broker's answer told of them, or when the harness read them, if they did not
    pass the relay (``principal`` is empty then).
    """

    topic: str
    partition: int
    first: int
    last: int
    t: float
    principal: str = ""
    producer: int = -1
    transactional: bool = False
    state: str = "plain"
    """``plain``, ``committed``, ``aborted`` or ``open``."""

    @property
    def count(self) -> int:
        return self.last - self.first + 1


@dataclass(slots=True)
class Txn:
    """One transaction. ``outcome``: ``committed``, ``aborted`` or ``open``."""

    id: str
    principal: str
    began: float
    ended: float | None = None
    outcome: str = "open"
    lanes: set[Lane] = field(default_factory=set)


@dataclass(slots=True)
class Commit:
    """A group's offset, committed for one partition."""

    t: float
    topic: str
    partition: int
    offset: int
    group: str
    principal: str
    transactional: bool


@dataclass
class Story:
    """All of it."""

    attempt: dict[str, Any] = field(default_factory=dict)
    end: float = 0.0
    brokers: list[str] = field(default_factory=list)
    topics: dict[str, int] = field(default_factory=dict)
    families: list[list[str]] = field(default_factory=list)
    """Topics that were created together."""
    roles: dict[str, str] = field(default_factory=dict)
    """Principal to program."""
    lives: list[Life] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    runs: dict[Lane, list[Run]] = field(default_factory=dict)
    txns: list[Txn] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    shown: dict[tuple[str, int, int], tuple[str | None, str | None]] = field(default_factory=dict)
    notes: list[tuple[float, str]] = field(default_factory=list)

    def all_runs(self) -> Iterator[Run]:
        for runs in self.runs.values():
            yield from runs

    def run_at(self, topic: str, partition: int, offset: int) -> Run | None:
        """The run with this record, if anybody saw it."""
        for run in self.runs.get((topic, partition), ()):
            if run.first <= offset <= run.last:
                return run
        return None
