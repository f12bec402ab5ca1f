"""A port of this machine that leads to a port on which a sandboxed program listens."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

from kafka_lab.clusters.ports import listening_socket

_CHUNK = 1 << 16


class Entrance:
    """Takes connections on a loopback port, and makes one more by ``dial`` for each.

    ``dial`` raises ``OSError`` where nobody listens; the connection is cut then, which is as near
    to a refusal as one gets after it was taken.
    """

    def __init__(self, dial: Callable[[], socket.socket]) -> None:
        self._dial = dial
        self._server = listening_socket()
        self._held: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closed = False
        threading.Thread(target=self._accept, name="entrance", daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.getsockname()[1])

    def _accept(self) -> None:
        while True:
            try:
                outer, _ = self._server.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(outer,), daemon=True).start()

    def _serve(self, outer: socket.socket) -> None:
        with contextlib.suppress(OSError), outer, self._dial() as inner:
            with self._lock:
                if self._closed:
                    return
                self._held |= {outer, inner}
            back = threading.Thread(target=_pump, args=(inner, outer), daemon=True)
            back.start()
            _pump(outer, inner)
            back.join()
            with self._lock:
                self._held -= {outer, inner}

    def close(self) -> None:
        """Take no more connections, and end those that there are. Idempotent."""
        with self._lock:
            self._closed = True
            held = [self._server, *self._held]
        for one in held:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._server.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Bytes from one to the other until it ends, and then the end itself."""
    with contextlib.suppress(OSError):
        while chunk := source.recv(_CHUNK):
            target.sendall(chunk)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
