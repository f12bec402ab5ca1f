"""The files of what a student handed in: from a folder, a zip archive or a git repository.

Nothing is unpacked to disk: names and sizes are judged first, bytes are counted while they are
read. What a submission must not hold is refused by name, as its author's mistake, and is never
an error of the lab.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from kafka_lab.grading.snapshot import SIZE_LIMIT
from kafka_lab.workspace.files import Content

FILES_LIMIT = 2000
"""Files of one submission; an exercise's workspace has a dozen."""
NAME_LIMIT = 240
"""Bytes of one path."""
SKIPPED = frozenset(
    {".venv", "lib", ".git", "node_modules", "target", "__pycache__", "__MACOSX", ".DS_Store"}
)
"""What tools make beside a program. It is neither graded nor counted."""


class Refused(Exception):
    """A submission that is not looked at any further; ``code`` is a finding's."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


@dataclass
class Found:
    """Files by relative name, and when they were handed in, as far as they say it themselves."""

    files: dict[str, Content] = field(default_factory=dict)
    time: datetime | None = None
    time_from: str = ""
    size: int = 0

    def add(self, name: str, data: bytes, executable: bool) -> None:
        """Raises ``Refused`` beyond the limits."""
        self.size += len(data)
        if self.size > SIZE_LIMIT:
            raise Refused(
                "too-large",
                f"The submission holds more than {SIZE_LIMIT >> 20} MB; hand in sources only.",
            )
        if name in self.files:
            raise Refused("bad-name", f"Two files of the submission are called {shown(name)}.")
        self.files[name] = Content(data, executable)
        if len(self.files) > FILES_LIMIT:
            raise Refused("too-large", f"The submission holds more than {FILES_LIMIT} files.")

    def seen(self, when: float, source: str) -> None:
        """Keep the latest time."""
        time = datetime.fromtimestamp(when, UTC)
        if self.time is None or time > self.time:
            self.time, self.time_from = time, source


def shown(name: str) -> str:
    """A name as a message can have it."""
    return ascii(name) if len(name) <= 100 else ascii(name[:97]) + "…"


def control(name: str) -> bool:
    """Whether there is a line break or another control character in it."""
    return any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name)


def judged(name: str) -> PurePosixPath | None:
    """The path of a member; ``None`` for one that is left out.

    Raises:
        Refused: for one that leads out of the submission, or that no file should have.
    """
    if control(name):
        raise Refused(
            "bad-name", f"A path has a line break or a control character in it: {shown(name)}."
        )
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or name[1:2] == ":":
        raise Refused("path-escapes", f"A path leads out of the submission: {shown(name)}.")
    if len(name.encode()) > NAME_LIMIT:
        raise Refused("bad-name", f"A path is longer than {NAME_LIMIT} bytes: {shown(name)}.")
    return None if SKIPPED & set(path.parts) else path


def _link(name: str) -> Refused:
    return Refused(
        "link", f"{shown(name)} is a symbolic link; hand in the file that it leads to instead."
    )


def read_folder(folder: Path, among: Sequence[Path] | None = None) -> Found:
    """The files below a plain folder, or only those ``among`` its paths. Raises ``Refused``."""
    found = Found()
    for path in _walk(folder) if among is None else among:
        name = judged(path.relative_to(folder).as_posix())
        if name is None:
            continue
        if path.is_symlink():
            raise _link(str(name))
        info = path.lstat()
        if stat.S_ISDIR(info.st_mode):
            continue
        if not stat.S_ISREG(info.st_mode):
            raise Refused("no-file", f"{shown(str(name))} is a pipe, a socket or a device.")
        if found.size + info.st_size > SIZE_LIMIT:
            found.size = SIZE_LIMIT  # not read: only so that it is said
            found.add(str(name), b"x", False)
        try:
            data = path.read_bytes()
        except OSError as e:
            raise Refused("unreadable", f"{shown(str(name))} cannot be read: {e.strerror}.") from e
        found.add(str(name), data, bool(info.st_mode & 0o100))
        found.seen(info.st_mtime, "the newest file's time")
    return found


def _walk(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except OSError as e:
        raise Refused("unreadable", f"{shown(folder.name)} cannot be read: {e.strerror}.") from e
    for entry in entries:
        path = Path(entry.path)
        if entry.name in SKIPPED:
            continue
        yield path
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path)


def walk(path: Path) -> Iterator[Path]:
    """A path and everything below it; links are not followed. Raises ``Refused``."""
    yield path
    if path.is_dir() and not path.is_symlink():
        yield from _walk(path)


def read_zip(archive: Path) -> Found:
    """The files in a zip archive. Raises ``Refused``."""
    found = Found()
    try:
        found.seen(archive.stat().st_mtime, "the archive's time")
        with zipfile.ZipFile(archive) as file:
            members = file.infolist()
            if len(members) > 10 * FILES_LIMIT:
                raise Refused("too-large", f"The archive has {len(members)} members.")
            for member in members:
                _member(file, member, found)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as e:
        raise Refused(
            "bad-archive", f"{shown(archive.name)} is no zip archive that can be read: {e}."
        ) from e
    except RuntimeError as e:  # encrypted
        raise Refused("bad-archive", f"{shown(archive.name)} is encrypted.") from e
    return found


def _member(file: zipfile.ZipFile, member: zipfile.ZipInfo, found: Found) -> None:
    # ``filename`` ends at a NUL byte and has its separators changed; judge what was written.
    name = judged(member.orig_filename)
    if name is None:
        return
    mode = member.external_attr >> 16
    if stat.S_ISLNK(mode):
        raise _link(str(name))
    if member.is_dir():
        return
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise Refused("no-file", f"{shown(str(name))} is a pipe, a socket or a device.")
    room = SIZE_LIMIT - found.size
    with file.open(member) as stream:
        data = stream.read(room + 1)  # never more, whatever size its header claims
    found.add(str(name), data, bool(mode & 0o100))


# -- git ----------------------------------------------------------------------------------------


def is_repository(folder: Path) -> bool:
    """Whether a folder is a git repository, with a work tree or bare."""
    if (folder / ".git").is_dir() and not (folder / ".git").is_symlink():
        return True
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir()


def read_repository(folder: Path) -> Found:
    """The files of a repository's current commit.

    Only objects are read. Nothing is checked out, no hook, filter, monitor or transport that the
    student's configuration names is run. Raises ``Refused``.
    """
    home = folder / ".git" if (folder / ".git").is_dir() else folder
    if (home / "objects" / "info" / "alternates").exists():
        raise Refused("bad-repository", "The repository borrows objects from another one.")
    commit = _git(home, "rev-parse", "--verify", "HEAD^{commit}").decode().strip()
    found = Found()
    # Not `git log`: it would run the program that the configuration names for signatures.
    when = re.search(
        rb"^committer .* (\d+) [+-]\d{4}$", _git(home, "cat-file", "commit", commit), re.M
    )
    if when:
        found.seen(float(when[1]), "the commit's date")
    wanted: list[tuple[str, str, bool]] = []
    for line in _git(home, "ls-tree", "-r", "-z", "-l", commit).split(b"\0"):
        if not line:
            continue
        meta, _, raw = line.partition(b"\t")
        mode, kind, digest, size = meta.decode().split()
        name = judged(raw.decode("utf-8", "surrogateescape"))
        if name is None:
            continue
        if mode == "120000":
            raise _link(str(name))
        if kind != "blob":
            raise Refused("no-file", f"{shown(str(name))} is a submodule; hand in its files.")
        if not size.isdigit():
            raise Refused("bad-repository", f"{shown(str(name))} is not in the repository.")
        found.size += int(size)
        if found.size > SIZE_LIMIT or len(wanted) > FILES_LIMIT:
            found.size = SIZE_LIMIT
            found.add(str(name), b"x", False)
        wanted.append((str(name), digest, mode == "100755"))
    found.size = 0
    for name_, digest, executable in wanted:
        found.add(name_, _git(home, "cat-file", "blob", digest), executable)
    return found


def _git(home: Path, *arguments: str) -> bytes:
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_COUNT": "1",
        # The instructor reads what belongs to somebody else: on purpose.
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        # A missing object must not be fetched by a command of the student's configuration.
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
    }
    try:
        done = subprocess.run(
            ["git", "--no-replace-objects", "--no-pager", f"--git-dir={home}", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )
    except FileNotFoundError as e:
        from kafka_lab.runtime.errors import LabError

        raise LabError("git is not there", "install git, to grade repositories") from e
    except subprocess.TimeoutExpired as e:
        raise Refused("bad-repository", "git did not come to an end with it.") from e
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Refused(
            "bad-repository",
            f"git cannot read it: {shown(said[-1]) if said else 'no reason given'}.",
        )
    return done.stdout
