"""Between a program and an HTTP service: it counts what is asked, and answers in its place."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Leases
from kafka_lab.services.http_endpoint import Behaviour, HttpEndpoint, Received

TIMEOUT = 60.0
"""Seconds that the service behind has to answer."""
_OWN = {
    *("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
    *("proxy-authenticate", "proxy-authorization", "proxy-connection", "http2-settings"),
    *("content-length", "host", "expect"),
}
"""Headers about one connection only (RFC 9110, 7.6.1): each side makes its own."""


@dataclass(frozen=True)
class Exchange:
    """A request and what became of it. ``answer`` is what the program was given; ``forwarded``
    says that the service behind had the request, and answered."""

    request: Received
    answer: Behaviour
    forwarded: bool

    @property
    def path(self) -> str:
        """The request's path, without its query."""
        return urlsplit(self.request.path).path

    @property
    def ok(self) -> bool:
        """The program was given an answer, and it was none about a failure."""
        return not (self.answer.hang or self.answer.reset) and self.answer.status < 400


@dataclass
class Fault:
    """Answers that are given in place of the service's; ``left`` are still to come."""

    matches: Callable[[Received], bool]
    left: list[Behaviour]
    reaches: bool
    stays: bool
    hits: int = 0
    done: threading.Event = field(default_factory=threading.Event)
    """Set when each of its answers has been given at least once."""


class HttpGateway(HttpEndpoint):
    """Passes every request on to ``upstream``, a URL, but for those that a fault answers.

    Its own ``url`` has no path: what is asked under it is asked under that of ``upstream``. It
    lives in the grader; ``lab.gateway`` makes one for each program that is to be told apart.
    """

    kind = "gateway"

    def __init__(
        self, leases: Leases, logs_folder: Path | None = None, *, upstream: str, **given: Any
    ) -> None:
        super().__init__(leases, logs_folder, **given)
        self._upstream = urlsplit(upstream)
        self._faults: list[Fault] = []
        self._exchanges: list[Exchange] = []
        self._lost = ""

    @property
    def exchanges(self) -> list[Exchange]:
        """Every request so far with its answer, in the order of the answers.

        Raises:
            LabError: when the service behind did not answer though no fault was planned.
        """
        with self._lock:
            if self._lost:
                raise LabError(
                    f"what is behind {self.name} did not answer: {self._lost}",
                    "see its log in the attempt's folder",
                )
            return list(self._exchanges)

    def fail(
        self,
        behaviours: Sequence[Behaviour],
        matches: Callable[[Received], bool] = lambda request: True,
        *,
        reaches: bool = False,
        stays: bool = False,
    ) -> Fault:
        """Answer the next matching requests one by one so, and pass on those after them.

        ``reaches``: the service behind has the request all the same, and only its answer is lost.
        ``stays``: the last behaviour goes on until ``heal``. Of several faults the oldest counts.

        Raises:
            ValueError: without any behaviour.
        """
        if not behaviours:
            raise ValueError("a fault has at least one behaviour")
        fault = Fault(matches, list(behaviours), reaches, stays)
        with self._lock:
            self._faults.append(fault)
        return fault

    def heal(self, fault: Fault) -> None:
        """End a fault. Does nothing to one that has ended."""
        with self._lock:
            if fault in self._faults:
                self._faults.remove(fault)

    def _launch(self, folder: Path) -> list[Any]:
        self._faults, self._exchanges, self._lost = [], [], ""
        return super()._launch(folder)

    def _next(self, request: Received) -> Behaviour:
        with self._lock:
            self._received.append(request)
            fault, does = self._strike(request)
        forwarded = False
        if does is None or (fault and fault.reaches):
            try:
                answer = self._forward(request)
                forwarded = True
            except (OSError, http.client.HTTPException) as e:
                answer = Behaviour(502, f"{type(e).__name__}: {e}".encode())
            does = does or answer
        with self._lock:
            self._exchanges.append(Exchange(request, does, forwarded))
            if not forwarded and (fault is None or fault.reaches) and not self._stopped.is_set():
                self._lost = self._lost or answer.body.decode()
            self._write_down(request, does, planned=fault is not None)
            if fault and not (fault.left if not fault.stays else fault.left[1:]):
                fault.done.set()
        return does

    def _strike(self, request: Received) -> tuple[Fault | None, Behaviour | None]:
        """The fault that this request meets, if any, and what it does."""
        for fault in self._faults:
            if fault.matches(request):
                fault.hits += 1
                if fault.stays and len(fault.left) == 1:
                    return fault, fault.left[0]
                does = fault.left.pop(0)
                if not fault.left:
                    self._faults.remove(fault)
                return fault, does
        return None, None

    def _forward(self, request: Received) -> Behaviour:
        host, port = self._upstream.hostname or "", self._upstream.port
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _OWN}
        try:
            path = self._upstream.path.rstrip("/") + request.path
            body = request.body or (b"" if request.method in ("POST", "PUT", "PATCH") else None)
            connection.request(request.method, path, body, headers)
            answer = connection.getresponse()
            kept = tuple((k, v) for k, v in answer.getheaders() if k.lower() not in _OWN)
            return Behaviour(answer.status, answer.read(), headers=kept)
        finally:
            connection.close()
