"""Jars from the Maven repository: resolved once into a lock, fetched by checksum ever after.

A lock file has one line per jar: ``sha256  group:artifact:version[:classifier]``. Downloads run
in parallel into ``*.part`` files, go on where an interrupted one stopped, and count only when
their checksum is right. How a lock comes about is in ``kafka_lab.runtime.poms``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.paths import cache_dir

Progress = Callable[[int, int], None]
"""Called with (files done, files in all)."""
Bytes = Callable[[str, int, int], None]
"""Called with (file's name, bytes that are here, bytes in all or 0 if unknown), after each MB."""


_PART = r"([A-Za-z0-9_][A-Za-z0-9_.+-]*)"
_COORDINATES = re.compile(f"{_PART}:{_PART}:{_PART}(?::{_PART})?(?:@(tar\\.gz))?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class NoSuchJar(LabError):
    """The coordinates cannot be right: the repository has no such jar, or they contradict."""


@dataclass(frozen=True, order=True)
class Artifact:
    """A jar by its coordinates, and the SHA-256 that its bytes must have."""

    group: str
    name: str
    version: str
    classifier: str = ""
    sha256: str = ""
    extension: str = "jar"

    @classmethod
    def parse(cls, coordinates: str, sha256: str = "") -> Artifact:
        """From ``group:artifact:version[:classifier][@tar.gz]``; without the last it is a jar.

        Raises:
            ValueError: when there are fewer than three parts, or more than four, or a part
                holds what no coordinate may (a slash would lead out of the cache).
        """
        found = _COORDINATES.fullmatch(coordinates.strip())
        if not found:
            raise ValueError(f"{coordinates!r} is not group:artifact:version[:classifier]")
        group, name, version, classifier, extension = found.groups(default="")
        return cls(group, name, version, classifier, sha256, extension or "jar")

    @property
    def coordinates(self) -> str:
        base = f"{self.group}:{self.name}:{self.version}"
        base += f":{self.classifier}" if self.classifier else ""
        return base if self.extension == "jar" else f"{base}@{self.extension}"

    @property
    def file_name(self) -> str:
        tail = f"-{self.classifier}" if self.classifier else ""
        return f"{self.name}-{self.version}{tail}.{self.extension}"

    @property
    def remote_path(self) -> str:
        return f"{self.group.replace('.', '/')}/{self.name}/{self.version}/{self.file_name}"

    @property
    def local_path(self) -> Path:
        return cache_dir() / "jars" / self.group / self.file_name


def read_lock(text: str) -> list[Artifact]:
    """Parse a lock. Raises ``ValueError`` naming the line that is wrong."""
    artifacts = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.split("#", 1)[0].strip()
        if not stripped:
            continue
        sha, _, coordinates = stripped.partition(" ")
        if not _SHA256.fullmatch(sha):
            raise ValueError(f"line {number}: a SHA-256 and coordinates are expected: {line!r}")
        try:
            artifacts.append(Artifact.parse(coordinates, sha))
        except ValueError as e:
            raise ValueError(f"line {number}: {e}") from None
    return artifacts


def write_lock(artifacts: Iterable[Artifact]) -> str:
    return "".join(f"{a.sha256}  {a.coordinates}\n" for a in sorted(artifacts))


def repository() -> str:
    """The repository's address: ``KAFKA_LAB_MAVEN_REPOSITORY``, else jgo's own default."""
    chosen = os.environ.get("KAFKA_LAB_MAVEN_REPOSITORY")
    if chosen:
        return chosen.rstrip("/")
    from jgo.constants import MAVEN_CENTRAL_URL  # slow to import, rarely needed

    return str(MAVEN_CENTRAL_URL).rstrip("/")


def _sha256(path: Path) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


_PARTIAL, _NOT_FOUND, _NOTHING_LEFT = 206, 404, 416


def _download(artifact: Artifact, heard: Bytes | None = None) -> None:
    """Fetch one jar into place. Raises ``LabError`` after three tries."""
    import requests

    target = artifact.local_path
    part = target.with_name(f"{target.name}.part")
    url = f"{repository()}/{artifact.remote_path}"
    problem = ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as f:
            # Two kafka-labs that want the same jar do not mix their bytes: the second waits,
            # then finds the jar. What an interrupted one left behind is gone on with.
            fcntl.flock(f, fcntl.LOCK_EX)
            for _ in range(3):
                if target.exists():
                    return
                try:
                    _go_on(url, f, heard and partial(heard, artifact.file_name))
                except requests.HTTPError as e:
                    problem = str(e)
                    if e.response is not None and e.response.status_code == _NOT_FOUND:
                        part.unlink(missing_ok=True)
                        raise NoSuchJar(
                            f"{artifact.coordinates} is not in the Maven repository",
                            "check the spelling and that this version exists",
                        ) from e
                except requests.RequestException as e:
                    problem = str(e)
                else:
                    seen = _sha256(part)
                    if not artifact.sha256 or seen == artifact.sha256:
                        part.replace(target)
                        return
                    problem = f"its SHA-256 is {seen}, not {artifact.sha256}"
                    f.truncate(0)
    except OSError as e:
        raise LabError(f"cannot write {part}: {e.strerror}", "make room there") from e
    raise LabError(
        f"could not fetch {artifact.coordinates}: {problem}",
        "check the network; behind a company mirror set KAFKA_LAB_MAVEN_REPOSITORY",
    )


def _go_on(url: str, part: BinaryIO, heard: Progress | None) -> None:
    """Append to ``part`` what it still lacks, or all of it if the server knows no ranges."""
    import requests

    part.flush()  # what a failed try before this one still held back
    have = os.fstat(part.fileno()).st_size
    # Identity: the bytes on the wire are the file's own, whatever the server likes to compress.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with requests.get(url, headers=headers, stream=True, timeout=(20, 60)) as answer:
        if answer.status_code == _NOTHING_LEFT:  # the checksum decides
            return
        answer.raise_for_status()
        if answer.status_code != _PARTIAL:
            part.truncate(0)
            have = 0
        length = int(answer.headers.get("Content-Length") or 0)
        total = have + length if length else 0
        # requests' own iterator, not the raw stream: only it tells a cut connection
        # in exceptions of one family.
        for chunk in answer.iter_content(1 << 16):
            part.write(chunk)
            before, have = have, have + len(chunk)
            if heard and before >> 20 != have >> 20:
                heard(have, total)
    part.flush()


def fetch(
    artifacts: Iterable[Artifact],
    progress: Progress | None = None,
    heard: Bytes | None = None,
) -> list[Path]:
    """Local paths of the jars, in the given order, after fetching those that are missing.

    ``heard`` is for few large files; it is called from several threads.

    A jar is verified when it is fetched and renamed into place only then; ``verify_cached``
    looks at all of them again.

    Raises:
        NoSuchJar: when the repository does not have one.
        LabError: when one cannot be had, after three tries.
    """
    wanted = list(artifacts)
    missing = [a for a in dict.fromkeys(wanted) if not a.local_path.exists()]
    done = len(wanted) - len(missing)
    if progress:
        progress(done, len(wanted))
    if missing:
        pool = ThreadPoolExecutor(8)
        try:
            for _ in pool.map(lambda a: _download(a, heard), missing):
                done += 1
                if progress:
                    progress(done, len(wanted))
        finally:  # after one failure, or Ctrl-C, no further download begins
            pool.shutdown(cancel_futures=True)
    return [a.local_path for a in wanted]


def verify_cached(artifacts: Iterable[Artifact]) -> list[Artifact]:
    """Delete cached jars whose checksum is wrong, and return them."""
    bad = []
    for a in artifacts:
        if a.local_path.exists() and a.sha256 and _sha256(a.local_path) != a.sha256:
            a.local_path.unlink()
            bad.append(a)
    return bad


def resolve(coordinates: Iterable[str], progress: Progress | None = None) -> list[Artifact]:
    """The transitive runtime jars of these coordinates, with their checksums, by jgo.

    All coordinates are resolved together, into one consistent set: of two versions of a jar the
    one nearer to a root wins, as in Maven. Only scopes *compile* and *runtime* count; optional
    dependencies are left out. The jars are downloaded to ``local_path`` to be hashed: this is
    for making a lock, not for each run.

    Raises:
        NoSuchJar: when the repository does not have it; the message names the coordinate.
        LabError: when the repository cannot be reached.
        ValueError: when a coordinate is malformed.
    """
    from kafka_lab.runtime.poms import closure  # jgo is slow to import, and rarely needed

    artifacts = closure([Artifact.parse(c) for c in coordinates])
    paths = fetch(artifacts, progress)
    return sorted(
        replace(a, sha256=_sha256(path)) for a, path in zip(artifacts, paths, strict=True)
    )
