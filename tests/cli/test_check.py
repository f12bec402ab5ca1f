"""``check`` on a real broker; mostly with the small exercise."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

from confluent_kafka.admin import AdminClient

from kafka_lab.api import Outcome, Verdict
from kafka_lab.progress import Store

from .conftest import SOLUTION, Tool


def test_the_starter_fails_and_says_why(tool: Tool) -> None:
    folder = tool.started()
    done = tool.run("check", "--junit", "report.xml", "--seed", "42")
    assert done.code == 1
    assert "✗ Each value arrives once." in done.out
    assert "missing: 0 of 20 values arrived." in done.out
    assert "– Each value has its own key. (not reached: needs copies)" in done.out
    assert "FAILED  0 of 10 points" in done.out
    assert "kafka-lab hint" in done.out
    assert "kafka-lab check --seed 42" in done.out
    assert "\x1b" not in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 100
    assert ET.parse(folder / "report.xml").getroot().iter("failure")
    assert (folder / ".venv").is_symlink()  # for the editor
    (attempt,) = Store().attempts("echo")
    assert (attempt.outcome, attempt.seed, attempt.workspace) == (Outcome.FAILED, 42, folder)
    assert tool.left_over() == []


def test_a_right_program_passes_from_a_folder_below(tool: Tool) -> None:
    folder = tool.started(solved=True)
    tool.folder = folder / "notes"
    tool.folder.mkdir()
    done = tool.run("check")
    assert done.code == 0
    assert "PASSED  10 of 10 points" in done.out
    assert Store().is_passed("echo")
    assert "message.key()" in tool.call("solution").out
    assert tool.left_over() == []


def test_by_name_and_as_json(tool: Tool) -> None:
    tool.folder = tool.started().parent
    done = tool.run("check", "echo", "--json", "--only", "copies")
    assert done.code == 1
    verdict = Verdict.from_json(json.loads(done.out))
    assert verdict.outcome is Outcome.FAILED
    assert [c.id for c in verdict.checks] == ["copies"]
    assert verdict.checks[0].findings[0].code == "missing"
    # Some of the checks only: no progress.
    assert Store().best() == {}


def test_by_folder_with_the_solution(tool: Tool) -> None:
    tool.folder = tool.started().parent
    done = tool.run("check", "./echo/", "--solution", "--json")
    assert done.code == 0
    assert Verdict.from_json(json.loads(done.out)).outcome is Outcome.PASSED
    assert not Store().is_passed("echo")  # it was not the learner's


def test_a_program_that_does_not_parse_is_a_failed_one(tool: Tool) -> None:
    (tool.started() / "echo.py").write_text("def f(:\n")
    done = tool.run("check")
    assert done.code == 1
    assert "echo.py:1: invalid syntax" in done.out
    assert "FAILED" in done.out


def test_two_at_the_same_time(tool: Tool) -> None:
    tool.folder = tool.started().parent
    right = tool.begin("check", "--solution", "echo", "--json")
    wrong = tool.begin("check", "echo", "--json")
    done = tool.end(right), tool.end(wrong)
    assert [d.code for d in done] == [0, 1]
    outcomes = [Verdict.from_json(json.loads(d.out)).outcome for d in done]
    assert outcomes == [Outcome.PASSED, Outcome.FAILED]
    assert len(Store().attempts("echo")) == 2
    assert tool.left_over() == []


def hostile(folder: Path) -> None:
    """Files that a grader or kafka-lab itself must never pick up."""
    for name in ("conftest", "sitecustomize", "usercustomize", "pytest", "kafka_lab", "test_echo"):
        (folder / f"{name}.py").write_text(
            "import os\nos.write(2, b'HIJACKED')\nraise SystemExit(9)\n"
        )
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '-k nothing'\n")


def test_a_folder_full_of_traps_changes_nothing(tool: Tool) -> None:
    hostile(tool.started(solved=True))
    done = tool.run("check", PYTEST_ADDOPTS="--no-such-option", PYTEST_PLUGINS="conftest")
    assert done.code == 0
    assert "HIJACKED" not in done.said


def test_a_client_library_of_ones_own_breaks_the_program_alone(tool: Tool) -> None:
    folder = tool.started(solved=True)
    (folder / "confluent_kafka.py").write_text("raise SystemExit('HIJACKED')\n")
    done = tool.run("check")
    # Failed, not broken: only the learner's program has imported it.
    assert done.code == 1
    assert "missing: 0 of 20 values arrived." in done.out
    log = next(tool.home.glob("attempts/*/program-echo.log"))
    assert "HIJACKED" in log.read_text()


def test_keep_leaves_a_cluster_that_down_ends(tool: Tool) -> None:
    tool.started(solved=True)
    done = tool.run("check", "--keep")
    assert done.code == 0
    assert "the cluster is kept at" in done.out
    assert tool.processes() != []
    # The printed way in leads there, with the harness's rights.
    path = Path(re.search(r"configuration is in (\S+),", done.out)[1])  # type: ignore[index]
    assert path.stat().st_mode & 0o077 == 0
    config = dict(line.split("=", 1) for line in path.read_text().splitlines() if line)
    topics = AdminClient(config | {"log_level": "0"}).list_topics(timeout=15).topics
    assert any(not name.startswith("__") for name in topics)  # those of the check
    java = path.with_name("cluster-java.properties").read_text()
    assert config["sasl.password"] in java
    assert "PlainLoginModule" in java
    assert tool.call("cluster", "down").code == 0
    assert tool.left_over() == []


def test_repeating_a_seed_repeats_the_names(tool: Tool) -> None:
    tool.started()
    (tool.folder / "echo.py").write_text("raise SystemExit(1)\n")
    topics = []
    for _ in range(2):
        assert tool.run("check", "--seed", "5").code == 1
        latest = sorted(tool.home.glob("attempts/*/events.jsonl"))[-1]
        lines = [json.loads(line) for line in latest.read_text().splitlines()]
        topics.append([line["topics"] for line in lines if line["kind"] == "topics"])
    assert topics[0] == topics[1] != []


def test_saving_during_a_check_does_not_change_it(tool: Tool) -> None:
    folder = tool.started(solved=True)
    process = tool.begin("check")
    tool.until(lambda: "attempt" in tool.events() and any(tool.home.glob("attempts/*/source/*")))
    (folder / "echo.py").write_text("raise SystemExit(1)\n")
    assert tool.end(process).code == 0
    assert SOLUTION.read_text() != (folder / "echo.py").read_text()
