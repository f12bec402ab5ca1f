"""Programs in real sandboxes, one after another of every kind that this machine has."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from kafka_lab.programs.process import Program
from kafka_lab.programs.sandbox.box import Box
from kafka_lab.programs.sandbox.kinds import kind_of, kinds
from kafka_lab.programs.sandbox.layout import View
from kafka_lab.programs.sandbox.limits import PROGRAM
from kafka_lab.runtime.events import EventLog
from kafka_lab.runtime.leases import Leases

PYTHON = os.path.realpath(sys.executable)


def usable(name: str) -> str:
    """The kind's name; skips where it does not work, but for CI, which must have it."""
    reason = kind_of(name).why_not()
    if reason and os.environ.get("KAFKA_LAB_REQUIRE_DOCKER") == "1":
        pytest.fail(f"{name}: {reason}")
    if reason:
        pytest.skip(f"{name}: {reason}")
    return name


@pytest.fixture(params=list(kinds()))
def kind(request: pytest.FixtureRequest) -> str:
    return usable(request.param)


@pytest.fixture
def own(home: Path) -> Iterator[Leases]:
    found = Leases.open()
    yield found
    found.clear()


@dataclass
class Cell:
    """A program in a sandbox, with what belongs to it."""

    box: Box
    program: Program
    sockets: list[socket.socket]
    exceeded: list[str] = field(default_factory=list)

    def run(self, seconds: float = 30) -> int | None:
        self.program.start()
        return self.program.wait(seconds)


Confine = Callable[..., Cell]


@pytest.fixture
def confine(kind: str, tmp_path: Path, own: Leases, log: EventLog) -> Iterator[Confine]:
    """Lay out a program in a sandbox; its limits can be given."""
    made: list[Cell] = []

    def make(
        code: str,
        *,
        env: Mapping[str, str] | None = None,
        ports: Sequence[int] = (),
        **limits: Any,
    ) -> Cell:
        source = tmp_path / "source"
        source.mkdir(exist_ok=True)
        (source / "main.py").write_text(code)
        home = str(tmp_path / "home")
        exceeded: list[str] = []
        view = View(copies={str(source): source}, scratch=[home])
        told = {"HOME": home, "TMPDIR": home, "PATH": "/usr/bin:/bin", **(env or {})}
        box = Box(kind_of(kind), view, replace(PROGRAM, **limits), own, ports, exceeded.append)
        sockets = box.open()
        argv = (PYTHON, "-u", "main.py")
        out = tmp_path / "out"
        program = Program("me", argv, told, source, out, own, log, box.spawn)
        made.append(Cell(box, program, sockets, exceeded))
        return made[-1]

    yield make
    for cell in made:
        cell.program.kill()
        cell.box.close()
        for s in cell.sockets:
            s.close()
