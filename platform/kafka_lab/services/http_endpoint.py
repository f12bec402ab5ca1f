"""An HTTP endpoint that misbehaves on command and remembers every request."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Behaviour:
    """One answer; ``latency`` in seconds. ``hang`` answers nothing until the endpoint stops,
    ``reset`` cuts the connection with a TCP RST."""

    status: int = 200
    body: bytes = b"{}"
    latency: float = 0.0
    hang: bool = False
    reset: bool = False


@dataclass(frozen=True)
class Received:
    """A request as it came; ``at`` in seconds since the epoch."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    block_on_close = False


class HttpEndpoint:
    """Lives in the process that starts it: its threads end with that process."""

    def __init__(self) -> None:
        self._scripts: dict[str, list[Behaviour]] = {}
        self._received: list[Received] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        """Its address. Raises ``RuntimeError`` when it is not running."""
        if self._server is None:
            raise RuntimeError("the HTTP endpoint is not running")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def received(self) -> list[Received]:
        """Every request so far, in the order in which their bodies were complete."""
        with self._lock:
            return list(self._received)

    def script(self, path: str, behaviours: Sequence[Behaviour]) -> None:
        """Answer requests to this path (without query) one by one so; the last one stays.

        Raises:
            ValueError: without any behaviour.
        """
        if not behaviours:
            raise ValueError("a script has at least one behaviour")
        with self._lock:
            self._scripts[path] = list(behaviours)

    def start(self) -> None:
        """Listen on a free port, with no request on record. Raises ``RuntimeError`` if it does."""
        if self._server is not None:
            raise RuntimeError("the HTTP endpoint is already running")
        self._received, self._stopped = [], threading.Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening and let go of hanging requests; does nothing twice."""
        if self._server is not None:
            self._stopped.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _next(self, request: Received) -> Behaviour:
        with self._lock:
            self._received.append(request)
            script = self._scripts.get(urlsplit(request.path).path, [Behaviour()])
            return script.pop(0) if len(script) > 1 else script[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint, stopped = self, self._stopped

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Received(
                    time.time(), self.command, self.path, dict(self.headers.items()), body
                )
                does = endpoint._next(request)
                if (does.hang and stopped.wait()) or stopped.wait(does.latency):
                    self.close_connection = True
                    return
                if does.reset:
                    linger = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    # The two files hold the socket open; its last close sends the RST.
                    self.rfile.close()
                    self.connection.close()
                    self.close_connection = True
                    return
                self.send_response(does.status)
                self.send_header("Content-Length", str(len(does.body)))
                self.end_headers()
                self.wfile.write(does.body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                """Nothing on the terminal: ``received`` is the record."""

        return Handler
