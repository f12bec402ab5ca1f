"""A stand-in for a broker that knows just enough to be asked for rules by ``kafka-acls.sh``.

It is there to train an AOT cache: a tool loads its classes when it talks to somebody, and there is
no cluster yet when tools are prepared. It keeps nothing and says yes to everything.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

from kafka.protocol.admin.acl import (
    CreateAclsRequest,
    CreateAclsResponse,
    DescribeAclsRequest,
    DescribeAclsResponse,
)
from kafka.protocol.metadata import (
    ApiVersionsRequest,
    ApiVersionsResponse,
    MetadataRequest,
    MetadataResponse,
)
from kafka.protocol.sasl import (
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
    SaslHandshakeRequest,
    SaslHandshakeResponse,
)

# Api → the one version that is offered: the newest whose answer has a plain header and body.
_OFFERED = {
    MetadataRequest.API_KEY: 8,
    SaslHandshakeRequest.API_KEY: 1,
    ApiVersionsRequest.API_KEY: 2,
    DescribeAclsRequest.API_KEY: 1,
    CreateAclsRequest.API_KEY: 1,
    SaslAuthenticateRequest.API_KEY: 1,
}
_UNSUPPORTED_VERSION = 35


@contextlib.contextmanager
def stand_in() -> Iterator[int]:
    """The port on which it listens, until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        threading.Thread(target=_accept, args=(server, port), daemon=True).start()
        yield port
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, port: int) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            threading.Thread(target=_serve, args=(connection, port), daemon=True).start()


def _serve(connection: socket.socket, port: int) -> None:
    with connection, contextlib.suppress(Exception), connection.makefile("rb") as lines:
        connection.settimeout(60)
        asked = set()
        while len(size := lines.read(4)) == 4:
            request = lines.read(*struct.unpack(">i", size))
            key, version, correlation = struct.unpack_from(">hhi", request)
            asked.add(key)
            added = CreateAclsRequest.API_KEY in asked
            body = struct.pack(">i", correlation) + _answer(key, version, port, added)
            connection.sendall(struct.pack(">i", len(body)) + body)


def _answer(key: int, version: int, port: int, added: bool) -> bytes:
    if key == ApiVersionsRequest.API_KEY:
        kind = ApiVersionsResponse.ApiVersion
        keys = [kind(api_key=k, min_version=v, max_version=v) for k, v in _OFFERED.items()]
        known = version <= _OFFERED[key]
        return _encoded(
            ApiVersionsResponse(
                version=version if known else 0,
                error_code=0 if known else _UNSUPPORTED_VERSION,
                api_keys=keys,
                throttle_time_ms=0,
            )
        )
    if key == SaslHandshakeRequest.API_KEY:
        return _encoded(SaslHandshakeResponse(version=1, error_code=0, mechanisms=["PLAIN"]))
    if key == SaslAuthenticateRequest.API_KEY:
        return _encoded(
            SaslAuthenticateResponse(
                version=1,
                error_code=0,
                error_message=None,
                auth_bytes=b"",
                session_lifetime_ms=0,
            )
        )
    if key == MetadataRequest.API_KEY:
        broker = MetadataResponse.MetadataResponseBroker(
            node_id=1, host="127.0.0.1", port=port, rack=None
        )
        return _encoded(
            MetadataResponse(
                version=8,
                throttle_time_ms=0,
                brokers=[broker],
                cluster_id="stand-in",
                controller_id=1,
                topics=[],
            )
        )
    if key == CreateAclsRequest.API_KEY:
        result = CreateAclsResponse.AclCreationResult(error_code=0, error_message=None)
        return _encoded(CreateAclsResponse(version=1, throttle_time_ms=0, results=[result]))
    return _encoded(_rules(added))


def _rules(added: bool) -> Any:
    """No rule before one was added, and that one after it: the tool looks before and after."""
    resource = DescribeAclsResponse.DescribeAclsResource
    rule = resource.AclDescription(principal="User:a", host="*", operation=3, permission_type=3)
    return DescribeAclsResponse(
        version=1,
        throttle_time_ms=0,
        error_code=0,
        error_message=None,
        resources=[resource(resource_type=2, resource_name="t", pattern_type=3, acls=[rule])]
        if added
        else [],
    )


def _encoded(response: Any) -> bytes:
    return bytes(response.encode())
