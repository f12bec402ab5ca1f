"""The Docker engine goes away in the middle of a check, and comes back later."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from kafka_lab.clusters.testcontainers.backend import TestcontainersBackend
from kafka_lab.runtime.engine import Engine

from .conftest import Tool

pytestmark = pytest.mark.docker


class Passage:
    """A way to the engine that can be closed: to its clients, the engine is gone then."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: list[socket.socket] = []
        self._engine = urlsplit(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")).path
        self.open()

    def open(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._engine)
                self._open += [near, far]
                for a, b in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(a, b), daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.path.unlink(missing_ok=True)
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@pytest.fixture
def passage(container_backend: TestcontainersBackend, tmp_path: Path) -> Iterator[Passage]:
    found = Passage(tmp_path / "docker.sock")
    yield found
    found.close()


def containers(home: Path) -> set[str]:
    """Containers that a kafka-lab with this home has leased and that are there."""
    leased = "".join(p.read_text() for p in (home / "running").rglob("*") if p.is_file())
    there = Engine().api.containers(all=True)
    names = {name.lstrip("/") for c in there for name in c["Names"]}
    return {name for name in names if name in leased}


def test_the_engine_dies_in_the_middle_of_a_check(tool: Tool, passage: Passage) -> None:
    tool.started()
    process = tool.begin(
        "check", "--backend", "testcontainers", DOCKER_HOST=f"unix://{passage.path}"
    )
    tool.until(lambda: "program-start" in tool.events(), 120)
    assert containers(tool.home)
    passage.close()
    done = tool.end(process, 180)
    assert done.code == 3
    assert "does not count against you" in done.out
    assert "the Docker engine does not answer any more" in done.out
    # Nothing can be removed without an engine: the lease stays until there is one again.
    assert containers(tool.home)
    passage.open()
    again = tool.run("check", "--only", "nothing")
    assert again.code == 2
    assert "cleared up what an earlier, killed kafka-lab had left" in again.err
    assert not containers(tool.home)
    assert tool.left_over() == []
