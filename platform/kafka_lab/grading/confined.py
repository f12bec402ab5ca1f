"""An attempt's programs in sandboxes: one for each instance, for as long as the attempt lasts."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kafka_lab.clusters.base import Address
from kafka_lab.faults.relay import Door, Quota
from kafka_lab.grading.entrance import Entrance
from kafka_lab.grading.job import Ready
from kafka_lab.grading.site import Site
from kafka_lab.programs import own_user
from kafka_lab.programs.process import Launch, Running, unconfined
from kafka_lab.programs.sandbox.box import Box
from kafka_lab.programs.sandbox.kinds import NONE, kind_of
from kafka_lab.programs.sandbox.layout import View
from kafka_lab.programs.sandbox.limits import PROGRAM
from kafka_lab.runtime.events import EventLog
from kafka_lab.runtime.leases import Leases

_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost):(\d{1,5})\b")
_FILES = ("KAFKA_CONFIG", "_LOCATION", "_KEYTAB", "KRB5_CONFIG")
"""How the contract's variables end that name a file, for each of an attempt's clusters."""


class Confinement:
    """Makes a sandbox for each instance of the program, at its first start."""

    def __init__(
        self, ready: Ready, sites: Mapping[str, Site], leases: Leases, log: EventLog
    ) -> None:
        self._ready = ready
        self._sites = sites
        self._leases = leases
        self._log = log
        self._ends: list[Callable[[], None]] = []
        self._boxes: dict[str, Box] = {}

    def launch(self, name: str, outputs: Sequence[Path] = ()) -> Launch:
        """How the instance of this name is started; it may write to ``outputs``."""
        if self._ready.sandbox == NONE:
            return unconfined
        if self._ready.sandbox.startswith(own_user.PREFIX):
            return own_user.launcher(own_user.user_of(self._ready.sandbox))
        opened: list[Box] = []

        def start(argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> Running:
            if not opened:
                opened.append(self._open(name, env, cwd, outputs))
                self._boxes[name] = opened[0]
            return opened[0].spawn(argv, env, cwd)

        return start

    def entrance(self, name: str, port: int) -> int:
        """A loopback port of this machine that leads to a port of the instance of this name."""
        if self._ready.sandbox == NONE or self._ready.sandbox.startswith(own_user.PREFIX):
            return port  # it shares this machine's network

        def dial() -> socket.socket:
            box = self._boxes.get(name)
            if box is None:
                raise ConnectionRefusedError(f"{name} was never started")
            return box.dial(port)

        entrance = Entrance(dial)
        self._ends.append(entrance.close)
        return entrance.port

    def _open(self, name: str, env: Mapping[str, str], cwd: Path, outputs: Sequence[Path]) -> Box:
        view = View(
            reads=[Path(p) for p in self._ready.reads],
            files=_files(env),
            copies={str(cwd): cwd},
            scratch=[env["HOME"]],
            outputs=outputs,
        )
        own = self._sites[""].relay
        doors = {p: (s.relay, d) for s in list(self._sites.values()) for p, d in s.relay.ways}
        for value in env.values():
            for port in map(int, _LOOPBACK.findall(value)):
                # Not a broker's: a service's, whose protocol is not Kafka's.
                service = Door(Address("127.0.0.1", port), 0, "service", True)
                doors.setdefault(port, (own, service))
        box = Box(
            kind_of(self._ready.sandbox),
            view,
            PROGRAM,
            self._leases,
            list(doors),
            lambda what: self._exceeded(name, what),
        )
        sockets = box.open()
        self._ends.append(box.close)
        quota = Quota(
            PROGRAM.connections,
            PROGRAM.sent,
            PROGRAM.requests,
            lambda what: self._exceeded(name, what),
        )
        for (relay, door), inside in zip(doors.values(), sockets, strict=True):
            self._ends.append(relay.listen(inside, door, quota))
        self._log.write("sandbox", program=name, sandbox=self._ready.sandbox, ports=list(doors))
        return box

    def _exceeded(self, name: str, what: str) -> None:
        self._log.write("program-limit", program=name, limit=what)

    def close(self) -> None:
        """End every sandbox. Idempotent."""
        while self._ends:
            self._ends.pop()()


def _files(env: Mapping[str, str]) -> dict[str, Path]:
    """The files that the contract's variables name, with the one in which Java looks for both
    key and certificate."""
    named = [(n, Path(v)) for n, v in env.items() if n.endswith(_FILES)]
    both = [p.with_suffix(".pem") for n, p in named if n.endswith("_CERTIFICATE_LOCATION")]
    return {str(p): p for p in [*(p for _, p in named), *both] if p.is_file()}
