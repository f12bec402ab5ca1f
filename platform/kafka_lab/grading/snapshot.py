"""A copy of the learner's folder, so that saving a file does not change a running check."""

from __future__ import annotations

import shutil
from pathlib import Path

from kafka_lab.runtime.errors import LabError, UsageError

_LEFT_OUT = {".venv", "lib", ".git", "node_modules", "target", "__pycache__", ".kafka-lab.toml"}
SIZE_LIMIT = 32 << 20
"""Bytes; a workspace holds sources, not data."""


def snapshot(source: Path, target: Path) -> None:
    """Copy the program's files; links that lead out of the folder are not followed.

    Raises:
        UsageError: when the folder is too large, or not there.
        LabError: when it cannot be copied.
    """
    if not source.is_dir():
        raise UsageError(f"{source} is not a folder")
    size = 0

    def skip(folder: str, names: list[str]) -> set[str]:
        nonlocal size
        left = {n for n in names if n in _LEFT_OUT or (Path(folder) / n).is_symlink()}
        for name in set(names) - left:
            path = Path(folder) / name
            if path.is_file():
                size += path.stat().st_size
            elif not path.is_dir():
                left.add(name)  # a pipe or a device would block the copy
        if size > SIZE_LIMIT:
            raise UsageError(
                f"{source} holds more than {SIZE_LIMIT >> 20} MB",
                "keep only the program's sources in the exercise's folder",
            )
        return left

    try:
        shutil.copytree(source, target, ignore=skip)
    except (OSError, shutil.Error) as e:
        raise LabError(
            f"cannot copy {source}: {e}", "make room, and make its files readable"
        ) from e
