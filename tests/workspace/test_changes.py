from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import pytest

from kafka_lab.exercises.exercise import Exercise
from kafka_lab.runtime.errors import LabError
from kafka_lab.workspace import MARKER, Workspace, find, reset, start, update

NOW = datetime(2026, 1, 2, 3, 4, 5)


@pytest.fixture
def workspace(exercise: Exercise, here: Path) -> Workspace:
    return start(exercise, "python", here)


def fates(workspace: Workspace, exercise: Exercise) -> dict[str, str]:
    """What an update did with each file that it did something with."""
    return {
        r.name: r.fate.value + (f" > {r.beside}" if r.beside else "")
        for r in update(workspace, exercise)
        if r.fate.value != "unchanged"
    }


def release(exercise: Exercise) -> None:
    """A new release: the program and the brief change, a file comes and one goes."""
    starter = exercise.starter("python")
    (starter / "acls.py").write_text("print('new start')\n")
    (starter / "extra.py").write_text("EXTRA = 1\n")
    shutil.rmtree(starter / "helpers")
    exercise.guide.write_text("# The new brief\n")


def test_nothing_to_update(workspace: Workspace, exercise: Exercise) -> None:
    assert fates(workspace, exercise) == {}


def test_untouched_files_are_replaced_added_and_removed(
    workspace: Workspace, exercise: Exercise
) -> None:
    release(exercise)
    assert fates(workspace, exercise) == {
        "README.md": "replaced",
        "acls.py": "replaced",
        "extra.py": "added",
        "helpers/names.py": "removed",
    }
    assert (workspace.folder / "acls.py").read_text() == "print('new start')\n"
    assert (workspace.folder / "README.md").read_text() == "# The new brief\n"
    again = find(workspace.folder)
    assert fates(again, exercise) == {}
    assert sorted(again.files) == [".gitignore", "README.md", "acls.py", "extra.py", "run.sh"]


def test_changed_files_are_kept_with_the_new_one_beside(
    workspace: Workspace, exercise: Exercise
) -> None:
    mine = workspace.folder / "acls.py"
    mine.write_text("mine")
    (workspace.folder / "helpers" / "names.py").write_text("mine too")
    (workspace.folder / "extra.py").write_text("my own, of that name")
    release(exercise)
    assert fates(workspace, exercise) == {
        "README.md": "replaced",
        "acls.py": "kept > acls.py.new",
        "extra.py": "kept > extra.py.new",
        "helpers/names.py": "kept",
    }
    assert mine.read_text() == "mine"
    assert (workspace.folder / "acls.py.new").read_text() == "print('new start')\n"
    (workspace.folder / "acls.py.new").unlink()
    assert fates(find(workspace.folder), exercise) == {}  # it is not laid there again
    assert mine.read_text() == "mine"


def test_a_deleted_file_does_not_come_back(workspace: Workspace, exercise: Exercise) -> None:
    (workspace.folder / "acls.py").unlink()
    assert fates(workspace, exercise) == {}
    release(exercise)
    assert fates(workspace, exercise)["acls.py"] == "kept > acls.py.new"
    assert not (workspace.folder / "acls.py").exists()


def test_the_learner_made_the_same_change(workspace: Workspace, exercise: Exercise) -> None:
    release(exercise)
    (workspace.folder / "acls.py").write_text("print('new start')\n")
    assert "acls.py" not in fates(workspace, exercise)


def test_an_update_killed_in_the_middle_is_finished_by_the_next(
    workspace: Workspace, exercise: Exercise, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(exercise)

    def killed(self: Workspace) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            update(workspace, exercise)
    assert fates(find(workspace.folder), exercise) == {}
    assert "extra.py" in find(workspace.folder).files


def test_a_marker_without_hashes_keeps_everything(workspace: Workspace, exercise: Exercise) -> None:
    (workspace.folder / MARKER).write_text('exercise = "acls"\nlanguage = "python"\n')
    release(exercise)
    found = fates(find(workspace.folder), exercise)
    assert found["acls.py"] == "kept > acls.py.new"
    assert (workspace.folder / "acls.py").read_text() == "print('start')\n"


def test_nothing_is_written_through_links(
    workspace: Workspace, exercise: Exercise, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (workspace.folder / "lib").symlink_to(cache)
    lib = exercise.starter("python") / "lib"
    lib.mkdir()
    (lib / "a.py").write_text("new")
    assert fates(workspace, exercise) == {"lib/a.py": "kept"}
    assert list(cache.iterdir()) == []
    reset(find(workspace.folder), exercise, NOW)
    assert list(cache.iterdir()) == []
    assert (workspace.folder / "lib" / "a.py").read_text() == "new"


def test_reset_keeps_a_backup_git_and_the_environment(
    workspace: Workspace, exercise: Exercise, tmp_path: Path
) -> None:
    folder = workspace.folder
    (folder / "acls.py").write_text("mine")
    (folder / "own").mkdir()
    (folder / "own" / "notes.txt").write_text("notes")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref")
    (folder / ".venv").symlink_to(tmp_path)
    inode = folder.stat().st_ino

    backup = reset(workspace, exercise, NOW)

    assert backup == folder.with_name("acls.backup-20260102-030405")
    assert (backup / "acls.py").read_text() == "mine"
    assert (backup / "own" / "notes.txt").read_text() == "notes"
    assert not (backup / ".git").exists()
    assert (folder / "acls.py").read_text() == "print('start')\n"
    assert not (folder / "own").exists()
    assert (folder / ".git" / "HEAD").exists()
    assert (folder / ".venv").is_symlink()
    assert folder.stat().st_ino == inode  # the shell that stands in it still does
    assert find(folder).files == workspace.files
    assert sorted(p.name for p in folder.parent.iterdir()) == ["acls", backup.name]


def test_two_resets_in_one_second_have_two_backups(
    workspace: Workspace, exercise: Exercise
) -> None:
    first, second = (reset(workspace, exercise, NOW) for _ in range(2))
    assert second.name == f"{first.name}-2"
    assert first.is_dir()
    assert second.is_dir()


def test_without_a_backup_nothing_is_touched(
    workspace: Workspace, exercise: Exercise, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace.folder / "acls.py").write_text("mine")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", full)
    with pytest.raises(LabError, match="No space left"):
        reset(workspace, exercise, NOW)
    assert (workspace.folder / "acls.py").read_text() == "mine"
    assert [p.name for p in workspace.folder.parent.iterdir()] == ["acls"]
