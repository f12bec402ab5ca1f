"""A Docker engine: reaching it, what its refusals mean, and removing what runs on it.

The SDK is imported when an engine is first talked to, and not before: most commands never do.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

from kafka_lab.runtime.errors import LabError

_TIMEOUT = 60.0


class Engine:
    """The engine at an address as in ``DOCKER_HOST``; empty: where the SDK looks by itself.

    Threads may share it: each has a connection of its own.
    """

    def __init__(self, address: str = "", timeout: float = _TIMEOUT) -> None:
        self.address = address
        self._timeout = timeout
        self._local = threading.local()

    @property
    def api(self) -> Any:
        """This thread's ``docker.APIClient``. Raises what ``trouble`` translates."""
        found = getattr(self._local, "api", None)
        if found is None:
            import docker

            chosen = {"DOCKER_HOST": self.address} if self.address else {}
            client = docker.from_env(timeout=self._timeout, environment={**os.environ, **chosen})
            found = self._local.api = client.api
        return found

    def remove_container(self, name: str) -> bool:
        """Kill and remove a container with its own volumes; whether it is certain to be gone."""
        return self._remove(lambda api: api.remove_container(name, force=True, v=True))

    def remove_network(self, name: str) -> bool:
        """Remove a network; whether it is certain to be gone."""
        return self._remove(lambda api: api.remove_network(name))

    def _remove(self, removal: Any) -> bool:
        from docker.errors import APIError, NotFound

        end = time.monotonic() + 15
        try:
            while time.monotonic() < end:
                try:
                    removal(self.api)
                except NotFound:
                    return True
                except APIError as e:
                    # 409: somebody else is removing it already; 403: a network's last container
                    # has not left it yet. Both pass; nothing announces it, so it is asked again.
                    if e.status_code not in (403, 409):
                        return False
                    time.sleep(0.05)
                else:
                    return True
        except refusals():
            pass
        return False


def refusals() -> tuple[type[Exception], ...]:
    """Everything that talking to an engine may raise."""
    from docker.errors import DockerException
    from urllib3.exceptions import HTTPError

    return (DockerException, HTTPError, OSError)  # requests' own errors are OSErrors


@contextlib.contextmanager
def trouble(doing: str) -> Iterator[None]:
    """Turn an engine's refusal, or its silence, into a ``LabError`` that says what was tried."""
    try:
        yield
    except refusals() as e:
        from docker.errors import APIError

        if isinstance(e, APIError):
            raise LabError(
                f"the Docker engine refused: {doing}: {e.explanation or e}",
                "kafka-lab doctor says what works here; KAFKA_LAB_BACKEND=embedded needs no Docker",
            ) from e
        raise LabError(
            f"the Docker engine does not answer any more: {doing}: {e}",
            "start it again, or set KAFKA_LAB_BACKEND=embedded",
        ) from e
