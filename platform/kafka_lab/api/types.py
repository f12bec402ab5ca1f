"""Values that cross the border between kafka-lab, graders and plugins.

Everything here is plain data: no broker, no I/O. Times are seconds since the epoch as
``float`` unless a name says otherwise; sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

API_VERSION = 1
"""Version of this package's contract; a plugin may state the one it was written for."""


class Outcome(StrEnum):
    """What became of one check, or of a whole attempt."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_REACHED = "not_reached"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """One thing that an oracle, or an expired learner deadline, says is wrong.

    ``code`` is stable (``duplicate``, ``lost`` …) and is what mutants are declared against;
    ``message`` is a sentence for a beginner: topic, partition, offset, key, expected, seen,
    and the next thing to look at. ``data`` holds the same facts for machines (JSON values).
    """

    code: str
    message: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"code": self.code, "message": self.message, "data": dict(self.data)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Finding:
        return cls(str(raw["code"]), str(raw["message"]), dict(raw.get("data", {})))


class Findings(AssertionError):
    """Raised by a check to say: the learner's program is wrong, and here is how."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(f"{f.code}: {f.message}" for f in self.findings))


def expect(findings: Sequence[Finding]) -> None:
    """End the check as *failed* if there are findings.

    Raises:
        Findings: when the sequence is not empty.
    """
    if findings:
        raise Findings(findings)


@dataclass(frozen=True)
class Record:
    """One record as read back from a partition by the grader's own client.

    ``timestamp`` is the record's, in milliseconds. The batch's header facts are there when the
    record was read through the log reader: ``producer_id`` and ``producer_epoch`` are -1 for a
    batch without them (Kafka protocol, "Record Batch").
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp: int = 0
    transactional: bool = False
    producer_id: int = -1
    producer_epoch: int = -1

    @property
    def where(self) -> str:
        """``topic-partition@offset``, as messages name a record."""
        return f"{self.topic}-{self.partition}@{self.offset}"


@dataclass(frozen=True)
class CheckResult:
    """One check's outcome. ``seconds`` is wall time; ``earned`` is 0 unless passed."""

    id: str
    title: str
    outcome: Outcome
    points: int
    findings: tuple[Finding, ...] = ()
    error: str = ""
    hint: int | None = None
    """Index of the hint (from 0) that helps with this check."""
    needs: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def earned(self) -> int:
        return self.points if self.outcome is Outcome.PASSED else 0

    def to_json(self) -> dict[str, Any]:
        raw = asdict(self)
        raw["outcome"] = self.outcome.value
        raw["findings"] = [f.to_json() for f in self.findings]
        raw["needs"] = list(self.needs)
        raw["earned"] = self.earned
        return raw

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> CheckResult:
        return cls(
            id=raw["id"],
            title=raw["title"],
            outcome=Outcome(raw["outcome"]),
            points=int(raw["points"]),
            findings=tuple(Finding.from_json(f) for f in raw.get("findings", ())),
            error=raw.get("error", ""),
            hint=raw.get("hint"),
            needs=tuple(raw.get("needs", ())),
            seconds=float(raw.get("seconds", 0.0)),
        )


VERDICT_SCHEMA = 1


@dataclass(frozen=True)
class Verdict:
    """The judgement of one attempt: what ``check --json`` prints."""

    exercise: str
    language: str
    outcome: Outcome
    checks: tuple[CheckResult, ...]
    seed: int
    backend: str
    kafka_version: str
    attempt: str
    started: float
    seconds: float
    error: str = ""
    """Why the lab itself broke, and what to do; empty unless ``outcome`` is *error*."""
    notes: tuple[str, ...] = ()
    """What the harness did on its own (evicted a dead member, …), for the record."""
    exercise_version: str = ""
    """As the manifest states it; empty when it states none."""

    @property
    def points(self) -> int:
        return sum(c.points for c in self.checks)

    @property
    def earned(self) -> int:
        return sum(c.earned for c in self.checks)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": VERDICT_SCHEMA,
            "exercise": self.exercise,
            "exercise_version": self.exercise_version,
            "language": self.language,
            "outcome": self.outcome.value,
            "points": self.points,
            "earned": self.earned,
            "seed": self.seed,
            "backend": self.backend,
            "kafka_version": self.kafka_version,
            "attempt": self.attempt,
            "started": self.started,
            "seconds": self.seconds,
            "error": self.error,
            "notes": list(self.notes),
            "checks": [c.to_json() for c in self.checks],
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Verdict:
        return cls(
            exercise=raw["exercise"],
            language=raw["language"],
            outcome=Outcome(raw["outcome"]),
            checks=tuple(CheckResult.from_json(c) for c in raw["checks"]),
            seed=int(raw["seed"]),
            backend=raw["backend"],
            kafka_version=raw["kafka_version"],
            attempt=raw["attempt"],
            started=float(raw["started"]),
            seconds=float(raw["seconds"]),
            error=raw.get("error", ""),
            notes=tuple(raw.get("notes", ())),
            exercise_version=raw.get("exercise_version", ""),
        )
