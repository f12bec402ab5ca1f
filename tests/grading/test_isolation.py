"""Nothing of the learner's folder, or of the user's environment, reaches the grader."""

from __future__ import annotations

from pathlib import Path

import pytest

from kafka_lab.api import Outcome

from .conftest import IDLE, Grade, folder_of

BAIT = "import os\nos.write(2, b'HIJACKED')\nraise SystemExit(9)\n"

GRADER = """
import os
import sys
from pathlib import Path

import confluent_kafka
import helper


def test_apart(lab):
    '''The grader stands apart.'''
    source = Path(lab.ready.source)
    assert sys.flags.isolated == 1
    assert os.listdir() == []
    assert not [p for p in sys.path if p in ("", ".") or Path(p).is_relative_to(source.parent)]
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None) or ""
        assert "learner" not in file and str(source) not in file, file
    assert "conftest" not in sys.modules
    assert not any(name.startswith(("PYTEST_ADDOPTS", "PYTEST_PLUGINS")) for name in os.environ)
    assert confluent_kafka.Producer


def test_helpers_are_rewritten(lab):
    '''A helper's assertion says what it saw.'''
    with pytest.raises(AssertionError, match="assert 1 == 2"):
        helper.compare(1, 2)


def test_the_program_sees_the_folder(lab):
    '''But the program runs in its own folder.'''
    role = lab.role("idle", {}, lambda principal: [])
    role.program.start()
    assert lab.wait(lambda: "main ran" in role.program.tail(), 10)
"""


def test_a_folder_full_of_traps(
    grade: Grade, source: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("conftest", "sitecustomize", "usercustomize", "pytest", "kafka_lab", "helper"):
        (source / f"{name}.py").write_text(BAIT)
    (source / "confluent_kafka.py").write_text(BAIT)
    (source / "test_apart.py").write_text(BAIT)
    for ini in ("pytest.ini", "tox.ini", ".pytest.ini"):
        (source / ini).write_text("[pytest]\naddopts = --no-such-option\npython_files = none\n")
    (source / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '-k nothing'\n")
    (source / "kafka").mkdir()
    (source / "kafka" / "__init__.py").write_text(BAIT)
    # Only "usercustomize" and its like are read by the program's own Python, unless it is told to.
    (source / "main.py").write_text("print('main ran')\n" + IDLE)
    monkeypatch.chdir(source)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "conftest")
    monkeypatch.setenv("PYTHONPATH", str(source))
    monkeypatch.setenv("PYTHONSTARTUP", str(source / "conftest.py"))
    verdict = grade(
        GRADER,
        "apart",
        "helpers_are_rewritten",
        "the_program_sees_the_folder",
        helpers={
            "helper.py": "def compare(a, b):\n    assert a == b\n",
            "conftest.py": BAIT,  # the grader's own has no say either
        },
    )
    assert verdict.error == ""
    assert verdict.outcome is Outcome.PASSED
    out = capfd.readouterr()
    everything = out.out + out.err + (folder_of(verdict) / "grader.log").read_text()
    assert "HIJACKED" not in everything
