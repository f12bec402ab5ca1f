"""What an attack is, and the scene in which it is tried: with victims of the test's own.

An attack is a program and a way to see its *effect*: a secret that it read, a process that it
killed, a limit that it passed. Tried undefended it has to have its effect, else it shows nothing;
tried in a sandbox it must not, and what it met there is part of the attack too: a program that
does nothing because it never ran, or because of something else, is no proof of a defence.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import threading
import venv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from kafka_lab.programs.process import Program

T = TypeVar("T")

BEGAN = "began"
SECONDS = 25.0
"""A program that has not ended by then is ended."""


@dataclass
class Run:
    """One trial: what the program printed, and its exit codes."""

    output: str
    exits: list[int]

    @classmethod
    def of(cls, program: Program, seconds: float) -> Run:
        """The program's one start; after so many seconds it is ended."""
        program.start()
        program.wait(seconds)
        program.kill()
        program.tail()  # its last words have arrived then
        return cls(program.output_path.read_text(errors="replace"), program.exits)

    def says(self, line: str) -> bool:
        """Whether it printed this line. (A traceback shows the code, but indented.)"""
        return line in self.output.splitlines()


@dataclass
class Try:
    """A program, and whether its effect is there after a run.

    ``met``: a regular expression for what the program says, or how it ends, where it is stopped.
    """

    code: str
    effect: Callable[[Run], bool]
    met: str
    limits: Mapping[str, int] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    python: str = ""

    @property
    def program(self) -> str:
        """The code, after a word that it runs."""
        return f"print({BEGAN!r}, flush=True)\n{self.code}"


@dataclass
class Scene:
    """A folder with other people's things, a secret, and what has to be cleared up."""

    folder: Path
    secret: str = field(default_factory=lambda: secrets.token_hex(16))
    clean: list[Callable[[], object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)

    def told(self, run: Run) -> bool:
        """The effect of all that read something: the secret is in the output."""
        return self.secret in run.output

    def file(self, name: str) -> Path:
        """Somebody's file, with the secret in it."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"secret: {self.secret}\n")
        return path

    def victim(self) -> subprocess.Popen[bytes]:
        """A process like a grader's: the secret is in its environment, and in its memory."""
        code = "import os, sys; held = os.environ['SECRET'] * 9; print('up', flush=True); input()"
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", code, f"victim-{self.secret[:8]}"],
            env={"SECRET": self.secret},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout
        process.stdout.readline()

        def end() -> None:
            process.kill()
            process.communicate()

        self.clean.append(end)
        return process

    def listener(self, family: int, address: str | tuple[str, int]) -> socket.socket:
        """Somebody's server, which tells the secret to whoever connects."""
        server = socket.socket(family)
        server.bind(address)
        server.listen(8)

        def serve() -> None:
            while True:
                try:
                    link, _ = server.accept()
                    with link:
                        link.sendall(self.secret.encode())
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()

        def end() -> None:
            server.shutdown(socket.SHUT_RDWR)
            server.close()

        self.clean.append(end)
        return server

    def environment(self) -> Path:
        """A virtual environment, as students with the same requirements share one."""
        folder = self.folder / "venv"
        venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
        return folder

    def close(self) -> None:
        for act in reversed(self.clean):
            act()


Attack = Callable[[Scene], Try]
PROBES: dict[str, Attack] = {}


def attack(what: str, by: str, name: str = "") -> Callable[[Attack], Attack]:
    """Registers a probe; ``what`` it tries and ``by`` what it is stopped, for the docs' table."""

    def register(function: Attack) -> Attack:
        PROBES[name or function.__name__.replace("_", "-")] = function
        return function

    return register


def pid_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def stopped(what: str, by: str) -> Callable[[T], T]:
    """Marks a test that shows an attack both with its effect and stopped, in every kind alike."""
    return lambda test: test
