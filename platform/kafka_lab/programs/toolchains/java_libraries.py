"""The libraries of a Java workspace: ``dependencies.txt``, its lock, and the jars themselves.

``dependencies.txt`` is the learner's: one ``group:artifact:version[:classifier]`` a line, ``#``
begins a comment. ``dependencies.lock`` follows from it and holds all jars with their SHA-256; its
first line says which content of ``dependencies.txt`` it was made for.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kafka_lab.programs.sandbox.workshop import not_allowed
from kafka_lab.programs.toolchains.base import Say
from kafka_lab.runtime.errors import BuildFailed
from kafka_lab.runtime.locks import locked
from kafka_lab.runtime.maven import Artifact, NoSuchJar, fetch, read_lock, resolve, write_lock
from kafka_lab.runtime.paths import cache_dir

LIST = "dependencies.txt"
LOCK = "dependencies.lock"
_MADE_FOR = re.compile(r"# dependencies\.txt sha256 ([0-9a-f]{64})\b")


@dataclass(frozen=True)
class Libraries:
    """The jars of a workspace, all of them in the cache.

    ``folder`` is made once for each set: ``folder/jars`` has a link to every jar.
    """

    jars: tuple[Path, ...]
    key: str
    folder: Path


def libraries(source: Path, say: Say) -> Libraries:
    """The jars that a workspace asks for; its lock is made anew if the list has changed.

    Raises:
        BuildFailed: when the list or the lock is wrong.
        LabError: when the repository cannot be reached.
    """
    try:
        artifacts = _locked_artifacts(source, say)
        jars = fetch(artifacts, lambda done, of: _say_progress(say, done, of))
    except NoSuchJar as e:
        raise BuildFailed(f"{LIST}: {e.what}: {e.fix}") from e
    key = hashlib.sha256(write_lock(artifacts).encode()).hexdigest()[:16]
    folder = cache_dir() / "builds" / "java" / f"libraries-{key}"
    _lay_links(folder, artifacts)
    return Libraries(tuple(jars), key, folder)


def allowed_libraries(source: Path, trusted: Sequence[Path], say: Say) -> Libraries:
    """The jars that a submission asks for, if the exercise's own workspaces name them all.

    Raises:
        BuildFailed: for a library that none of them names.
        LabError: when the repository cannot be reached.
    """
    lists = [(t, set(_read_list(t / LIST))) for t in trusted]
    allowed = {coordinates for _, named in lists for coordinates in named}
    wanted = set(_read_list(source / LIST))
    for coordinates in sorted(wanted - allowed):
        raise not_allowed(LIST, coordinates, sorted(allowed))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for workspace, named in lists:
            if named == wanted and (workspace / LOCK).is_file():
                shutil.copy(workspace / LOCK, folder / LOCK)
                break
        (folder / LIST).write_text("".join(f"{c}\n" for c in sorted(wanted)), "utf-8")
        return libraries(folder, say)


def _say_progress(say: Say, done: int, of: int) -> None:
    if done < of:
        say(f"fetching jars: {done} of {of}")


def digest(coordinates: Sequence[str]) -> str:
    """The SHA-256 of a list: order, white space and comments do not change it."""
    return hashlib.sha256("\n".join(sorted(set(coordinates))).encode()).hexdigest()


def _locked_artifacts(source: Path, say: Say) -> list[Artifact]:
    wanted = _read_list(source / LIST)
    if not wanted:
        return []
    try:
        text = (source / LOCK).read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    made_for = _MADE_FOR.match(text)
    if made_for and made_for[1] == digest(wanted):
        try:
            return read_lock(text)
        except ValueError as e:
            raise BuildFailed(f"{LOCK}: {e}\ndelete the file, and it will be made anew") from e
    say("finding out which jars the libraries need")
    artifacts = resolve(wanted, lambda done, of: _say_progress(say, done, of))
    _write_atomically(
        source / LOCK,
        f"# dependencies.txt sha256 {digest(wanted)}; made by kafka-lab, do not edit\n"
        + write_lock(artifacts),
        say,
    )
    return artifacts


def _read_list(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as e:
        raise BuildFailed(f"{path.name} cannot be read: {e}") from e
    wanted = []
    for number, line in enumerate(lines, 1):
        if stripped := line.split("#", 1)[0].strip():
            try:
                wanted.append(Artifact.parse(stripped).coordinates)
            except ValueError as e:
                raise BuildFailed(f"{path.name}, line {number}: {e}") from e
    return wanted


def _write_atomically(path: Path, text: str, say: Say) -> None:
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as f:
            f.write(text)
        Path(f.name).chmod(0o644)
        Path(f.name).replace(path)
    except OSError as e:  # a submission that may only be read: it is built all the same
        say(f"{path.name} could not be written ({e.strerror})")


def _lay_links(folder: Path, artifacts: Sequence[Artifact]) -> None:
    links = folder / "jars"
    if links.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix(".lock")):
        if links.exists():
            return
        with tempfile.TemporaryDirectory(dir=folder) as made:
            laid = Path(made) / "jars"
            laid.mkdir()
            for a in artifacts:
                link = laid / a.file_name
                if link.is_symlink():  # two groups may have jars of one name
                    link = laid / f"{a.group}-{a.file_name}"
                link.symlink_to(a.local_path)
            laid.rename(links)
