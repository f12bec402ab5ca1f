"""The instructors' tutorial, done step by step as it stands on the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "instructors" / "write-an-exercise.md"
STEPS = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_every_step_of_the_tutorial_works(tmp_path: Path) -> None:
    command = tmp_path / "bin" / "kafka-lab"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m kafka_lab "$@"\n')
    command.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    done = subprocess.run(
        ["sh", "-e", "-c", "\n".join(STEPS.findall(PAGE.read_text()))],
        cwd=work,
        env=os.environ
        | {
            "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "platform"),
            "KAFKA_LAB_BACKEND": "embedded",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    # lint: right at first, then the three patches that the page speaks of, then right again.
    assert re.findall(r"^(?:nothing|\d+) found$", done.stdout, re.MULTILINE) == [
        "nothing found",
        "3 found",
        "nothing found",
    ], said
    assert "7 passed, 0 failed" in done.stdout, said
