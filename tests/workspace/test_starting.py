from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from kafka_lab import __version__
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.runtime.errors import LabError, UsageError
from kafka_lab.workspace import MARKER, Workspace, find, start
from kafka_lab.workspace.marker import load


def tree(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_start_makes_starter_brief_marker_and_gitignore(exercise: Exercise, here: Path) -> None:
    made = start(exercise, "python", here)
    assert made.folder == here / "acls"
    assert tree(here) == [
        "acls/.gitignore",
        "acls/.kafka-lab.toml",
        "acls/README.md",
        "acls/acls.py",
        "acls/helpers/names.py",
        "acls/run.sh",
    ]
    assert (made.folder / "README.md").read_text() == "# The brief\n"
    assert (made.exercise, made.language, made.kafka_lab) == ("acls", "python", __version__)
    assert sorted(made.files) == [
        ".gitignore",
        "README.md",
        "acls.py",
        "helpers/names.py",
        "run.sh",
    ]
    assert load(made.folder) == made


def test_start_keeps_modes_and_the_umask(exercise: Exercise, here: Path) -> None:
    before = os.umask(0o027)
    try:
        folder = start(exercise, "python", here).folder
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o750
    assert (folder / "acls.py").stat().st_mode & 0o777 == 0o640
    assert (folder / "run.sh").stat().st_mode & 0o777 == 0o750


def test_links_and_what_tools_leave_are_not_delivered(exercise: Exercise, here: Path) -> None:
    starter = exercise.starter("python")
    (starter / "__pycache__").mkdir()
    (starter / "__pycache__" / "acls.pyc").touch()
    (starter / ".venv").symlink_to(here)
    (starter / "lib").symlink_to(here)
    made = start(exercise, "python", here)
    assert not {"__pycache__", ".venv", "lib"} & {p.name for p in made.folder.iterdir()}


def test_start_refuses_to_overwrite(exercise: Exercise, here: Path) -> None:
    folder = start(exercise, "python", here).folder
    (folder / "acls.py").write_text("mine")
    with pytest.raises(UsageError, match="is there already") as caught:
        start(exercise, "python", here)
    assert "cd acls" in caught.value.fix
    assert "kafka-lab reset" in caught.value.fix
    assert (folder / "acls.py").read_text() == "mine"


@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_start_refuses_what_is_no_workspace(exercise: Exercise, here: Path, kind: str) -> None:
    taken = here / "acls"
    if kind == "file":
        taken.touch()
    elif kind == "folder":
        taken.mkdir()
    else:
        taken.symlink_to(here / "nowhere")
    with pytest.raises(UsageError) as caught:
        start(exercise, "python", here)
    assert "in another folder" in caught.value.fix
    assert os.listdir(here) == ["acls"]


def test_another_start_in_the_same_moment_wins(
    exercise: Exercise, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Workspace.save

    def other_first(self: Workspace) -> None:
        save(self)
        (here / "acls").mkdir()
        (here / "acls" / "mine").touch()

    monkeypatch.setattr(Workspace, "save", other_first)
    with pytest.raises(UsageError, match="is there already"):
        start(exercise, "python", here)
    assert tree(here) == ["acls/mine"]


def test_a_start_that_is_interrupted_leaves_nothing(
    exercise: Exercise, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Workspace) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Workspace, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        start(exercise, "python", here)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "fix"),
    [
        (errno.ENOSPC, "free some space and try again"),
        (errno.EACCES, "make it writable for you, or go to another folder"),
        (errno.EROFS, "go to a folder on a disk that can be written"),
        (errno.EIO, "see that the folder can be read and written"),
    ],
)
def test_what_the_disk_says_is_said(
    exercise: Exercise, here: Path, monkeypatch: pytest.MonkeyPatch, number: int, fix: str
) -> None:
    def full(self: Workspace) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Workspace, "save", full)
    with pytest.raises(LabError, match=os.strerror(number)) as caught:
        start(exercise, "python", here)
    assert caught.value.fix == fix
    assert caught.value.exit_code == 3
    assert list(here.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission_is_said(exercise: Exercise, here: Path) -> None:
    here.chmod(0o555)
    with pytest.raises(LabError, match="Permission denied"):
        start(exercise, "python", here)


def test_a_folder_that_is_gone_is_said(exercise: Exercise, here: Path) -> None:
    with pytest.raises(LabError, match="No such file or directory"):
        start(exercise, "python", here / "gone")


def test_a_track_that_is_not_there(exercise: Exercise, here: Path) -> None:
    with pytest.raises(UsageError, match="no track for 'rust'"):
        start(exercise, "rust", here)
    with pytest.raises(LabError, match="the starter of acls is not in this installation"):
        start(exercise, "go", here)


def test_find_walks_up(exercise: Exercise, here: Path) -> None:
    made = start(exercise, "python", here)
    for place in (made.folder, made.folder / "helpers", made.folder / "acls.py"):
        assert find(place) == made


def test_find_in_the_wrong_folder(exercise: Exercise, here: Path) -> None:
    with pytest.raises(UsageError, match="is not in an exercise's folder") as caught:
        find(here)
    assert "kafka-lab start EXERCISE" in caught.value.fix
    start(exercise, "python", here)
    with pytest.raises(UsageError) as caught:
        find(here)
    assert caught.value.fix == "cd into one of the exercises here: acls"
    with pytest.raises(UsageError, match="there is no folder"):
        find(here / "gone")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("exercise = ", "is broken: Invalid value"),
        ("", "is broken: it has no text for 'exercise'"),
        ('exercise = "acls"\nlanguage = 3', "it has no text for 'language'"),
        ('exercise = "a"\nlanguage = "go"\nfiles = ["x"]', "'files' is not a table of names"),
        ('exercise = "a"\nlanguage = "go"\n[files]\n"../x" = ""', "is not inside the folder"),
        ('exercise = "a"\nlanguage = "go"\n[files]\n"/etc/x" = ""', "is not inside the folder"),
        ("format = 2", "has format 2, this kafka-lab knows 1"),
    ],
)
def test_a_broken_marker_is_said(here: Path, text: str, said: str) -> None:
    (here / MARKER).write_text(text)
    with pytest.raises(UsageError) as caught:
        find(here)
    assert said in caught.value.what
    assert str(here / MARKER) in caught.value.what
    assert caught.value.fix


def test_a_marker_that_is_not_text(here: Path) -> None:
    (here / MARKER).write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="is broken"):
        find(here)


def test_two_lines_make_a_marker(here: Path) -> None:
    (here / MARKER).write_text('exercise = "acls"\nlanguage = "python"\n')
    assert find(here) == Workspace(here, "acls", "python")


def test_odd_names_survive_the_marker(here: Path) -> None:
    odd = Workspace(here, "acls", "python", "1", {'a "b"\\\n\x7f\t😀é': "x"})
    odd.save()
    assert load(here) == odd
