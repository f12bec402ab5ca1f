"""Ports on the loopback interface.

A port is taken out of the range that the kernel uses for outgoing connections, so that no
client of ours picks it by chance between reserving and binding; the relay's own ports are bound
at once and handed on as open sockets, so nobody can take them at all.
"""

from __future__ import annotations

import random
import socket

from kafka_lab.runtime.errors import LabError

_RANGE = (15_000, 32_000)
_recent: set[int] = set()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, different from the ones handed out before.

    Raises:
        LabError: when the range is exhausted.
    """
    found: list[int] = []
    chooser = random.SystemRandom()
    for _ in range(2000):
        port = chooser.randrange(*_RANGE)
        if port in _recent:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _recent.add(port)
        found.append(port)
        if len(found) == count:
            return found
    raise LabError("no free ports on the loopback interface", "end programs that hold many ports")


def listening_socket() -> socket.socket:
    """A socket that listens on a free loopback port, inheritable by a child process."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(256)
    server.set_inheritable(True)
    return server
