"""Where strangers' programs are built: compilers read what they get, build scripts are code."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kafka_lab.programs.sandbox.box import Box, Inmate
from kafka_lab.programs.sandbox.kinds import kind_of
from kafka_lab.programs.sandbox.layout import View
from kafka_lab.programs.sandbox.limits import BUILD
from kafka_lab.runtime.errors import BuildFailed, LabError
from kafka_lab.runtime.leases import Leases
from kafka_lab.runtime.paths import cache_dir

NOT_ALLOWED = "library-not-allowed"
_WORDS = 1 << 20
"""Bytes that are kept of what a command prints."""


@dataclass(frozen=True)
class Done:
    """How a command of a build ended, and what it printed, both streams together."""

    code: int
    words: str


class Bench:
    """A sandbox in which the commands of one build run, one after another."""

    def __init__(self, box: Box, env: Mapping[str, str]) -> None:
        self._box = box
        self._env = dict(env)

    def run(self, argv: Sequence[str], cwd: Path, seconds: float, **env: str) -> Done:
        """Run a command to its end.

        Raises:
            BuildFailed: when it does not end in time.
            LabError: when the sandbox broke.
        """
        inmate = self._box.spawn(argv, self._env | env, cwd)
        end = time.monotonic() + seconds
        words = _read(inmate, end)
        try:
            code = inmate.wait(max(0.1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise BuildFailed(f"{Path(argv[0]).name} did not end within {seconds:.0f} s") from None
        return Done(code, words)


def _read(inmate: Inmate, end: float) -> str:
    kept = bytearray()
    fd = inmate.stdout.fileno()
    with inmate.stdout:
        while (left := end - time.monotonic()) > 0:
            if not select.select([fd], [], [], min(left, 1.0))[0]:
                continue
            chunk = os.read(fd, 65536)
            if not chunk:
                break
            kept += chunk[: max(0, _WORDS - len(kept))]
    return kept.decode("utf-8", "replace")


@dataclass(frozen=True)
class Workshop:
    """Builds in sandboxes of one kind. ``trusted`` are the exercise's own workspaces of the track:
    what their lists name is fetched outside, before, and is all that a submission may ask for."""

    kind: str
    trusted: Sequence[Path]
    leases: Leases

    @contextlib.contextmanager
    def bench(
        self,
        source: Path,
        reads: Sequence[Path] = (),
        files: Mapping[str, Path] | None = None,
        copies: Mapping[str, Path] | None = None,
        outputs: Sequence[Path] = (),
    ) -> Iterator[Bench]:
        """A sandbox with a copy of the source at its own place; closed at the end."""
        view = View(reads, files or {}, {str(source): source, **(copies or {})}, (), outputs)
        box = Box(kind_of(self.kind), view, BUILD, self.leases)
        box.open()
        try:
            yield Bench(box, {"HOME": "/tmp", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"})
        finally:
            box.close()

    @contextlib.contextmanager
    def output(self) -> Iterator[Path]:
        """A folder for what a build makes, deleted at the end. Trust nothing that lies in it."""
        root = cache_dir() / "builds"
        root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="tmp-", dir=root))
        lease = self.leases.tree(folder)
        try:
            made = folder / "made"
            made.mkdir()
            yield made
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lease.release()


def plain(path: Path) -> bool:
    """Whether it is an ordinary file; a link in an output may lead anywhere."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def take(made: Path, target: Path, mode: int) -> None:
    """Copy a file that a build made to where we keep it, whole or not at all.

    Raises:
        BuildFailed: when there is no such ordinary file.
    """
    if not plain(made):
        raise BuildFailed("the build made no program")
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        fd = os.open(made, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(fd, "rb") as source, temporary.open("wb") as copy:
            shutil.copyfileobj(source, copy)
        temporary.chmod(mode)
        temporary.replace(target)
    except OSError as e:
        raise LabError(f"cannot keep a built program: {e}", "make room") from e
    finally:
        temporary.unlink(missing_ok=True)


def not_allowed(file: str, wanted: str, allowed: Sequence[str]) -> BuildFailed:
    """The verdict on a library that is not on the allow-list."""
    return BuildFailed(
        f"{file} asks for {wanted}, which submissions to this exercise may not use. "
        f"They may use: {', '.join(sorted(allowed)) or 'no library'}",
        code=NOT_ALLOWED,
    )
