"""Builds of strangers' programs: inside, without a network, from the exercise's own libraries."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kafka_lab import wiring
from kafka_lab.programs.sandbox.workshop import NOT_ALLOWED, Workshop
from kafka_lab.programs.toolchains.base import Built, build_in
from kafka_lab.runtime.errors import BuildFailed, LabError
from kafka_lab.runtime.leases import Leases

Build = Callable[[], Built]


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    return tmp_path / "submission"


def builder(language: str, kind: str, folder: Path, own: Leases) -> Build:
    """Lays out the solution of ``transactions``; what is returned builds what it has become."""
    exercise = wiring.catalog().get("transactions")
    toolchain = wiring.toolchain(language)
    if missing := toolchain.missing():
        pytest.skip(f"lacks {missing[0].tool}")
    shutil.copytree(exercise.solution(language), folder)
    shop = Workshop(kind, exercise.workspaces(language), own)
    entry = exercise.track(language).entry
    return lambda: build_in(shop, toolchain, folder, entry, lambda text: None)


@pytest.mark.parametrize(
    "line",
    [
        "requests==2.32.0",
        "confluent-kafka==2.0.0",
        "--index-url http://localhost:1/simple",
        "-e .",
        "-r /etc/passwd",
        "confluent-kafka @ file:///tmp/x.tar.gz",
        "git+https://localhost/x.git",
        "confluent-kafka==2.16.1 ; python_version < '3'",
    ],
)
def test_python_libraries_are_those_of_the_exercise(
    line: str, kind: str, submission: Path, own: Leases
) -> None:
    build = builder("python", kind, submission, own)
    (submission / "requirements.txt").write_text(f"{line}\n")
    with pytest.raises(BuildFailed, match=r"confluent-kafka==2\.16\.1") as refused:
        build()
    assert refused.value.code == NOT_ALLOWED


def test_python_names_without_a_version_mean_the_exercise_s(
    kind: str, submission: Path, own: Leases
) -> None:
    build = builder("python", kind, submission, own)
    whole = build()
    (submission / "requirements.txt").write_text("# mine\nConfluent_Kafka  # any\n")
    assert build().argv == whole.argv


def test_a_file_that_brings_the_compiler_down(kind: str, submission: Path, own: Leases) -> None:
    build = builder("python", kind, submission, own)
    # Measured: this takes the interpreter's memory, or its stack, but not ours.
    (submission / "deep.py").write_text("x = " + "-" * 500_000 + "1\n")
    (submission / "huge.py").write_text("x = (" + "(" * 90_000 + ")" * 90_000 + ")\n")
    with pytest.raises(BuildFailed):
        build()


def test_java_libraries_are_those_of_the_exercise(kind: str, submission: Path, own: Leases) -> None:
    build = builder("java", kind, submission, own)
    with (submission / "dependencies.txt").open("a") as f:
        f.write("org.apache.commons:commons-lang3:3.14.0\n")
    with pytest.raises(BuildFailed, match="commons-lang3") as refused:
        build()
    assert refused.value.code == NOT_ALLOWED


def test_a_lock_that_was_changed_by_hand_changes_nothing(
    kind: str, submission: Path, own: Leases
) -> None:
    build = builder("java", kind, submission, own)
    whole = build()
    lock = submission / "dependencies.lock"
    lock.write_text(lock.read_text().replace("slf4j-simple:1.7.36", "slf4j-nop:1.7.36"))
    assert build().argv == whole.argv


def test_java_says_what_is_wrong(kind: str, submission: Path, own: Leases) -> None:
    build = builder("java", kind, submission, own)
    (submission / "src" / "Broken.java").write_text("class Broken { int x = ; }\n")
    with pytest.raises(BuildFailed, match=r"Broken\.java:1: error: illegal start") as refused:
        build()
    assert refused.value.code == "build-failed"


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("require golang.org/x/sync v0.10.0", "golang.org/x/sync@v0.10.0"),
        ("replace github.com/twmb/franz-go => /tmp/evil", "/tmp/evil"),
        ("replace github.com/twmb/franz-go => example.org/evil v1.0.0", "example.org/evil"),
    ],
)
def test_go_modules_are_those_of_the_exercise(
    line: str, named: str, kind: str, submission: Path, own: Leases
) -> None:
    build = builder("go", kind, submission, own)
    with (submission / "go.mod").open("a") as f:
        f.write(f"\n{line}\n")
    with pytest.raises(BuildFailed, match=named) as refused:
        build()
    assert refused.value.code == NOT_ALLOWED


def test_a_toolchain_that_cannot_do_it_says_so(kind: str, submission: Path, own: Leases) -> None:
    class Old:
        language = "cobol"

    with pytest.raises(LabError, match="cobol cannot build in a sandbox"):
        build_in(Workshop(kind, (), own), Old(), submission, "", print)  # type: ignore[arg-type]
