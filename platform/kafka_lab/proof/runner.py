"""Runs a proof's jobs, some side by side, and collects what went wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka_lab.api import Verdict
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.proof.jobs import ProofJob
from kafka_lab.proof.judging import problem
from kafka_lab.runtime.errors import LabError

LIMIT = 900
"""Seconds after which one run is given up."""


@dataclass(frozen=True)
class Result:
    """One run and what is wrong with it (empty: nothing)."""

    job: ProofJob
    verdict: Verdict | None
    problem: str


def _prepare(job: ProofJob, entry: str, folder: Path) -> str:
    """Lay out the program; returns what is wrong with the patch, if anything."""
    shutil.copytree(job.source, folder, symlinks=True)
    if job.patch is not None and (wrong := apply_patch(job.patch, folder)):
        return wrong
    if job.replace is not None:
        _replace(job, entry, folder)
    return ""


def apply_patch(patch: Path, folder: Path) -> str:
    """Patch a program's folder; returns why that is not possible, empty if it was."""
    # git is there wherever a checkout is; outside a repository it patches plain folders.
    env = dict(os.environ, GIT_CEILING_DIRECTORIES=str(folder.parent))
    done = subprocess.run(
        ["git", "apply", "-p1", str(patch)],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    return f"the patch does not apply: {done.stderr.strip()}" if done.returncode else ""


def _replace(job: ProofJob, entry: str, folder: Path) -> None:
    assert job.replace is not None
    if job.language == "java":
        for path in folder.glob("src/**/*.java"):
            path.unlink()
        (folder / "src" / f"{entry}.java").write_text(job.replace % entry)
    elif job.language == "go":
        for path in folder.glob("*.go"):
            path.unlink()
        (folder / "main.go").write_text(job.replace)
    else:
        (folder / entry).write_text(job.replace)


def run_one(exercise: Exercise, job: ProofJob, neutral: bool = False) -> Result:
    """Run one job in a child process and judge it."""
    with tempfile.TemporaryDirectory(prefix="kafka-lab-proof-") as scratch:
        folder = Path(scratch) / "program"
        wrong = _prepare(job, exercise.track(job.language).entry, folder)
        if wrong:
            return Result(job, None, wrong)
        order = {
            "language": job.language,
            "source": str(folder),
            "backend": job.backend,
            "neutral": neutral,
        }
        try:
            verdict = ask(exercise, order)
        except LabError as e:
            return Result(job, None, str(e))
    return Result(job, verdict, problem(job, verdict))


def ask(exercise: Exercise, order: dict[str, Any]) -> Verdict:
    """The verdict on one program, from a process of its own; ``order`` as in ``proof.one``.

    Raises:
        LabError: when there is none.
    """
    parts = [str(p) for p in (exercise.home, exercise.solutions, exercise.graders)]
    raw = _ask({**order, "parts": parts})
    if "broken" in raw:
        raise LabError(str(raw["broken"]))
    return Verdict.from_json(raw)


def _ask(order: dict[str, Any]) -> dict[str, Any]:
    """What the child process says to ``order``. Raises ``LabError`` when it says nothing."""
    # -P: the folder that one stands in is not on the child's path.
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "kafka_lab.proof.one"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _running.add(child)
    try:
        out, err = child.communicate(json.dumps(order), LIMIT)
    except subprocess.TimeoutExpired:
        child.terminate()
        child.communicate()
        raise LabError(f"the run did not come to its end within {LIMIT} s") from None
    finally:
        _running.discard(child)
    try:
        raw: dict[str, Any] = json.loads(out.splitlines()[-1])
    except (ValueError, IndexError):
        raise LabError(f"the run broke: {err.strip()[-800:]}") from None
    return raw


_running: set[subprocess.Popen[str]] = set()
"""Of all threads: who is interrupted lets them clear up after themselves."""


def run_all(
    exercise: Exercise,
    jobs: Sequence[ProofJob],
    at_once: int,
    heard: Callable[[Result], None],
    neutral: bool = False,
) -> list[Result]:
    """Run all jobs, ``at_once`` side by side; ``heard`` gets each result as it comes."""
    results = []
    with ThreadPoolExecutor(at_once) as pool:
        waiting = [pool.submit(run_one, exercise, job, neutral) for job in jobs]
        try:
            for future in as_completed(waiting):
                results.append(future.result())
                heard(results[-1])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in list(_running):
                child.terminate()
            raise
    return results
