"""Whether a service runs as a process or as a container, and of which image.

``KAFKA_LAB_SERVICES`` chooses: ``process``, ``docker``, or, unset, a process where the machine has
what that takes, and a container where it does not and a Docker engine answers.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from kafka_lab.clusters.testcontainers import images as pulling
from kafka_lab.clusters.testcontainers.where import engine_address, why_not
from kafka_lab.runtime.engine import Engine
from kafka_lab.runtime.errors import LabError, UsageError
from kafka_lab.services.base import Say

PLACEMENT = "KAFKA_LAB_SERVICES"


@dataclass(frozen=True)
class Image:
    """A service's image: the official one, unless the variable names another of its layout."""

    variable: str
    official: str

    @property
    def name(self) -> str:
        return os.environ.get(self.variable) or self.official

    def lacks(self, process: str) -> str:
        """Why the service cannot be had, or nothing; ``process`` is why not as a process."""
        chosen = placement()
        if chosen == "process" or (not chosen and not process):
            return process
        trouble = why_not()
        if not trouble:
            return ""
        if not chosen:
            return f"{process}, or start Docker"
        what, _, fix = trouble.partition(": ")
        return f"needs Docker ({what}): {fix}, or set {PLACEMENT}=process"

    def used(self, process: str) -> bool:
        """Whether the service runs as a container; ``process`` as for ``lacks``."""
        return placement() == "docker" or (not placement() and bool(process))

    def prepare(self, say: Say) -> None:
        """Pull it, if the engine has not got it. Raises ``LabError``."""
        here = engine()
        if pulling.present(here, self.name):
            return
        try:
            pulling.pull(here, self.name, lambda what, done, of: say(f"{what} ({done}/{of})"))
        except LabError as e:
            raise LabError(
                e.what,
                f"let {self.variable} name an image that can be had, or set {PLACEMENT}=process",
            ) from e


def placement() -> str:
    """``process``, ``docker`` or empty. Raises ``UsageError`` for another word."""
    chosen = os.environ.get(PLACEMENT, "")
    if chosen not in ("", "process", "docker"):
        raise UsageError(f"{PLACEMENT} is {chosen!r}", "set it to process or docker, or unset it")
    return chosen


def engine() -> Engine:
    """The Docker engine of this machine."""
    return Engine(engine_address())
