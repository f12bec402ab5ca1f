"""Which jars a set of Maven coordinates needs: jgo reads the POMs, this keeps it honest.

jgo 3.2.0 goes on without a dependency's dependencies when its POM cannot be read, so that a
hiccup of the network would quietly make a lock that lacks jars. Its downloader is replaced by
one that remembers such failures, keeps connections alive and never leaves half a file behind.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from jgo.maven import Dependency, MavenContext, PythonResolver

from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.maven import Artifact, NoSuchJar, repository
from kafka_lab.runtime.paths import cache_dir

if TYPE_CHECKING:
    from jgo.maven import Artifact as JgoArtifact

_TIMEOUT = 60
"""Seconds; jgo's own 10 are too few for a mirror that fetches what it has not seen yet."""

_JAR_TYPES = {"jar", "bundle", "test-jar", "ejb", "maven-plugin"}
"""Packagings whose file is a jar (Maven, "Introduction to the Build Lifecycle")."""


class _Poms(PythonResolver):
    """Downloads POMs whole or not at all, and remembers what could not be had."""

    def __init__(self) -> None:
        super().__init__()
        self._session = requests.Session()
        self._session.mount("https://", requests.adapters.HTTPAdapter(max_retries=3))
        self._session.mount("http://", requests.adapters.HTTPAdapter(max_retries=3))
        self.absent: set[str] = set()
        self.broken: dict[str, str] = {}

    def download(self, artifact: JgoArtifact) -> Path:
        """Fetch one POM into jgo's cache. Raises ``RuntimeError``, which jgo may swallow."""
        where = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
        target = artifact.cached_path
        if target is None or artifact.packaging != "pom":
            raise AssertionError(f"only POMs are downloaded by way of jgo, not {artifact}")
        url = f"{repository()}/{artifact.component.path_prefix.as_posix()}/{artifact.filename}"
        try:
            answer = self._session.get(url, timeout=_TIMEOUT)
            if answer.status_code == 404:
                self.absent.add(where)
                raise RuntimeError(f"{where} is not in the repository")
            answer.raise_for_status()
        except requests.RequestException as e:
            self.broken[where] = str(e)
            raise RuntimeError(f"{where}: {e}") from e
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as f:
            f.write(answer.content)
        Path(f.name).replace(target)
        return target


def closure(roots: Sequence[Artifact]) -> list[Artifact]:
    """The roots and all jars that they need to run, in breadth-first order, without checksums.

    Raises:
        NoSuchJar: when a root is listed in two versions, or cannot be found.
        LabError: when a POM cannot be fetched or understood.
    """
    if not roots:
        return []
    _refuse_doubtful(roots)
    poms = _Poms()
    context = MavenContext(
        resolver=poms,
        repo_cache=cache_dir() / "poms",
        remote_repos={"central": repository()},
        timeout=_TIMEOUT,
    )
    dependencies = [_as_root(context, root) for root in roots]
    trouble = ""
    needed: list[Dependency] = []
    try:
        inputs, transitive = poms.resolve(dependencies)
        needed = [*inputs, *transitive]
    except (RuntimeError, ValueError, KeyError, AssertionError, OSError) as e:
        trouble = str(e) or type(e).__name__
    _report(roots, poms, trouble)
    return list(
        dict.fromkeys(
            Artifact(a.groupId, a.artifactId, a.version, a.classifier or "")
            for d in needed
            if d.scope in ("compile", "runtime", None) and d.type in _JAR_TYPES
            for a in (d.artifact,)
        )
    )


def _refuse_doubtful(roots: Sequence[Artifact]) -> None:
    seen: dict[tuple[str, str, str], Artifact] = {}
    for root in roots:
        if root.version.endswith("-SNAPSHOT") or root.version in ("LATEST", "RELEASE"):
            raise NoSuchJar(
                f"{root.coordinates} may be another jar tomorrow", "name a released version"
            )
        other = seen.setdefault((root.group, root.name, root.classifier), root)
        if other.version != root.version:
            raise NoSuchJar(
                f"{root.group}:{root.name} is listed as {other.version} and as {root.version}",
                "keep one of the two",
            )


def _as_root(context: MavenContext, root: Artifact) -> Dependency:
    component = context.project(root.group, root.name).at_version(root.version)
    # Raw: otherwise jgo takes the root's POM for a BOM and mixes in the versions it manages.
    return Dependency(component.artifact(root.classifier, "jar"), scope="compile", raw=True)


def _report(roots: Sequence[Artifact], poms: _Poms, trouble: str) -> None:
    """Raise for what jgo met on its way, naming the coordinate. A missing POM of something that
    is not a root is let pass, as Maven does: fetching the jar will tell."""
    for root in roots:
        if f"{root.group}:{root.name}:{root.version}" in poms.absent:
            raise NoSuchJar(
                f"{root.coordinates} is not in the Maven repository",
                "check the spelling and that this version exists",
            )
    for where, why in poms.broken.items():
        raise LabError(
            f"could not read what {where} depends on: {why}",
            "check the network; behind a company mirror set KAFKA_LAB_MAVEN_REPOSITORY",
        )
    if trouble:
        names = ", ".join(root.coordinates for root in roots)
        raise LabError(f"could not resolve {names}: {trouble}", "check these coordinates")
