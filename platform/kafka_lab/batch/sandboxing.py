"""Which sandbox submissions run in: the one seam between batch grading and the sandbox."""

from __future__ import annotations

import os
from typing import Any

from kafka_lab import wiring
from kafka_lab.batch.build_one import UserToolchain
from kafka_lab.programs import own_user
from kafka_lab.programs.sandbox.kinds import AUTO, NONE, choose


def chosen(no_sandbox: bool, elsewhere: bool = False) -> str:
    """The kind of sandbox for a run; ``elsewhere``: each worker's own machine decides.

    Raises:
        UsageError: when this machine has none, and nobody said that it may be without.
    """
    if no_sandbox:
        return NONE
    return AUTO if elsewhere else choose(AUTO)


def options(kind: str, language: str) -> dict[str, Any]:
    """What a request is told about it, on the machine where it runs. Raises ``UsageError``."""
    if not kind.startswith(own_user.PREFIX):
        return {"sandbox": choose(kind)}
    name = own_user.user_of(kind)
    # The program's user may pass through the attempt's folders, and read nothing there.
    os.umask(0o077)
    return {"sandbox": kind, "toolchain": UserToolchain(wiring.toolchain(language), name)}
