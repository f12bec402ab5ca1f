"""The guide of a learner who has the wheel and no checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from .conftest import ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content in a folder, as an installation has it; libraries are these tests'."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "lib")
    return folder / "lib"


def test_guide_build_works_without_a_checkout(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "kafka_lab", "guide", "build"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed), "KAFKA_LAB_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    site = tmp_path / "kafka-lab-guide"
    assert "Checks and points" in (site / "exercises" / "transactions.html").read_text()
    assert '"state": "new"' in (site / "progress.js").read_text()
    assert not list(site.rglob("*.py"))


def test_a_report_is_made_without_a_checkout(installed: Path, tmp_path: Path) -> None:
    """Its template, style and script are in the wheel."""
    from .conftest import verdict

    folder = tmp_path / "home" / "attempts" / "20260101-000000-a"
    folder.mkdir(parents=True)
    (folder / "verdict.json").write_text(json.dumps(verdict("1").to_json()))
    (folder / "events.jsonl").write_text('{"t":0.1,"kind":"note","text":"begun"}\n')
    done = subprocess.run(
        [sys.executable, "-P", "-m", "kafka_lab", "report"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed), "KAFKA_LAB_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "What went wrong" in Path(done.stdout.strip()).read_text()
