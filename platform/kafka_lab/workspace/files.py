"""Files of a workspace: read, hashed, and written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kafka_lab.exercises.exercise import Exercise
from kafka_lab.runtime.errors import LabError

README = "README.md"
IGNORE = ".gitignore"
_LEFT_BY_TOOLS = frozenset({"__pycache__", ".venv", "node_modules", "target", ".DS_Store", ".git"})
_GITIGNORE = b"""\
# Links to the program's environment and what builds leave behind.
/.venv
/lib
/kafka-tools
/node_modules
/target
/bin
__pycache__/
*.class
*.new
"""


@dataclass(frozen=True)
class Content:
    """A file's bytes, and whether it may be executed."""

    data: bytes
    executable: bool = False

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def delivered(exercise: Exercise, language: str) -> dict[str, Content]:
    """What a fresh workspace holds: the starter, the brief, ``.gitignore``; by relative name.

    Links and what tools leave in a starter's folder are not delivered.

    Raises:
        UsageError: when the exercise has no such track.
        LabError: when the starter cannot be read.
    """
    starter = exercise.starter(language)
    files: dict[str, Content] = {IGNORE: Content(_GITIGNORE)}
    with said("read the starter", starter):
        for path in _walk(starter):
            executable = bool(path.stat().st_mode & 0o100)
            files[path.relative_to(starter).as_posix()] = Content(path.read_bytes(), executable)
        if exercise.guide.is_file():
            files[README] = Content(exercise.guide.read_bytes())
    return files


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or path.name in _LEFT_BY_TOOLS:
            continue
        if path.is_dir():
            yield from _walk(path)
        elif path.is_file():
            yield path


def digests(files: Mapping[str, Content]) -> dict[str, str]:
    return {name: content.digest for name, content in files.items()}


def write(path: Path, data: bytes, executable: bool = False) -> None:
    """Replace a file in one step, keeping the umask; folders are made as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    mode = 0o777 if executable else 0o666
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def said(doing: str, path: Path) -> Iterator[None]:
    """Turn an ``OSError`` into words: no space, no permission, whatever it was."""
    try:
        yield
    except OSError as e:
        where = e.filename or path
        fixes = {
            errno.ENOSPC: "free some space and try again",
            errno.EDQUOT: "free some space and try again",
            errno.EACCES: "make it writable for you, or go to another folder",
            errno.EPERM: "make it writable for you, or go to another folder",
            errno.EROFS: "go to a folder on a disk that can be written",
        }
        raise LabError(
            f"cannot {doing}: {where}: {e.strerror or e}",
            fixes.get(e.errno or 0, "see that the folder can be read and written"),
        ) from e
