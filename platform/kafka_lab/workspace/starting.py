"""Making a workspace, and finding the one that one stands in."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

import kafka_lab
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.runtime.errors import UsageError
from kafka_lab.workspace import marker
from kafka_lab.workspace.files import delivered, digests, said, write
from kafka_lab.workspace.marker import MARKER, Workspace


def start(exercise: Exercise, language: str, parent: Path) -> Workspace:
    """Make ``parent/<slug>/`` with starter, brief and marker; all of it or nothing.

    Raises:
        UsageError: when the folder is there already, or the exercise has no such track.
        LabError: when it cannot be written.
    """
    folder = parent.resolve() / exercise.slug
    files = delivered(exercise, language)
    if os.path.lexists(folder):
        raise _taken(folder, exercise.slug)
    with said(f"make {folder}", folder):
        temporary = Path(tempfile.mkdtemp(prefix=f".{exercise.slug}-", dir=folder.parent))
        try:
            # mkdtemp closes the folder to others; a workspace is an ordinary folder.
            temporary.chmod(0o777 & ~_umask())
            for name, content in files.items():
                write(temporary / name, content.data, content.executable)
            made = Workspace(
                temporary, exercise.slug, language, kafka_lab.__version__, digests(files)
            )
            made.save()
            temporary.rename(folder)
        except OSError as e:
            if e.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):  # made by another start
                raise _taken(folder, exercise.slug) from e
            raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return marker.load(folder)


def _umask() -> int:
    # There is no way to ask without setting it.
    current = os.umask(0o022)
    os.umask(current)
    return current


def _taken(folder: Path, slug: str) -> UsageError:
    if (folder / MARKER).is_file():
        return UsageError(
            f"{folder} is there already",
            f"go on in it: cd {slug}; to begin again, with a backup of it: kafka-lab reset",
        )
    return UsageError(
        f"{folder} is there already, and is no exercise of kafka-lab",
        "move it away, or run `kafka-lab start` in another folder",
    )


def find(where: Path) -> Workspace:
    """The workspace that ``where`` (a folder or file) is, or is in.

    Raises:
        UsageError: when it is in none, or the marker is broken.
    """
    if not where.exists():
        raise UsageError(f"there is no folder {where}", "see `kafka-lab list` for the exercises")
    place = where.resolve()
    for folder in (place, *place.parents):
        try:
            there = (folder / MARKER).is_file()
        except OSError:  # a folder above that may not be looked into
            continue
        if there:
            return marker.load(folder)
    below = _below(place)
    if below:
        fix = "cd into one of the exercises here: " + ", ".join(below)
    else:
        fix = "cd into a folder that `kafka-lab start` made, or start one: kafka-lab start EXERCISE"
    raise UsageError(f"{place} is not in an exercise's folder", fix)


def _below(place: Path) -> list[str]:
    try:
        return sorted(
            path.parent.name for path in place.glob(f"*/{MARKER}") if ".backup-" not in str(path)
        )[:5]
    except OSError:
        return []
