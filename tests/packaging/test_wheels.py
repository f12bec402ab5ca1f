"""An exercise's package beside kafka-lab, both as wheels, in an empty environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from kafka_lab.exercises import templates

ROOT = Path(__file__).parents[2]
SLUG = "late-orders"


def run(*words: str | Path, cwd: Path, **env: str) -> str:
    """What a command prints. Fails with its output when it does not end well."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(
        [str(w) for w in words],
        cwd=cwd,
        env=kept | env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the two wheels and what kafka-lab needs, and nothing else."""
    folder = tmp_path_factory.mktemp("wheels")
    package = templates.make(SLUG, folder, "python")
    # The plugin for authors is installed here too: a grader's child must never load it.
    grader = next(package.glob("src/*/*/grader/test_*.py"))
    text = grader.read_text()
    head = "from __future__ import annotations\n"
    guard = '\nimport sys\n\nassert "kafka_lab.testing" not in sys.modules\n'
    assert head in text
    grader.write_text(text.replace(head, head + guard))
    for source in (ROOT, package):
        run(
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--wheel-dir", folder / "dist", source),
            cwd=folder,
        )
    venv.EnvBuilder(with_pip=True, symlinks=True).create(folder / "venv")
    pip = (folder / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps")
    run(*pip, "--require-hashes", "-r", ROOT / "requirements.txt", cwd=folder)
    run(*pip, *sorted((folder / "dist").glob("*.whl")), cwd=folder)
    return folder


@pytest.mark.slow
def test_a_wheel_is_listed_linted_checked_and_left_out(there: Path) -> None:
    tool = there / "venv" / "bin" / "kafka-lab"
    listed: list[dict[str, Any]] = json.loads(run(tool, "list", "--json", cwd=there))
    assert {SLUG, "transactions"} <= {row["slug"] for row in listed}
    # Not from the folder where the sources lie: the slug has to mean what is installed.
    away = there / "away"
    away.mkdir()
    assert run(tool, "exercise", "lint", SLUG, cwd=away) == "nothing found\n"
    verdict = json.loads(run(tool, "check", SLUG, "--solution", "--json", cwd=away))
    assert (verdict["outcome"], verdict["earned"]) == ("passed", 100)
    assert verdict["exercise_version"] == "1.0.0"
    left = run(tool, "list", "--json", cwd=away, KAFKA_LAB_DISABLE=f"{SLUG}-lab")
    assert SLUG not in {row["slug"] for row in json.loads(left)}
    # The template itself came along in kafka-lab's wheel.
    run(tool, "exercise", "new", "another", cwd=away)
    assert run(tool, "exercise", "lint", "another", cwd=away) == "nothing found\n"


@pytest.mark.slow
def test_pytest_finds_the_fixtures_by_itself(there: Path) -> None:
    pytest_ = there / "venv" / "bin" / "pytest"
    said = run(pytest_, "-q", "-k", "missing_or_weak or proof and solution", cwd=there / SLUG)
    assert "2 passed" in said
