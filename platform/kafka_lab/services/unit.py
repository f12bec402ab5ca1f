"""What a service consists of: processes of this machine, or containers."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any, Protocol

from kafka_lab.runtime.leases import Leases


class Unit(Protocol):
    """A running part of a service. ``launch`` starts it, also again after it was ended."""

    name: str

    def launch(self) -> None: ...

    def alive(self) -> bool: ...

    def end(self, number: signal.Signals = signal.SIGTERM, timeout: float = 20.0) -> None: ...

    def kill(self) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def discard(self) -> None:
        """End it for good, with all that it alone has."""

    def log_text(self) -> str: ...

    def handle(self) -> dict[str, Any]: ...


def attached(raw: Mapping[str, Any], leases: Leases) -> Unit:
    """A unit that another process launched."""
    if "container" in raw:
        from kafka_lab.services.container import Container

        return Container.from_handle(raw, leases)
    from kafka_lab.services.process import Process

    return Process.from_handle(raw, leases)
