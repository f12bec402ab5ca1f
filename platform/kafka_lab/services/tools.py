"""Other programs of the machine: found, and run to their end."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kafka_lab.runtime.errors import LabError

_SECONDS = 60


def find(tool: str, *folders: Path) -> str:
    """The path of a program, on the path, in sbin or in these folders; empty: it is not here."""
    places = [os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"]
    return shutil.which(tool, path=os.pathsep.join([*map(str, folders), *places])) or ""


def _end(
    argv: Sequence[str], text: str, env: Mapping[str, str], **options: Any
) -> subprocess.CompletedProcess[str]:
    # Of the caller's environment nothing changes what the tools do, or how they encode.
    dropped = ("PG", "LC_", "MYSQL_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    return subprocess.run(
        argv,
        env={**kept, "LANG": "C.UTF-8", "PGCLIENTENCODING": "UTF8", **env},
        input=text,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=_SECONDS,
        check=False,
        **options,
    )


def run(
    argv: Sequence[str],
    doing: str,
    text: str = "",
    env: Mapping[str, str] | None = None,
    **options: Any,
) -> str:
    """A tool's output; ``text`` is its input. Raises ``LabError`` with its words."""
    try:
        done = _end(argv, text, env or {}, **options)
    except (OSError, subprocess.TimeoutExpired) as e:
        raise LabError(f"{doing}: {e}", "kafka-lab doctor says what is missing") from e
    if done.returncode:
        raise LabError(f"{doing}: {(done.stderr or done.stdout).strip()[-800:]}")
    return done.stdout


def complaint(argv: Sequence[str]) -> str:
    """What a checking tool says when it refuses; empty when it does not.

    Raises:
        LabError: when the tool cannot be run.
    """
    try:
        done = _end(argv, "", {})
    except (OSError, subprocess.TimeoutExpired) as e:
        raise LabError(f"{argv[0]} does not run: {e}", "kafka-lab doctor says more") from e
    return (done.stdout + done.stderr).strip() if done.returncode else ""
