"""Each attack has its effect undefended, and none in a sandbox; in an attempt it earns nothing."""

from __future__ import annotations

import pytest

from kafka_lab.api import Outcome
from kafka_lab.programs.sandbox.kinds import choose
from kafka_lab.runtime.errors import UsageError

from . import probes  # noqa: F401 - registers them
from .conftest import Grade, Trial
from .scene import PROBES, Run, Scene


@pytest.mark.parametrize("name", PROBES)
def test_undefended_it_succeeds(name: str, scene: Scene, undefended: Trial) -> None:
    trial = PROBES[name](scene)
    run = undefended(trial)
    assert trial.effect(run), run


@pytest.mark.parametrize("name", PROBES)
def test_a_sandbox_stops_it(name: str, scene: Scene, defended: Trial) -> None:
    trial = PROBES[name](scene)
    run = defended(trial)
    assert not trial.effect(run), run
    assert len(run.exits) == 1


@pytest.mark.parametrize("name", PROBES)
def test_in_an_attempt_it_earns_nothing(name: str, scene: Scene, grade: Grade) -> None:
    try:
        kind = choose("bubblewrap")
    except UsageError as e:
        pytest.skip(str(e))
    trial = PROBES[name](scene)
    verdict = grade(trial.code, kafka=False, sandbox=kind)
    assert verdict.outcome is Outcome.FAILED, verdict
    assert verdict.earned == 0
    if trial.limits or trial.ports:
        return  # an attempt allows more than the trial, whose attack is as small as can be
    output = "\n".join(f.message for c in verdict.checks for f in c.findings)
    assert not trial.effect(Run(output, [])), output
