"""A running check is seen by others, and forgotten when it or its process has ended."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kafka_lab.api import CheckResult, Outcome
from kafka_lab.grading.attempt import Listener
from kafka_lab.progress.running import FOLDER, Following, running


class Heard(Listener):
    def __init__(self) -> None:
        self.said: list[str] = []

    def stage(self, text: str) -> None:
        self.said.append(text)

    def checking(self, title: str) -> None:
        self.said.append(title)

    def check(self, result: CheckResult) -> None:
        self.said.append(result.id)


def result(name: str, outcome: Outcome = Outcome.PASSED) -> CheckResult:
    return CheckResult(name, f"{name}.", outcome, 1)


def test_what_is_heard_is_passed_on_and_written_down(tmp_path: Path) -> None:
    heard = Heard()
    with Following(tmp_path, "echo", "python", 3, heard) as following:
        following.stage("building")
        following.check(result("first"))
        following.checking("second.")
        following.check(result("second", Outcome.FAILED))
        now = running(tmp_path)["echo"]
        assert (now["language"], now["of"], now["stage"]) == ("python", 3, "second.")
        assert [(c["title"], c["outcome"]) for c in now["checks"]] == [
            ("first.", "passed"),
            ("second.", "failed"),
        ]
        assert "pid" not in now
    assert heard.said == ["building", "first", "second.", "second"]
    assert running(tmp_path) == {}
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_it_is_gone_after_an_interrupt_too(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Following(tmp_path, "echo", "go", 1, Listener()):
        raise KeyboardInterrupt
    assert running(tmp_path) == {}


def test_what_a_killed_one_left_is_cleared(tmp_path: Path) -> None:
    following = Following(tmp_path, "echo", "python", 1, Listener())
    following.__enter__()
    (path,) = (tmp_path / FOLDER).iterdir()
    left = json.loads(path.read_text()) | {"pid_started": 1.0}
    path.write_text(json.dumps(left))
    assert running(tmp_path) == {}
    assert not path.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"pid": "x"}'])
def test_what_is_no_such_file_is_cleared(tmp_path: Path, text: str) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "1.json").write_text(text)
    assert running(tmp_path) == {}


def test_nothing_runs(tmp_path: Path) -> None:
    assert running(tmp_path) == {}


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_ends_no_check(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with Following(tmp_path, "echo", "python", 1, Listener()) as following:
        following.check(result("first"))
    tmp_path.chmod(0o700)


def test_a_place_that_cannot_be_made_ends_no_check(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file is in the way")
    with Following(tmp_path, "echo", "python", 1, Listener()) as following:
        following.check(result("first"))
    assert running(tmp_path) == {}
