"""What shape of cluster is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kafka_lab.runtime.errors import LabError

DEFAULT_VERSION = "4.3.1"
PROGRAM_PRINCIPALS = 8
"""How many SASL users for learners' programs a cluster has (``program-0`` …)."""


@dataclass(frozen=True)
class ClusterSpec:
    """The shape of a cluster.

    ``brokers`` is 1 or 3; with three, each is a process of its own and the first is the
    controller too. ``secured`` puts SASL/PLAIN on every listener and the StandardAuthorizer
    in front of everything. ``broker_config`` overrides any broker property.

    Raises:
        LabError: for a shape that no backend of this version can make.
    """

    brokers: int = 1
    version: str = DEFAULT_VERSION
    secured: bool = True
    broker_config: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.brokers not in (1, 3):
            raise LabError(
                f"a cluster of {self.brokers} brokers cannot be had yet", "ask for 1 or 3"
            )

    def to_json(self) -> dict[str, Any]:
        return {
            "brokers": self.brokers,
            "version": self.version,
            "secured": self.secured,
            "broker_config": dict(self.broker_config),
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> ClusterSpec:
        return cls(**raw)
