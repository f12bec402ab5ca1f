"""Which sandbox submissions run in: the one seam between batch grading and the sandbox."""

from __future__ import annotations

import dataclasses
from typing import Any

from kafka_lab.grading.attempt import Request
from kafka_lab.runtime.errors import UsageError

NONE = "none"
_HAS_SANDBOX = any(f.name == "sandbox" for f in dataclasses.fields(Request))


def chosen(no_sandbox: bool) -> str:
    """The kind of sandbox for a run.

    Raises:
        UsageError: when this machine has none, and nobody said that it may be without.
    """
    if no_sandbox:
        return NONE
    raise UsageError(
        "submissions would run with your rights: there is no sandbox in this version",
        "on a machine that has nothing on it which students may not see, say --no-sandbox",
    )


def options(kind: str) -> dict[str, Any]:
    """What a request is told about it."""
    return {"sandbox": kind} if _HAS_SANDBOX else {}
