"""Leases: what an attempt started, on disk, so that nothing outlives it.

An owner (one kafka-lab process) has a folder with one small file per process, container,
folder or network that it, or its child, started. The owner clears them at its end; if it was
killed, the next command sees that the owner is gone and clears them then. A process is known by
its pid *and* start time, so that a recycled pid is never killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from kafka_lab.runtime.paths import state_dir

_GIVE_UP = 7 * 24 * 3600.0


def start_time(pid: int) -> float | None:
    """When the process started, or ``None`` if there is none (or only a zombie).

    In seconds since boot on Linux (proc(5), ``starttime``): psutil's time since the epoch moves
    when the clock is set, and a living process would pass for a recycled pid then.
    """
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
        if fields[0] in "ZX":
            return None
        return int(fields[19]) / os.sysconf("SC_CLK_TCK")
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return float(process.create_time())
    except psutil.Error:
        return None


def same_process(pid: int, started: float) -> bool:
    seen = start_time(pid)
    return seen is not None and abs(seen - started) < 0.05


def kill_tree(pid: int, started: float) -> None:
    """SIGKILL a process and all its descendants, if it is still the same process."""
    if not same_process(pid, started):
        return
    try:
        leader = psutil.Process(pid)
        leader.suspend()  # it starts no more while its family is counted
        family = [leader, *leader.children(recursive=True)]
    except psutil.Error:
        return
    for process in family:
        with contextlib.suppress(psutil.Error):
            process.kill()


@dataclass
class Lease:
    """One thing that is running. ``release`` after it was ended."""

    path: Path

    def release(self) -> None:
        self.path.unlink(missing_ok=True)


class Leases:
    """All leases of one owner. The folder's name holds the owner's pid and start time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def open(cls) -> Leases:
        """A folder of our own, owned by this process."""
        started = start_time(os.getpid()) or 0.0
        folder = state_dir() / f"{os.getpid()}-{started:.2f}-{uuid.uuid4().hex[:6]}"
        folder.mkdir()
        return cls(folder)

    def _add(self, raw: dict[str, Any]) -> Lease:
        path = self.folder / f"{raw['kind']}-{uuid.uuid4().hex[:12]}.json"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(raw))
        temporary.replace(path)
        return Lease(path)

    def process(self, pid: int, group: bool = True, first: int = 0) -> Lease:
        """Lease a process; ``group``: it leads a process group that ends with it. ``first`` is a
        signal by which it ends within three seconds and frees what SIGKILL would not."""
        raw = {"kind": "process", "pid": pid, "started": start_time(pid) or 0.0, "group": group}
        return self._add({**raw, "first": first})

    def container(self, name: str, engine: str = "") -> Lease:
        """Lease a container by name or id, on the Docker engine at ``engine``.

        A container with a name of its own is leased before it is made: removing one that never
        came to be does no harm.
        """
        return self._add({"kind": "container", "id": name, "engine": engine})

    def network(self, name: str, engine: str = "") -> Lease:
        """Lease a network of a Docker engine; removed after all containers."""
        return self._add({"kind": "network", "id": name, "engine": engine})

    def group(self, folder: Path) -> Lease:
        """Lease a control group; removed after the processes in it."""
        return self._add({"kind": "cgroup", "path": str(folder)})

    def tree(self, folder: Path) -> Lease:
        """Lease a folder that is to be deleted."""
        return self._add({"kind": "tree", "path": str(folder)})

    def keep(self) -> None:
        """Let what is leased outlive this process: only ``clear`` ends it."""
        self.folder.rename(self.folder.with_name(f"kept-{self.folder.name}"))

    def clear(self) -> int:
        """End everything leased, then remove the folder. Returns how many leases there were.

        What cannot be ended now, because the Docker engine does not answer, stays leased for a
        later sweep.
        """
        order = {"process": 0, "container": 1, "network": 2, "cgroup": 3, "tree": 4}
        seen: set[Path] = set()
        count = 0
        # Again until there is nothing new: a child that was not killed yet may have added some.
        while entries := sorted(
            set(self.folder.glob("*.json")) - seen, key=lambda p: order[p.name.split("-")[0]]
        ):
            seen.update(entries)
            for entry in entries:
                try:
                    raw = json.loads(entry.read_text())
                except (OSError, ValueError):
                    entry.unlink(missing_ok=True)
                    continue
                count += 1
                if _end(raw) or _hopeless(entry):
                    entry.unlink(missing_ok=True)
        if not any(self.folder.glob("*.json")):
            shutil.rmtree(self.folder, ignore_errors=True)
        return count


def _hopeless(entry: Path) -> bool:
    """Whether a lease that could not be ended is so old that its engine will not come back."""
    try:
        return time.time() - entry.stat().st_mtime > _GIVE_UP
    except OSError:
        return True


def _end(raw: dict[str, Any]) -> bool:
    """End one thing; whether there is nothing left to do about it."""
    if raw["kind"] == "process":
        pid, started = int(raw["pid"]), float(raw["started"])
        alive = same_process(pid, started)
        if alive and raw.get("first"):
            _ask_to_end(pid, int(raw["first"]))
        kill_tree(pid, started)
        # The leader may be gone while its group lives on; a group's id is not reused while a
        # member lives, but with the leader gone we cannot prove whose it is: only then leave it.
        if raw.get("group") and alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        if alive:
            with contextlib.suppress(psutil.Error):
                psutil.Process(pid).wait(5)
    elif raw["kind"] in ("container", "network"):
        from kafka_lab.runtime.engine import Engine  # Docker's SDK is slow to import, rarely needed

        engine = Engine(raw.get("engine", ""), timeout=30)
        if raw["kind"] == "container":
            return engine.remove_container(raw["id"])
        return engine.remove_network(raw["id"])
    elif raw["kind"] == "cgroup":
        with contextlib.suppress(OSError):
            os.rmdir(raw["path"])
        return not os.path.exists(raw["path"])
    else:
        shutil.rmtree(raw["path"], ignore_errors=True)
    return True


def _ask_to_end(pid: int, number: int) -> None:
    """Send a signal and give the process three seconds to end; a stopped one is let go on."""
    with contextlib.suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            one.resume()
        os.kill(pid, number)
        process.wait(3)


def _owner_lives(folder: Path) -> bool:
    pid, started, *_ = folder.name.split("-")
    return same_process(int(pid), float(started))


def abandoned() -> Iterator[Leases]:
    """Leases whose owner is gone."""
    for folder in state_dir().iterdir():
        if folder.name.startswith("kept-") or not folder.is_dir():
            continue
        try:
            if not _owner_lives(folder):
                yield Leases(folder)
        except (ValueError, OSError):
            continue


def kept() -> list[Leases]:
    """What was left running on purpose."""
    return [Leases(f) for f in state_dir().iterdir() if f.name.startswith("kept-")]


def own() -> list[Leases]:
    """The leases that this process holds now, but for what is kept."""
    us = f"{os.getpid()}-"
    return [Leases(f) for f in state_dir().iterdir() if f.name.startswith(us)]


def sweep() -> int:
    """Clear what killed kafka-labs left behind; returns how many leases were cleared."""
    return sum(leases.clear() for leases in abandoned())
