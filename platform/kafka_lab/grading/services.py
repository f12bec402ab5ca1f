"""An attempt's services: the parent starts them beside cluster and build, the child attaches."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka_lab.clusters.base import Cluster
from kafka_lab.runtime.errors import LabError, UsageError
from kafka_lab.runtime.events import EventLog
from kafka_lab.runtime.leases import Leases
from kafka_lab.services.base import Service, class_of


@dataclass(frozen=True)
class ServiceOrder:
    """A service that an exercise wants. ``variables``: a program's variable → which of its
    addresses it is given."""

    name: str
    service: type[Service]
    settings: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


def refuse_missing(orders: Sequence[ServiceOrder]) -> None:
    """Raise ``UsageError`` for the first service that this machine cannot have."""
    for order in orders:
        missing = order.service.unavailable()
        if missing:
            what, _, fix = missing.partition(": ")
            raise UsageError(f"the service {order.name} {what}", fix)


class ServiceOwner:
    """The parent's side. Leases hold what it starts; ``stop`` ends it in the ordinary case."""

    def __init__(
        self,
        orders: Sequence[ServiceOrder],
        leases: Leases,
        log: EventLog | None,
        logs_folder: Path | None,
        cluster: Callable[[], Cluster],
    ) -> None:
        self._orders = list(orders)
        self.services = [
            order.service(
                leases,
                logs_folder,
                name=order.name,
                settings=order.settings,
                kafka=cluster,
                tell=log.write if log else None,
            )
            for order in orders
        ]

    def prepare(self, say: Callable[[str], None]) -> None:
        """Fetch and cache what the services need. Raises ``LabError``."""
        for service in self.services:
            service.prepare(service.settings, say)

    def begin(self, pool: Executor) -> list[Future[None]]:
        """Start each on a thread of its own; those of the grader's process are left to it."""
        return [pool.submit(_bring_up, s) for s in self.services if not s.in_grader]

    def handles(self) -> list[dict[str, Any]]:
        """What the grader's child attaches by."""
        return [
            service.handle() | {"variables": dict(order.variables)}
            for service, order in zip(self.services, self._orders, strict=True)
        ]

    def begin_all(self) -> dict[str, str]:
        """Start every one here, wait, and return the program's variables.

        Raises:
            LabError: when one cannot be started.
        """
        for service in self.services:
            _bring_up(service)
        return variables(zip(self.services, (o.variables for o in self._orders), strict=True))

    def stop(self) -> None:
        """End every one; whatever trouble that makes, the leases know of it."""
        for service in self.services:
            with contextlib.suppress(LabError, OSError):
                service.stop()

    def ways_in(self) -> list[str]:
        """A line for each on how to reach it, for ``--keep``."""
        lines = []
        for service in self.services:
            if not service.in_grader:
                where = ", ".join(f"{k} {v}" for k, v in service.addresses().items())
                lines.append(f"the service {service.name} is kept: {where}")
        return lines


def _bring_up(service: Service) -> None:
    service.start()
    service.ready()


def attach_services(
    handles: Sequence[Mapping[str, Any]], leases: Leases, log: EventLog, cluster: Cluster
) -> tuple[dict[str, Service], dict[str, str]]:
    """The child's side: services by name, and the variables that programs are given.

    Raises:
        LabError: when one that lives in this process cannot be started.
    """
    found: dict[str, Service] = {}
    for handle in handles:
        service = class_of(handle).attach(handle, leases, lambda: cluster, log.write)
        if service.in_grader:
            _bring_up(service)
        found[service.name] = service
    told = variables((found[h["name"]], h["variables"]) for h in handles)
    return found, told


def leave_services(services: Mapping[str, Service]) -> None:
    """Stop those that live in the grader's process; the others are the parent's."""
    for service in services.values():
        if service.in_grader:
            with contextlib.suppress(LabError, OSError):
                service.stop()


def variables(pairs: Any) -> dict[str, str]:
    """Variable → value, from (service, variable → name of an address).

    Raises:
        LabError: for an address that a service does not have.
    """
    told: dict[str, str] = {}
    for service, wanted in pairs:
        addresses = service.addresses()
        for variable, which in wanted.items():
            if which not in addresses:
                raise LabError(
                    f"{variable}: the service {service.name} has no {which!r}",
                    f"the manifest may name {', '.join(addresses) or 'nothing of it'}",
                )
            told[variable] = addresses[which]
    return told
