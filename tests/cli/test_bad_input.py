"""What users, disks and machines do wrong: words and a fix, never a traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import PLUGIN, Tool


def broken_plugin(folder: Path, old: str, new: str) -> Path:
    copy = folder / "broken"
    shutil.copytree(PLUGIN, copy)
    manifest = copy / "echo/exercise.toml"
    assert old in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(old, new))
    return copy


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("section = 1", 'section = "one"', ("exercise.toml:3", "section", "'one'")),
        ("minutes = 5", "minuts = 5", ("minuts", "did you mean minutes?")),
        ('title = "Echo"', 'title = "Echo', ("exercise.toml:2",)),
        ('id = "keeps_keys"', 'id = "copies"', ("copies", "checks[1].id")),
    ],
)
def test_a_broken_manifest(
    tool: Tool,
    tmp_path: Path,
    plugins: Callable[..., None],
    old: str,
    new: str,
    words: tuple[str, ...],
) -> None:
    plugins(broken_plugin(tmp_path, old, new))
    # The list goes on without it, and says so.
    done = tool.call("list")
    assert done.code == 0
    assert "transactions" in done.out
    assert "! echo" in done.err
    for command in (["start", "echo"], ["check", "--solution", "echo"]):
        done = tool.call(*command)
        assert done.code == 3
        assert all(word in done.err for word in words)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 kB that is all but full."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, leave: int = 0) -> None:
    """Write until the disk is full, then make room for ``leave`` bytes."""
    (folder / "room").write_bytes(b"x" * leave)
    with (folder / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    (folder / "room").unlink()


@pytest.mark.parametrize(
    "args", [["check", "--solution", "echo"], ["progress"], ["list"], ["hint", "echo"]]
)
def test_no_space_at_all(tool: Tool, tiny_disk: Path, args: list[str]) -> None:
    fill(tiny_disk)
    done = tool.run(*args, KAFKA_LAB_HOME=str(tiny_disk))
    assert done.code == 3
    assert "space" in done.said.lower() or "make room" in done.said


def test_no_space_in_the_middle(tool: Tool, tiny_disk: Path) -> None:
    fill(tiny_disk, leave=80_000)
    done = tool.run("check", "--solution", "echo", KAFKA_LAB_HOME=str(tiny_disk))
    assert done.code == 3
    assert "space" in done.said.lower() or "make room" in done.said
    assert tool.left_over() == []


def test_no_space_for_the_cluster(tool: Tool, tiny_disk: Path) -> None:
    fill(tiny_disk, leave=24_000)
    done = tool.run("check", "--solution", "echo", KAFKA_LAB_SCRATCH=str(tiny_disk))
    assert done.code == 3
    assert "space" in done.said.lower()
    assert [p.name for p in tiny_disk.iterdir()] == ["filler"]
    assert tool.left_over() == []


def test_no_space_for_a_workspace(tool: Tool, tiny_disk: Path) -> None:
    fill(tiny_disk)
    tool.folder = tiny_disk
    done = tool.call("start", "transactions")
    assert done.code == 3
    assert "free some space" in done.err
    assert not (tiny_disk / "transactions").exists()


@pytest.mark.parametrize("variable", ["KAFKA_LAB_HOME", "KAFKA_LAB_CACHE", "KAFKA_LAB_SCRATCH"])
def test_a_folder_that_cannot_be_made(tool: Tool, tmp_path: Path, variable: str) -> None:
    # Below a file nobody can make a folder, root neither.
    (tmp_path / "file").touch()
    done = tool.run("check", "--solution", "echo", **{variable: str(tmp_path / "file/below")})
    assert done.code == 3
    assert "cannot create the folder" in done.said
    assert f"set {variable}" in done.said


def test_a_home_that_may_only_be_read(tool: Tool, tiny_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    for args in (["list"], ["progress"], ["check", "--solution", "echo"], ["cluster", "up"]):
        done = tool.run(*args, KAFKA_LAB_HOME=str(tiny_disk))
        assert done.code == 3
        assert "KAFKA_LAB_HOME" in done.said


def test_without_a_runtime_for_brokers(tool: Tool) -> None:
    done = tool.run("check", "--solution", "echo", KAFKA_LAB_JAVA="/no/such/java")
    assert done.code == 2
    assert "KAFKA_LAB_JAVA names /no/such/java" in done.err
    assert "or unset it" in done.err


def test_with_a_runtime_that_is_none(tool: Tool) -> None:
    done = tool.run("check", "--solution", "echo", KAFKA_LAB_JAVA="/bin/false")
    assert done.code in (2, 3)
    assert "/bin/false does not run" in done.said
    assert tool.left_over() == []


def test_without_a_compiler_for_the_java_track(tool: Tool, tmp_path: Path) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()
    tool.env.pop("JAVA_HOME", None)
    done = tool.run("check", "--solution", "transactions", "-l", "java", PATH=str(empty))
    assert done.code == 3
    assert "javac 17 or newer" in done.out
    assert "install a JDK" in done.out
    assert tool.left_over() == []


def test_a_nonsense_time_scale(tool: Tool) -> None:
    done = tool.run("check", "--solution", "echo", KAFKA_LAB_TIME_SCALE="fast")
    assert done.code == 3
    assert "KAFKA_LAB_TIME_SCALE" in done.err


def test_a_damaged_progress_database(tool: Tool) -> None:
    tool.home.mkdir(exist_ok=True)
    (tool.home / "progress.sqlite3").write_bytes(b"not a database, " * 100)
    done = tool.call("progress")
    assert done.code == 3
    assert "is damaged" in done.err


def test_what_nobody_thought_of(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    from kafka_lab.cli import context

    def broken() -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(context, "catalog", broken)
    done = tool.call("list")
    assert done.code == 3
    assert "kafka-lab itself broke: ZeroDivisionError: of all things" in done.err
    log = Path(done.err.rstrip().rpartition(" ")[2])
    assert "Traceback" in log.read_text()
    log.unlink()


def test_a_folder_that_was_deleted_meanwhile(tool: Tool) -> None:
    gone = tool.folder / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["bash", "-c", 'rmdir "$PWD"; exec "$0" -P -m kafka_lab check', sys.executable],
        cwd=gone,
        env=tool.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (2, 3)
    assert "Traceback" not in done.stderr
