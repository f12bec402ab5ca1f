"""Each attack has its effect undefended, and none in a sandbox; in an attempt it earns nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kafka_lab.api import Outcome
from kafka_lab.grading.attempt import attempts_dir

from . import probes  # noqa: F401 - registers them
from .conftest import Grade, Trial
from .scene import BEGAN, PROBES, Run, Scene

ALL = """
import subprocess, sys
for name, code in CODES.items():
    print(f"<{name}>", flush=True)
    subprocess.run([sys.executable, "-c", code], timeout=20)
    print(f"</{name}>", flush=True)
"""


@pytest.mark.parametrize("name", PROBES)
def test_undefended_it_succeeds(name: str, undefended: dict[str, dict[str, object]]) -> None:
    told = undefended[name]
    if "skipped" in told:
        pytest.skip(str(told["skipped"]))
    assert told["effect"], told["output"]


@pytest.mark.parametrize("name", PROBES)
def test_a_sandbox_stops_it(name: str, scene: Scene, defended: Trial) -> None:
    trial = PROBES[name](scene)
    run = defended(trial)
    assert not trial.effect(run), run
    assert run.says(BEGAN)
    assert len(run.exits) == 1
    how = f"{run.output}\nended with {run.exits[0]}"
    assert re.search(trial.met, how, re.MULTILINE), how


def test_in_an_attempt_they_earn_nothing(
    kind: str, tmp_path: Path, grade: Grade, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One submission that tries them all, one after another; but for those that are bounded to be
    a little above a limit of their own: an attempt allows more."""
    scenes = {name: Scene(tmp_path / name) for name in PROBES}
    try:
        trials = {name: PROBES[name](scene) for name, scene in scenes.items()}
        trials = {n: t for n, t in trials.items() if not (t.limits or t.ports or t.python)}
        codes = {name: trial.program for name, trial in trials.items()}
        monkeypatch.setenv("KAFKA_LAB_TIME_SCALE", "8")  # they are many, one after another
        verdict = grade(ALL.replace("CODES", repr(codes)), kafka=False, sandbox=kind)
        assert verdict.outcome is Outcome.FAILED, verdict
        assert verdict.earned == 0
        output = (attempts_dir() / verdict.attempt / "program-copier.log").read_text()
        for name, trial in trials.items():
            own = output.partition(f"<{name}>\n")[2].partition(f"</{name}>\n")[0]
            assert Run(own, []).says(BEGAN), output
            assert not trial.effect(Run(own, [])), own
    finally:
        for scene in scenes.values():
            scene.close()
