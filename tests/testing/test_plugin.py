"""The pytest plugin for authors, in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import kafka_lab
from kafka_lab.exercises import templates

PLATFORM = Path(kafka_lab.__file__).parents[1]
TEST = '''
from kafka_lab.api import Outcome


def test_solution(check_exercise, exercise_problems):
    """The root is where pytest stands."""
    from pathlib import Path

    assert exercise_problems == []
    source = next(Path.cwd().glob("src/*/*/solution/python"))
    verdict = check_exercise(source, only=["forwards_every_record"], seed=7)
    assert (verdict.outcome, verdict.seed) == (Outcome.PASSED, 7)
    assert verdict.exercise_version == "1.0.0"
'''


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder, with the plugin as an installed kafka-lab would load it."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-p", "kafka_lab.testing", "-p", "no:cacheprovider"]
        + list(args),
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(PLATFORM), "PYTEST_ADDOPTS": "", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_outside_an_exercise_it_adds_and_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(
        "import sys\n\n\ndef test_nothing(request):\n"
        "    loaded = sorted(m for m in sys.modules if m.startswith('kafka_lab'))\n"
        "    assert loaded == ['kafka_lab', 'kafka_lab.testing']\n"
        "    assert not {'confluent_kafka', 'click', 'jsonschema'} & "
        "sys.modules.keys()\n"
        "    assert not request.config.pluginmanager.has_plugin('kafka-lab-exercise')\n"
    )
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_proof_is_an_item_for_each_run(tmp_path: Path) -> None:
    done = run(templates.make("late-orders", tmp_path, "python"), "--collect-only", "-q")
    ids = [line.split("::")[1] for line in done.stdout.splitlines() if "::" in line]
    assert {
        "test_proof[starter-python-starter]",
        "test_proof[solution-python-solution]",
        "test_proof[variant-python-in-batches]",
        "test_proof[mutant-python-text-only]",
        "test_proof[hygiene-python-flood]",
    } <= set(ids)
    assert len(ids) == 14, done.stdout


def test_a_program_and_a_mutant_are_checked_on_a_real_cluster(tmp_path: Path) -> None:
    package = templates.make("late-orders", tmp_path, "python")
    (package / "tests" / "test_more.py").write_text(TEST)
    done = run(package, "-q", "-k", "test_solution or text-only or speaks_of")
    assert "3 passed" in done.stdout, done.stdout + done.stderr
