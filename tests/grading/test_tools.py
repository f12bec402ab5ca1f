"""A tool: a program that takes arguments, reads a folder of the grader's, and writes there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from kafka_lab.api import Outcome

from .conftest import Grade

TOOL = """
import pathlib, sys
source, target = map(pathlib.Path, sys.argv[1:])
target.write_text(source.read_text().upper())
pathlib.Path("scratch").write_text("its own")
sys.exit(5)
"""
GRADER = """
from kafka_lab.api import Rights

def test_tool(lab):
    '''It reads and writes files.'''
    role = lab.role("tool", {}, Rights(), files=True)
    program, files = role.program, role.files
    (files / "in").mkdir()
    (files / "in" / "words").write_text("hello")
    program.start([str(files / "in" / "words"), str(files / "out")])
    assert program.wait(30) == 5
    assert (files / "out").read_text() == "HELLO"
    assert program.argv[-1] == "main.py"
    script = 'test -f main.py && echo "$SAID" > "$1"'
    program.start(instead=["/bin/sh", "-c", script, "sh", str(files / "said")])
    assert program.wait(30) == 0
    assert (files / "said").read_text() == "\\n"

def test_without(lab):
    '''A role that asks for no folder has none.'''
    assert lab.role("other", {}, Rights()).files is None
"""


@pytest.mark.parametrize("sandbox", ["none", "bubblewrap"])
def test_a_tool_has_arguments_and_files(grade: Grade, source: Path, sandbox: str) -> None:
    if sandbox == "bubblewrap" and not shutil.which("bwrap"):
        if os.environ.get("KAFKA_LAB_REQUIRE_DOCKER") == "1":
            pytest.fail("bubblewrap is missing")
        pytest.skip("bubblewrap is missing")
    (source / "main.py").write_text(TOOL)
    verdict = grade(GRADER, "tool", "without", sandbox=sandbox)
    assert verdict.outcome is Outcome.PASSED, verdict
