"""Control groups, where this process may make them: limits for all processes of a sandbox.

Version 1 (memory, pids and cpu are hierarchies of their own) and version 2 (one). Usually only
root may; then the sandbox's own watch and the limits of each process are all there is.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from kafka_lab.programs.sandbox.limits import Limits

_CPU_PERIOD = 100_000
_CPUS = 2


class Group:
    """A control group for one sandbox, in each hierarchy that could be had."""

    def __init__(self, folders: list[Path]) -> None:
        self.folders = folders

    def add(self, pid: int) -> None:
        """Put a process into it; its children follow. Raises ``OSError``."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(pid))

    def remove(self) -> None:
        """Remove it, once its processes are gone."""
        for folder in self.folders:
            end = time.monotonic() + 5
            while folder.exists() and time.monotonic() < end:
                try:
                    folder.rmdir()
                except OSError:
                    time.sleep(0.01)  # the kernel is still burying its processes


def create(limits: Limits) -> Group | None:
    """A new group with these limits; ``None`` where no hierarchy lets us make one."""
    name = f"kafka-lab-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    made: list[Path] = []
    for parent, settings in _parents(limits):
        folder = parent / name
        try:
            folder.mkdir()
        except OSError:
            continue
        if not _configure(folder, settings):
            with contextlib.suppress(OSError):
                folder.rmdir()
            continue
        made.append(folder)
    return Group(made) if made else None


def _configure(folder: Path, settings: dict[str, str]) -> bool:
    for key, value in settings.items():
        try:
            (folder / key.lstrip("?")).write_text(value)
        except OSError:
            if not key.startswith("?"):  # not every kernel counts swap
                return False
    return True


def _parents(limits: Limits) -> Iterator[tuple[Path, dict[str, str]]]:
    quota = str(_CPUS * _CPU_PERIOD)
    old = {
        "memory": {
            "memory.limit_in_bytes": str(limits.memory),
            "?memory.memsw.limit_in_bytes": str(limits.memory),
        },
        "pids": {"pids.max": str(limits.processes + 1)},
        "cpu": {"cpu.cfs_period_us": str(_CPU_PERIOD), "cpu.cfs_quota_us": quota},
    }
    new = {
        "memory.max": str(limits.memory),
        "?memory.swap.max": "0",
        "pids.max": str(limits.processes + 1),
        "cpu.max": f"{quota} {_CPU_PERIOD}",
    }
    for controllers, root, ours in _hierarchies():
        if controllers == ("",):
            parent = _delegating(root, ours)
            if parent is not None:
                yield parent, new
        for controller in controllers:
            if controller in old:
                yield (ours if ours.is_dir() else root), old[controller]


def _hierarchies() -> Iterator[tuple[tuple[str, ...], Path, Path]]:
    """(controllers, where it is mounted, our own group) of each; version 2 has one, named ''."""
    mounted: dict[tuple[str, ...], Path] = {}
    try:
        table = Path("/proc/self/mounts").read_text().splitlines()
        own = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in table:
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup2":
            mounted[("",)] = Path(place)
        elif kind == "cgroup":
            for option in options.split(","):
                mounted[(option,)] = Path(place)
    for line in own:
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            root = mounted.get((name,))
            if root is not None:
                yield (name,), root, root / path.strip("/")


def _delegating(root: Path, ours: Path) -> Path | None:
    """A group of version 2 that hands memory and pids on to its children."""
    for parent in (ours, ours.parent):
        if not parent.is_relative_to(root):
            continue
        try:
            offered = (parent / "cgroup.controllers").read_text().split()
            if not {"memory", "pids", "cpu"} <= set(offered):
                continue
            (parent / "cgroup.subtree_control").write_text("+memory +pids +cpu")
        except OSError:
            continue
        return parent
    return None
