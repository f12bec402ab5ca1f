"""The same tests, run by somebody without rights: sandboxes then stand on a user namespace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOMEBODY = 1_999_999_999
"""A user that no system has."""


def interpreter() -> str:
    """The system's Python, if the packages here fit it; ours may lie where only root looks."""
    for candidate in (os.path.realpath(sys.executable), "/usr/bin/python3"):
        code = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]!r})"
        try:
            subprocess.run([candidate, "-I", "-c", code], user=SOMEBODY, check=True, timeout=20)
        except (OSError, subprocess.SubprocessError):
            continue
        return candidate
    pytest.skip("no Python here that an ordinary user may run and that has our version")


@pytest.mark.parametrize("tests", ["tests/programs/sandbox/test_box.py"])
def test_as_an_ordinary_user(tests: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    if os.geteuid() != 0:
        pytest.skip("it is an ordinary user who runs these tests")
    folder = Path("/tmp") / f"kafka-lab-user-{os.urandom(4).hex()}"
    try:
        folder.mkdir()
        for part in ("platform", "tests", "exercises", "graders", "solutions"):
            ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(ROOT / part, folder / part, ignore=ignore)
        shutil.copy(ROOT / "pyproject.toml", folder)
        packages = [p for p in sys.path if p.endswith("-packages")]
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, SOMEBODY, SOMEBODY)
        env = {
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": os.pathsep.join([str(folder / "platform"), *packages]),
            "KAFKA_LAB_TIME_SCALE": os.environ.get("KAFKA_LAB_TIME_SCALE", "1"),
        }
        done = subprocess.run(
            [interpreter(), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", tests]
            + ["-k", "bubblewrap", "-p", "no:hypothesispytest", "-p", "no:cov"],
            cwd=folder,
            env=env,
            user=SOMEBODY,
            group=SOMEBODY,
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=300,
        )
        if "No module named pytest" in done.stderr:
            pytest.skip("the packages lie where an ordinary user may not look")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "passed" in done.stdout
        assert "skipped" not in done.stdout, done.stdout
    finally:
        shutil.rmtree(folder, ignore_errors=True)
