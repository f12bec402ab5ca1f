"""Which Docker engine is used, and whether it can be."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from kafka_lab.runtime.engine import Engine, refusals

_PING = 0.8
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def engine_address() -> str:
    """Where testcontainers finds the engine (its properties file, ``DOCKER_HOST``, the context).

    Empty when it leaves that to Docker's SDK.
    """
    from testcontainers.core.docker_client import get_docker_host

    return get_docker_host() or ""


def why_not() -> str:
    """Why no engine can be used here; empty if one can. Takes less than a second."""
    if _nowhere():
        return "no Docker engine is here: install and start Docker"
    address = engine_address()
    place = urlsplit(address)
    if place.scheme in ("tcp", "http", "https", "ssh") and place.hostname not in _LOOPBACK:
        return (
            f"the Docker engine at {address} is on another machine, and brokers are published "
            "on its loopback interface only: unset DOCKER_HOST to use one on this machine"
        )
    try:
        Engine(address, timeout=_PING).api.ping()
    except refusals() as e:
        reason = " ".join(str(e).split())
        fix = "start Docker"
        if "Permission denied" in reason:
            fix = "add yourself to the group docker, then log in again"
        return f"no Docker engine answers: {fix} ({reason[:200]})"
    return ""


def _nowhere() -> bool:
    """Whether nothing at all points to an engine: said without importing Docker's SDK."""
    home = Path.home()
    named = any(os.environ.get(name) for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"))
    files = (
        Path("/var/run/docker.sock"),
        home / ".docker" / "config.json",
        home / ".testcontainers.properties",
    )
    return not named and not any(f.exists() for f in files)
