"""Where kafka-lab keeps things, and where its exercises lie."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

import kafka_lab
from kafka_lab.runtime.errors import LabError


def _made(path: Path, variable: str) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise LabError(
            f"cannot create the folder {path}: {e.strerror}",
            f"make it writable, or set {variable} to a folder that is",
        ) from e
    return path


def cache_dir() -> Path:
    """Downloads and builds: safe to delete at any time. ``KAFKA_LAB_CACHE`` overrides."""
    chosen = os.environ.get("KAFKA_LAB_CACHE")
    return _made(
        Path(chosen) if chosen else platformdirs.user_cache_path("kafka-lab"), "KAFKA_LAB_CACHE"
    )


def data_dir() -> Path:
    """Progress and attempts: the learner's own. ``KAFKA_LAB_HOME`` overrides."""
    chosen = os.environ.get("KAFKA_LAB_HOME")
    return _made(
        Path(chosen) if chosen else platformdirs.user_data_path("kafka-lab"), "KAFKA_LAB_HOME"
    )


def state_dir() -> Path:
    """Leases on what is running now."""
    return _made(data_dir() / "running", "KAFKA_LAB_HOME")


def scratch_root() -> Path:
    """Where clusters keep their data: memory where the machine offers it.

    A fresh cluster's data is small and short-lived; a memory file system saves its fsyncs.
    ``KAFKA_LAB_SCRATCH`` overrides.
    """
    chosen = os.environ.get("KAFKA_LAB_SCRATCH")
    if chosen:
        return _made(Path(chosen), "KAFKA_LAB_SCRATCH")
    shm = Path("/dev/shm")
    if shm.is_dir() and os.access(shm, os.W_OK):
        stat = os.statvfs(shm)
        if stat.f_bavail * stat.f_frsize > 2 << 30:
            return _made(shm / f"kafka-lab-{os.getuid()}", "KAFKA_LAB_SCRATCH")
    return _made(cache_dir() / "scratch", "KAFKA_LAB_SCRATCH")


def bundled(room: str) -> Path:
    """The folder of ``exercises``, ``solutions`` or ``graders``, in a wheel or in a checkout.

    Raises:
        LabError: when this installation has no such folder.
    """
    package = Path(kafka_lab.__file__).resolve().parent
    for candidate in (package / "_bundled" / room, package.parent.parent / room):
        if candidate.is_dir():
            return candidate
    raise LabError(f"this installation of kafka-lab has no {room}", "install kafka-lab again")
