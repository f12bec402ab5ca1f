"""Attacks by what is handed in: archives, links, repositories, and code that runs at build time."""

from __future__ import annotations

import io
import os
import shutil
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest

from kafka_lab.batch.reading import Found, Refused, read_repository, read_zip
from kafka_lab.grading.snapshot import SIZE_LIMIT, snapshot
from kafka_lab.programs.sandbox.workshop import NOT_ALLOWED, Workshop
from kafka_lab.programs.toolchains.golang import GoToolchain
from kafka_lab.programs.toolchains.python import PythonToolchain
from kafka_lab.runtime.errors import BuildFailed
from kafka_lab.runtime.leases import Leases

from .conftest import TRUSTED
from .scene import Scene, stopped


def archive(folder: Path, name: str, data: bytes, mode: int = 0o644) -> Path:
    path = folder / "ada.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        member = zipfile.ZipInfo(name)
        member.external_attr = mode << 16
        member.compress_type = zipfile.ZIP_DEFLATED
        made.writestr(member, data)
        made.writestr("main.py", "")
    return path


def naive(path: Path, target: Path) -> None:
    """What a quick script does: every member to where it says."""
    with zipfile.ZipFile(path) as found:
        for member in found.infolist():
            place = Path(os.path.join(target, member.filename))
            if stat.S_ISLNK(member.external_attr >> 16):
                place.symlink_to(found.read(member).decode())
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(found.read(member))


def refused(path: Path) -> str:
    with pytest.raises(Refused) as caught:
        read_zip(path)
    return caught.value.code


@stopped(
    "an archive with a path that leads out (zip slip)", "paths are judged before they are used"
)
def test_zip_slip(tmp_path: Path) -> None:
    path = archive(tmp_path, "../escaped.txt", b"x")
    (tmp_path / "out").mkdir()
    naive(path, tmp_path / "out")
    assert (tmp_path / "escaped.txt").exists()
    assert refused(path) == "path-escapes"


@stopped("an archive with an absolute path", "paths are judged before they are used")
def test_absolute_path(tmp_path: Path) -> None:
    aim = tmp_path / "elsewhere.txt"
    path = archive(tmp_path, str(aim), b"x")
    naive(path, tmp_path / "out")
    assert aim.exists()
    assert refused(path) == "path-escapes"


@stopped("an archive with a symbolic link to others' files", "links are refused")
def test_zip_symlink(tmp_path: Path, scene: Scene) -> None:
    secret = scene.file("grader/test_it.py")
    path = archive(tmp_path, "notes.py", str(secret).encode(), stat.S_IFLNK | 0o777)
    (tmp_path / "out").mkdir()
    naive(path, tmp_path / "out")
    assert scene.secret in (tmp_path / "out" / "notes.py").read_text()
    refused(path)


@stopped("a zip bomb", "no more is unpacked than a submission may hold")
def test_zip_bomb(tmp_path: Path) -> None:
    path = archive(tmp_path, "data.bin", bytes(SIZE_LIMIT + (4 << 20)))
    assert path.stat().st_size < 1 << 20
    naive(path, tmp_path / "out")
    assert (tmp_path / "out" / "data.bin").stat().st_size > SIZE_LIMIT
    assert refused(path) == "too-large"


@stopped("path names with line breaks, which forge lines of a list", "such names are refused")
def test_newlines(tmp_path: Path) -> None:
    path = archive(tmp_path, "x\nbob,100\n.py", b"")
    listing = io.StringIO()
    for name in zipfile.ZipFile(path).namelist():
        listing.write(f"{name}\n")
    assert "bob,100" in listing.getvalue().splitlines()
    assert refused(path) == "bad-name"


@stopped("a link in the folder that leads to the grader", "links are not followed")
def test_link_in_a_folder(tmp_path: Path, scene: Scene) -> None:
    folder = tmp_path / "ada"
    folder.mkdir()
    (folder / "main.py").write_text("")
    (folder / "stolen.py").symlink_to(scene.file("grader/test_it.py"))
    shutil.copytree(folder, tmp_path / "naive")
    assert scene.secret in (tmp_path / "naive" / "stolen.py").read_text()
    snapshot(folder, tmp_path / "copy")
    assert [p.name for p in (tmp_path / "copy").iterdir()] == ["main.py"]


@stopped(
    "a git repository whose configuration runs a command", "git runs without its configuration"
)
def test_git_configuration(tmp_path: Path) -> None:
    repository, mark = tmp_path / "ada", tmp_path / "ran"
    repository.mkdir()
    (repository / "main.py").write_text("print()\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(repository)]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *arguments], check=True)
    subprocess.run([*git, "config", "core.fsmonitor", f"touch {mark}; false"], check=True)
    (repository / "main.py").write_text("print(1)\n")
    subprocess.run([*git, "status"], capture_output=True)
    assert mark.exists()
    mark.unlink()
    assert isinstance(read_repository(repository), Found)
    assert not mark.exists()


# -- build time -----------------------------------------------------------------------------------

BACKEND = """
import pathlib
pathlib.Path(MARK).write_text("ran")
raise SystemExit(1)
"""


@stopped("code that runs when libraries are installed", "libraries come from an allow-list")
def test_build_time_code(tmp_path: Path, kind: str, own: Leases) -> None:
    folder, mark = tmp_path / "ada", tmp_path / "ran"
    evil = folder / "evil"
    evil.mkdir(parents=True)
    (folder / "main.py").write_text("")
    (folder / "requirements.txt").write_text(f"{evil}\n")
    (evil / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (evil / "backend.py").write_text(BACKEND.replace("MARK", repr(str(mark))))
    with pytest.raises(BuildFailed):
        PythonToolchain().build(folder, "main.py", print)
    assert mark.exists()
    mark.unlink()
    with pytest.raises(BuildFailed) as caught:
        PythonToolchain().build_confined(folder, "main.py", print, Workshop(kind, [TRUSTED], own))
    assert caught.value.code == NOT_ALLOWED
    assert not mark.exists()


@stopped("let the compiler read others' files", "the compiler runs in a sandbox too")
def test_the_compiler_as_a_reader(tmp_path: Path, kind: str, own: Leases, scene: Scene) -> None:
    toolchain = GoToolchain()
    if toolchain.missing() or shutil.which("gcc") is None:
        pytest.skip("needs Go and a C compiler")
    secret = scene.file("grader/test_it.py")
    folder = tmp_path / "ada"
    folder.mkdir()
    (folder / "go.mod").write_text("module ada\n\ngo 1.24.0\n")
    # The compiler quotes what it cannot understand.
    (folder / "main.go").write_text(
        f'package main\n\n// #include "{secret}"\nimport "C"\n\nfunc main() {{}}\n'
    )
    with pytest.raises(BuildFailed, match=scene.secret):
        toolchain.build(folder, ".", print)
    with pytest.raises(BuildFailed) as caught:
        toolchain.build_confined(folder, ".", print, Workshop(kind, [], own))
    assert scene.secret not in caught.value.output
    assert "No such file" in caught.value.output
