"""What the parent tells the grader's child: two JSON lines on its standard input.

The first comes at once, so that the child can import and collect while cluster and program
are still being made; the second says where they are. End of file means that the parent died.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Job:
    """What to grade. ``checks``: (id, points) as the manifest lists them."""

    exercise: str
    language: str
    grader: str
    attempt_folder: str
    leases_folder: str
    results_fd: int
    relay_fds: list[int]
    seed: int
    scale: float
    neutral: bool
    only: list[str]
    fail_fast: bool
    origin: float
    checks: list[tuple[str, int]]
    rights: dict[str, Any] | None = None
    """The manifest's ``[contract.rights]``, as ``Rights.to_json``."""

    def line(self) -> str:
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def parse(cls, line: str) -> Job:
        raw = json.loads(line)
        raw["checks"] = [(str(c), int(p)) for c, p in raw["checks"]]
        return cls(**raw)


@dataclass(frozen=True)
class Ready:
    """Cluster and program are there."""

    cluster: dict[str, Any]
    argv: list[str]
    env: dict[str, str]
    dialect: str
    source: str
    services: list[dict[str, Any]] = field(default_factory=list)
    sandbox: str = "none"
    reads: list[str] = field(default_factory=list)

    def line(self) -> str:
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def parse(cls, line: str) -> Ready:
        return cls(**json.loads(line))
