"""An HTTP endpoint that misbehaves on command and remembers every request."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Leases
from kafka_lab.services.base import Service
from kafka_lab.services.unit import Unit


@dataclass(frozen=True)
class Behaviour:
    """One answer; ``latency`` in seconds. ``hang`` answers nothing until the endpoint stops,
    ``reset`` cuts the connection with a TCP RST. ``headers`` come beside Content-Length.
    ``act`` is called when the request is there and before any of this: to kill whoever asks, for
    one."""

    status: int = 200
    body: bytes = b"{}"
    latency: float = 0.0
    hang: bool = False
    reset: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    act: Callable[[], None] | None = None

    @property
    def shown(self) -> str:
        """What it does, as logs and events say it."""
        return "hang" if self.hang else "reset" if self.reset else str(self.status)


@dataclass(frozen=True)
class Received:
    """A request as it came, when its body was whole: ``at``, in seconds since the epoch.

    ``does`` is what was done then.
    """

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    does: Behaviour = Behaviour()


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    block_on_close = False


class HttpEndpoint(Service):
    """Lives in the process that starts it: its threads end with that process.

    Its log has a line for each request: time, method, path, size of the body, and what was done.
    """

    kind = "http"
    in_grader = True

    def __init__(self, leases: Leases, logs_folder: Path | None = None, **given: Any) -> None:
        super().__init__(leases, logs_folder, **given)
        self._scripts: dict[str, list[Behaviour]] = {}
        self._received: list[Received] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._server: _Server | None = None
        self._log_path: Path | None = None

    @classmethod
    def unavailable(cls) -> str:
        return ""

    @property
    def url(self) -> str:
        """Its address. Raises ``LabError`` when it is not running."""
        if self._server is None:
            raise LabError("the HTTP endpoint is not running", "start it first")
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

    def addresses(self) -> dict[str, str]:
        return {"url": self.url}

    def _launch(self, folder: Path) -> list[Unit]:
        self._received, self._stopped = [], threading.Event()
        self._scripts = {}
        self._log_path = self._log(folder)
        self._server = _Server(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return []

    def _answers(self) -> bool:
        return self._server is not None  # it listens from the start

    def stop(self) -> None:
        """Stop listening and let go of hanging requests; does nothing twice."""
        if self._server is not None:
            self.tell("service-stop", service=self.name)
            self._stopped.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        super().stop()

    def logs(self) -> str:
        return self._log_path.read_text() if self._log_path and self._log_path.exists() else ""

    def _write_down(self, request: Received, does: Behaviour, **more: Any) -> None:
        self.tell(
            "service-request",
            service=self.name,
            method=request.method,
            path=request.path,
            size=len(request.body),
            answer=does.shown,
            **more,
        )
        if self._log_path:
            when = datetime.fromtimestamp(request.at, UTC).isoformat(timespec="milliseconds")
            line = f"{when} {request.method} {request.path!a} {len(request.body)} {does.shown}\n"
            with contextlib.suppress(OSError), self._log_path.open("a") as log:
                log.write(line)

    def _next(self, request: Received) -> Behaviour:
        with self._lock:
            script = self._scripts.get(urlsplit(request.path).path, [Behaviour()])
            does = script.pop(0) if len(script) > 1 else script[0]
            self._received.append(replace(request, does=does))
            self._write_down(request, does)
        return does

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint, stopped = self, self._stopped

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _answer(self) -> None:
                try:
                    body = _body(self.headers.get("Transfer-Encoding"), self)
                except ValueError:
                    self.close_connection = True
                    self.send_error(400)
                    return
                request = Received(
                    time.time(), self.command, self.path, dict(self.headers.items()), body
                )
                does = endpoint._next(request)
                if does.act is not None:
                    does.act()
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
                for name, value in does.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(does.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(does.body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _answer  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                """Nothing on the terminal: ``received`` is the record."""

        return Handler


def _body(coding: str | None, handler: BaseHTTPRequestHandler) -> bytes:
    """A request's body, in chunks too (RFC 9112, 7.1). Raises ``ValueError``."""
    if not coding:
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    if coding.lower() != "chunked":
        raise ValueError(coding)
    body = b""
    while size := int(handler.rfile.readline(1024).split(b";")[0], 16):
        body += handler.rfile.read(size)
        handler.rfile.readline(1024)
    while handler.rfile.readline(65536).strip():  # trailers
        pass
    return body
