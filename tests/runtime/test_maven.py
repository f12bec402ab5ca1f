"""Locks, downloads and resolution, against a Maven repository on loopback."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.maven import (
    Artifact,
    NoSuchJar,
    fetch,
    read_lock,
    resolve,
    verify_cached,
    write_lock,
)

SHA = "a" * 64


@dataclass
class Repository:
    """What the server has, what it was asked for, and how it misbehaves."""

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """(path, Range header or nothing)"""
    corrupt_once: set[str] = field(default_factory=set)
    cut_once: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)

    def jar(self, coordinates: str, content: bytes) -> Artifact:
        artifact = Artifact.parse(coordinates, hashlib.sha256(content).hexdigest())
        self.files["/" + artifact.remote_path] = content
        return artifact

    def pom(self, coordinates: str, *dependencies: str) -> None:
        """``dependencies``: ``group:artifact:version scope [optional]``."""
        group, name, version = coordinates.split(":")
        items = ""
        for dependency in dependencies:
            where, scope, *optional = dependency.split()
            g, a, v = where.split(":")
            items += (
                f"<dependency><groupId>{g}</groupId><artifactId>{a}</artifactId>"
                f"<version>{v}</version><scope>{scope}</scope>"
                f"<optional>{'true' if optional else 'false'}</optional></dependency>"
            )
        self.files[f"/{group.replace('.', '/')}/{name}/{version}/{name}-{version}.pom"] = (
            f"<project><modelVersion>4.0.0</modelVersion><groupId>{group}</groupId>"
            f"<artifactId>{name}</artifactId><version>{version}</version>"
            f"<dependencies>{items}</dependencies></project>"
        ).encode()
        self.jar(coordinates, coordinates.encode())


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    kept = Repository()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked_range = self.headers.get("Range") or ""
            kept.asked.append((self.path, asked_range))
            content = kept.files.get(self.path)
            if self.path in kept.broken or content is None:
                self.send_response(500 if self.path in kept.broken else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            begin = int(asked_range.removeprefix("bytes=").removesuffix("-") or 0)
            if begin >= len(content) > 0:
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = content[begin:]
            if self.path in kept.corrupt_once:
                kept.corrupt_once.discard(self.path)
                body = b"?" * len(body)
            self.send_response(206 if begin else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.path in kept.cut_once:
                kept.cut_once.discard(self.path)
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("KAFKA_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KAFKA_LAB_MAVEN_REPOSITORY", f"http://127.0.0.1:{server.server_port}/")
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_lock_is_read_as_it_was_written() -> None:
    artifacts = [
        Artifact.parse("org.b:two:1.0:test", "b" * 64),
        Artifact.parse("org.a:one:2.0+x", SHA),
    ]
    text = write_lock(artifacts)
    assert text.splitlines()[0] == f"{SHA}  org.a:one:2.0+x"
    assert read_lock("# a comment\n\n" + text) == sorted(artifacts)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("org.a:one:1.0", "SHA-256"),
        (f"{SHA[:-1]}  org.a:one:1.0", "SHA-256"),
        (f"{'Z' * 64}  org.a:one:1.0", "SHA-256"),
        (f"{SHA}  org.a:one", "group:artifact:version"),
        (f"{SHA}  org.a:one:1.0:c:d", "group:artifact:version"),
        (f"{SHA}  org.a:../../../etc/passwd:1.0", "group:artifact:version"),
        (f"{SHA}  ..:one:1.0", "group:artifact:version"),
        (SHA, "group:artifact:version"),
    ],
)
def test_a_wrong_line_of_a_lock_is_named(line: str, words: str) -> None:
    with pytest.raises(ValueError, match="line 3: ") as e:
        read_lock(f"# head\n{SHA}  org.a:fine:1.0\n{line}\n")
    assert words in str(e.value)


def test_jars_are_fetched_once(repository: Repository) -> None:
    artifacts = [repository.jar(f"org.a:jar{i}:1", b"x" * i) for i in range(1, 20)]
    seen: list[tuple[int, int]] = []
    paths = fetch(artifacts, lambda done, of: seen.append((done, of)))
    assert [p.read_bytes() for p in paths] == [b"x" * i for i in range(1, 20)]
    assert seen[0] == (0, 19)
    assert seen[-1] == (19, 19)
    asked = len(repository.asked)
    assert fetch(artifacts) == paths
    assert len(repository.asked) == asked == 19
    assert not list(paths[0].parent.glob("*.part"))


def test_a_corrupt_download_is_fetched_again(repository: Repository) -> None:
    artifact = repository.jar("org.a:one:1", b"the jar")
    repository.corrupt_once.add("/" + artifact.remote_path)
    assert fetch([artifact])[0].read_bytes() == b"the jar"
    assert len(repository.asked) == 2


def test_a_jar_with_another_checksum_is_refused(repository: Repository) -> None:
    artifact = repository.jar("org.a:one:1", b"the jar")
    other = Artifact.parse("org.a:one:1", SHA)
    with pytest.raises(LabError, match=r"org\.a:one:1.*SHA-256") as e:
        fetch([other])
    assert "KAFKA_LAB_MAVEN_REPOSITORY" in e.value.fix
    assert not other.local_path.exists()
    assert fetch([artifact])[0].read_bytes() == b"the jar"


def test_an_interrupted_download_goes_on_where_it_stopped(repository: Repository) -> None:
    content = bytes(range(256)) * 4096
    artifact = repository.jar("org.a:one:1", content)
    path = "/" + artifact.remote_path
    repository.cut_once.add(path)
    assert fetch([artifact])[0].read_bytes() == content
    (first, whole), (second, rest) = repository.asked
    assert (first, whole, second) == (path, "", path)
    assert 0 < int(rest.removeprefix("bytes=").removesuffix("-")) <= len(content) // 2


def test_a_large_download_tells_how_far_it_is(repository: Repository) -> None:
    size = 5 << 20
    jar = repository.jar("g:large:1", b"x" * size)
    repository.cut_once.add("/" + jar.remote_path)
    heard: list[tuple[str, int, int]] = []
    fetch([jar], heard=lambda *facts: heard.append(facts))
    assert {(name, total) for name, _, total in heard} == {("large-1.jar", size)}
    counts = [done for _, done, _ in heard]
    assert counts == sorted(counts)
    assert len(counts) == 5
    assert counts[-1] == size


def test_what_a_killed_run_left_behind_is_used(repository: Repository) -> None:
    artifact = repository.jar("org.a:one:1", b"0123456789")
    part = artifact.local_path.with_name(artifact.local_path.name + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"01234")
    assert fetch([artifact])[0].read_bytes() == b"0123456789"
    assert repository.asked == [("/" + artifact.remote_path, "bytes=5-")]


def test_what_a_killed_run_left_behind_may_be_all_of_it(repository: Repository) -> None:
    artifact = repository.jar("org.a:one:1", b"0123456789")
    part = artifact.local_path.with_name(artifact.local_path.name + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"0123456789")
    assert fetch([artifact])[0].read_bytes() == b"0123456789"


def test_two_at_once_fetch_a_jar_once(repository: Repository) -> None:
    artifact = repository.jar("org.a:one:1", b"x" * 1_000_000)
    problems: list[BaseException] = []

    def work() -> None:
        try:
            assert fetch([artifact])[0].read_bytes() == b"x" * 1_000_000
        except BaseException as e:
            problems.append(e)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert len(repository.asked) == 1


def test_a_jar_that_is_not_there_is_named(repository: Repository) -> None:
    with pytest.raises(NoSuchJar, match=r"org\.a:none:1 is not in the Maven repository"):
        fetch([Artifact.parse("org.a:none:1", SHA)])
    assert len(repository.asked) == 1


def test_a_broken_repository_is_not_the_coordinates_fault(repository: Repository) -> None:
    artifact = repository.jar("org.a:one:1", b"x")
    repository.broken.add("/" + artifact.remote_path)
    with pytest.raises(LabError, match=r"org\.a:one:1.*500") as e:
        fetch([artifact])
    assert not isinstance(e.value, NoSuchJar)


def test_a_cached_jar_that_changed_is_found_and_deleted(repository: Repository) -> None:
    artifact = repository.jar("org.a:one:1", b"good")
    fetch([artifact])[0].write_bytes(b"evil")
    assert verify_cached([artifact]) == [artifact]
    assert fetch([artifact])[0].read_bytes() == b"good"


def test_resolution_takes_what_runs_and_nothing_else(repository: Repository) -> None:
    repository.pom(
        "org.a:root:1",
        "org.a:needed:1 compile",
        "org.a:later:1 runtime",
        "org.a:tests:1 test",
        "org.a:given:1 provided",
        "org.a:perhaps:1 compile optional",
    )
    repository.pom("org.a:needed:1", "org.a:deep:1 compile", "org.a:deeptest:1 test")
    for name in ("later", "deep", "deeptest", "tests", "given", "perhaps"):
        repository.pom(f"org.a:{name}:1")
    found = resolve(["org.a:root:1"])
    assert [a.name for a in found] == ["deep", "later", "needed", "root"]
    for a in found:
        assert a.sha256 == hashlib.sha256(a.coordinates.encode()).hexdigest()
        assert a.local_path.read_bytes() == a.coordinates.encode()
    assert not [path for path, _ in repository.asked if "perhaps" in path or "tests" in path]


def test_of_two_versions_the_nearer_wins(repository: Repository) -> None:
    repository.pom("org.a:left:1", "org.a:shared:1 compile")
    repository.pom("org.a:right:1", "org.a:middle:1 compile")
    repository.pom("org.a:middle:1", "org.a:shared:2 compile")
    repository.pom("org.a:shared:1")
    repository.pom("org.a:shared:2")
    found = resolve(["org.a:right:1", "org.a:left:1"])
    assert [a.version for a in found if a.name == "shared"] == ["1"]
    found = resolve(["org.a:right:1", "org.a:left:1", "org.a:shared:2"])
    assert [a.version for a in found if a.name == "shared"] == ["2"]


def test_a_classifier_is_another_jar(repository: Repository) -> None:
    repository.pom("org.a:one:1")
    repository.jar("org.a:one:1:test", b"its tests")
    found = resolve(["org.a:one:1", "org.a:one:1:test"])
    assert [a.coordinates for a in found] == ["org.a:one:1", "org.a:one:1:test"]


def test_a_root_that_is_not_there_is_named(repository: Repository) -> None:
    repository.pom("org.a:one:1")
    with pytest.raises(NoSuchJar, match=r"org\.a:one:2 is not in the Maven repository"):
        resolve(["org.a:one:2"])


def test_a_pom_that_cannot_be_read_never_makes_a_smaller_lock(repository: Repository) -> None:
    repository.pom("org.a:root:1", "org.a:needed:1 compile")
    repository.pom("org.a:needed:1", "org.a:deep:1 compile")
    repository.pom("org.a:deep:1")
    repository.broken.add("/org/a/needed/1/needed-1.pom")
    with pytest.raises(LabError, match=r"org\.a:needed:1"):
        resolve(["org.a:root:1"])
    repository.broken.clear()
    assert len(resolve(["org.a:root:1"])) == 3


@pytest.mark.parametrize(
    ("coordinates", "words"),
    [
        (["org.a:one:1", "org.a:one:2"], "as 1 and as 2"),
        (["org.a:one:1-SNAPSHOT"], "another jar tomorrow"),
        (["org.a:one:LATEST"], "another jar tomorrow"),
    ],
)
def test_doubtful_coordinates_are_refused(
    repository: Repository, coordinates: list[str], words: str
) -> None:
    with pytest.raises(NoSuchJar, match=words):
        resolve(coordinates)
    assert not repository.asked


def test_no_coordinates_need_no_jars(repository: Repository) -> None:
    assert resolve([]) == []
