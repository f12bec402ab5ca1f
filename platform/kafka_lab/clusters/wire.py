"""Raw Kafka requests over one blocking connection.

For what no client library offers, or offers too slowly: readiness probes every few
milliseconds, evicting a dead member, reading a log with its batch headers and markers.
Encoding and decoding are kafka-python's, generated from Kafka's own message schemas.
"""

from __future__ import annotations

import socket
import ssl
import struct
from types import TracebackType
from typing import Any

from kafka.protocol.api_message import ApiMessage
from kafka.protocol.sasl import (
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
    SaslHandshakeRequest,
    SaslHandshakeResponse,
)

from kafka_lab.clusters.scram import ScramClient


class WireError(OSError):
    """The connection broke, or the broker refused it."""


class Wire:
    """A connection to one broker, authenticated with SASL if credentials are given.

    ``mechanism`` is ``PLAIN`` or a SCRAM one; ``tls`` makes it a TLS connection, with a client's
    certificate where the context has one. ``timeout`` (seconds) bounds connecting and each
    request. Not safe for several threads.

    Raises:
        WireError: when the broker cannot be reached or refuses the credentials.
    """

    def __init__(
        self,
        host: str,
        port: int,
        username: str | None = None,
        password: str = "",
        timeout: float = 5.0,
        mechanism: str = "PLAIN",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._correlation = 0
        try:
            self._socket = socket.create_connection((host, port), timeout=timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                self._socket = tls.wrap_socket(self._socket, server_hostname=host)
        except OSError as e:
            raise WireError(f"{host}:{port}: {e}") from e
        if username is not None:
            try:
                self._authenticate(username, password, mechanism)
            except BaseException:
                self.close()
                raise

    def _authenticate(self, username: str, password: str, mechanism: str) -> None:
        hello = self.call(
            SaslHandshakeRequest(version=1, mechanism=mechanism), SaslHandshakeResponse
        )
        if hello.error_code:
            raise WireError(f"SASL handshake refused: error {hello.error_code}")
        if mechanism == "PLAIN":
            self._say(b"\0" + username.encode() + b"\0" + password.encode())
            return
        scram = ScramClient(username, password, mechanism)
        if not scram.verified(self._say(scram.final(self._say(scram.first())))):
            raise WireError("SASL authentication: the broker does not know the password")

    def _say(self, token: bytes) -> bytes:
        answer = self.call(
            SaslAuthenticateRequest(version=2, auth_bytes=token), SaslAuthenticateResponse
        )
        if answer.error_code:
            raise WireError(f"SASL authentication refused: {answer.error_message}")
        return bytes(answer.auth_bytes)

    def call(self, request: ApiMessage, response: type[ApiMessage]) -> Any:
        """Send one request and return its decoded response.

        Raises:
            WireError: when the connection breaks or times out.
        """
        self._correlation += 1
        request.with_header(correlation_id=self._correlation, client_id="kafka-lab")
        try:
            self._socket.sendall(request.encode(header=True, framed=True))
            (size,) = struct.unpack(">i", self._exactly(4))
            body = self._exactly(size)
        except OSError as e:
            raise WireError(str(e)) from e
        return response.decode(body, version=request.API_VERSION, header=True)

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            chunk = self._socket.recv(size - len(data))
            if not chunk:
                raise WireError("the broker closed the connection")
            data += chunk
        return bytes(data)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
