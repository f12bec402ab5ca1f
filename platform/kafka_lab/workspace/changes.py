"""``reset`` and ``update``: what the learner changed is never lost."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import kafka_lab
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.workspace.files import Content, delivered, digests, said, write
from kafka_lab.workspace.marker import MARKER, Workspace


class Fate(StrEnum):
    """What ``update`` did with one file."""

    UNCHANGED = "unchanged"
    ADDED = "added"
    REPLACED = "replaced"
    REMOVED = "removed"
    KEPT = "kept"
    """The learner changed it, so it stays; the new version lies beside it, if there is one."""


@dataclass(frozen=True)
class FileReport:
    """One file of an update. ``beside`` is the name of the new version, next to a kept file."""

    name: str
    fate: Fate
    beside: str | None = None


def update(workspace: Workspace, exercise: Exercise) -> list[FileReport]:
    """Bring a workspace to the exercise as it is now.

    Files as they were delivered are replaced or removed; what the learner changed or deleted is
    left, and a new version is laid beside it as ``<name>.new``. Killed in the middle, it can be
    run again.

    Raises:
        UsageError: when the exercise has no longer such a track.
        LabError: when the folder cannot be written.
    """
    files = delivered(exercise, workspace.language)
    reports = []
    with said("update the workspace", workspace.folder):
        for name in sorted(files.keys() | workspace.files.keys()):
            report = _update(workspace, name, files.get(name))
            if report is not None:
                reports.append(report)
        # Last, so that a killed update still knows what was delivered before.
        replace(workspace, kafka_lab=kafka_lab.__version__, files=digests(files)).save()
    return reports


def _update(workspace: Workspace, name: str, new: Content | None) -> FileReport | None:
    path = workspace.folder / name
    before = workspace.files.get(name)
    now = _digest(workspace.folder, name)
    if new is None:
        if now == "":
            return None
        if now == before:
            path.unlink()
            return FileReport(name, Fate.REMOVED)
        return FileReport(name, Fate.KEPT)
    if new.digest in (now, before):
        return FileReport(name, Fate.UNCHANGED)
    if now == "" and before is None:
        write(path, new.data, new.executable)
        return FileReport(name, Fate.ADDED)
    if now == before:
        write(path, new.data, new.executable)
        return FileReport(name, Fate.REPLACED)
    beside = f"{name}.new"
    if _through_link(workspace.folder, beside):
        # Beside it would be in another folder, such as the cache of environments.
        return FileReport(name, Fate.KEPT)
    write(workspace.folder / beside, new.data, new.executable)
    return FileReport(name, Fate.KEPT, beside)


def _digest(folder: Path, name: str) -> str:
    """The hash of what lies there now, ``""`` for nothing, something else for what is no file."""
    path = folder / name
    if _through_link(folder, name) or path.is_symlink():
        return "link"
    if not path.exists():
        return ""
    return Content(path.read_bytes()).digest if path.is_file() else "folder"


def _through_link(folder: Path, name: str) -> bool:
    """Whether a folder on the way to the file is a link (``.venv`` and ``lib`` are)."""
    return any((folder / parent).is_symlink() for parent in Path(name).parents)


def reset(workspace: Workspace, exercise: Exercise, now: datetime | None = None) -> Path:
    """Make the workspace as if just started; returns the backup of what it was.

    The backup lies beside it, ``<folder>.backup-<time>``. The folder itself stays, since a shell
    stands in it; so do ``.git`` and the links to the program's environment.

    Raises:
        UsageError: when the exercise has no longer such a track.
        LabError: when the folders cannot be written; the backup is whole before anything changes.
    """
    files = delivered(exercise, workspace.language)
    folder = workspace.folder
    with said("reset the workspace", folder):
        backup = _backup(folder, now or datetime.now())
        fresh = replace(workspace, kafka_lab=kafka_lab.__version__, files=digests(files))
        for path in list(folder.iterdir()):
            if path.name in (MARKER, ".git") or path.is_symlink():
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        for name, content in files.items():
            link = folder / Path(name).parts[0]
            if link.is_symlink():  # never through it, and it is not what was delivered
                link.unlink()
            write(folder / name, content.data, content.executable)
        fresh.save()
    return backup


def _backup(folder: Path, now: datetime) -> Path:
    name = f"{folder.name}.backup-{now:%Y%m%d-%H%M%S}"
    backup = folder.with_name(name)
    count = 1
    while backup.exists():
        count += 1
        backup = folder.with_name(f"{name}-{count}")
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        copy = temporary / folder.name
        shutil.copytree(
            folder, copy, symlinks=True, ignore=shutil.ignore_patterns(".git", "__pycache__")
        )
        copy.rename(backup)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return backup
