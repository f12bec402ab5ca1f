from __future__ import annotations

from pathlib import Path

import pytest

from kafka_lab.exercises.exercise import Exercise
from kafka_lab.exercises.manifest import CheckSpec, Contract, Manifest, Track


@pytest.fixture
def exercise(tmp_path: Path) -> Exercise:
    """A small exercise whose files a test may change, as a new release does."""
    home = tmp_path / "installed" / "acls"
    starter = home / "starter" / "python"
    (starter / "helpers").mkdir(parents=True)
    (starter / "acls.py").write_text("print('start')\n")
    (starter / "helpers" / "names.py").write_text("NAMES = []\n")
    (starter / "run.sh").write_text("#!/bin/sh\n")
    (starter / "run.sh").chmod(0o755)
    (home / "guide.md").write_text("# The brief\n")
    manifest = Manifest(
        slug="acls",
        title="ACLs",
        section=7,
        summary="",
        difficulty="beginner",
        minutes=1,
        prerequisites=(),
        covers=("ACLs",),
        contract=Contract("job", {}),
        tracks={"python": Track("acls.py"), "go": Track(".")},
        hints=("1", "2", "3"),
        checks=(CheckSpec("works", 100),),
        path=home / "exercise.toml",
    )
    return Exercise(manifest, home, home / "solution", home / "grader")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Where the learner stands."""
    folder = tmp_path / "learner"
    folder.mkdir()
    return folder
