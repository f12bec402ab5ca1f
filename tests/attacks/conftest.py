"""Trials of attacks: undefended, in each kind of sandbox, and in real attempts."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kafka_lab.api import Verdict
from kafka_lab.grading.attempt import Request, check
from kafka_lab.grading.sandbox_cluster import Standing
from kafka_lab.programs.process import Program
from kafka_lab.programs.sandbox.box import Box
from kafka_lab.programs.sandbox.kinds import kind_of, kinds
from kafka_lab.programs.sandbox.layout import View
from kafka_lab.programs.sandbox.limits import PROGRAM
from kafka_lab.programs.toolchains.python import PythonToolchain
from kafka_lab.runtime.events import EventLog
from kafka_lab.runtime.leases import Leases

from .scene import SECONDS, Run, Scene, Try
from .throwaway import tried

HERE = Path(__file__).parent
PYTHON = os.path.realpath(sys.executable)
TRUSTED = HERE.parents[1] / "exercises" / "partitioning" / "starter" / "python"
"""Its requirements are those of the attacks that need a Kafka client."""

Trial = Callable[[Try], Run]
Grade = Callable[..., Verdict]


def usable(kind: str) -> str:
    """The kind's name; skips where it does not work, but for CI, which must have it."""
    reason = kind_of(kind).why_not()
    if reason and os.environ.get("KAFKA_LAB_REQUIRE_DOCKER") == "1":
        pytest.fail(f"{kind}: {reason}")
    if reason:
        pytest.skip(f"{kind}: {reason}")
    return kind


def usable_kinds() -> list[str]:
    """All that work here, for a test that tries an attack undefended once."""
    must = os.environ.get("KAFKA_LAB_REQUIRE_DOCKER") == "1"
    return [usable(name) for name, kind in kinds().items() if must or not kind.why_not()]


@pytest.fixture(params=list(kinds()))
def kind(request: pytest.FixtureRequest) -> str:
    return usable(request.param)


@pytest.fixture
def box() -> str:
    """One kind, for attacks that are stopped by the same code in all of them."""
    return usable("bubblewrap")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    folder = tmp_path / "others"
    folder.mkdir()
    found = Scene(folder)
    yield found
    found.close()


@pytest.fixture
def own(home: Path) -> Iterator[Leases]:
    found = Leases.open()
    yield found
    found.clear()


def _laid(tmp_path: Path, trial: Try) -> tuple[Path, Path]:
    source, home = tmp_path / "ada", tmp_path / "home"
    source.mkdir(exist_ok=True)
    home.mkdir(exist_ok=True)
    (source / "main.py").write_text(trial.program)
    return source, home


@pytest.fixture(scope="session")
def undefended(
    home: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, object]]:
    """What the chosen probes came to without any defence: all in one throwaway container."""
    usable("container")  # nowhere else to try them
    wanted = [
        str(item.callspec.params["name"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and "undefended" in item.fixturenames
    ]
    leases = Leases.open()
    try:
        return tried(wanted, tmp_path_factory.mktemp("throwaway"), leases)
    finally:
        leases.clear()


@pytest.fixture
def defended(kind: str, tmp_path: Path, own: Leases, log: EventLog) -> Trial:
    """The same program in a sandbox, with the same folders' names."""

    def run(trial: Try) -> Run:
        source, home = _laid(tmp_path, trial)
        env = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
        argv = (trial.python or PYTHON, "-u", "main.py")
        reads = [Path(trial.python).parents[1]] if trial.python else []
        view = View(reads=reads, copies={str(source): source}, scratch=[str(home)])
        box = Box(kind_of(kind), view, replace(PROGRAM, **trial.limits), own, trial.ports)
        sockets = box.open()
        before = sorted(p.name for p in source.iterdir())
        try:
            program = Program("ada", argv, env, source, tmp_path / kind, own, log, box.spawn)
            return Run.of(program, SECONDS)
        finally:
            launcher, folder = box._launcher, box._folder
            box.close()
            for s in sockets:
                s.close()
            # Nothing is left: no process, no folder, no lease, nothing in the submission.
            assert launcher
            assert launcher.poll() is not None
            assert folder
            assert not folder.exists()
            assert not list(own.folder.glob("*.json"))
            assert sorted(p.name for p in source.iterdir()) == before

    return run


@pytest.fixture
def grade(site: Any, tmp_path: Path) -> Iterator[Grade]:
    """A real attempt by the grader in ``grader/``, worth 10 points, on the session's broker."""

    def run(code: str, kafka: bool = True, **options: Any) -> Verdict:
        source = tmp_path / "submission"
        source.mkdir(exist_ok=True)
        (source / "main.py").write_text(code)
        if kafka:
            text = (TRUSTED / "requirements.txt").read_text()
            (source / "requirements.txt").write_text(text)
        request = Request(
            exercise="copying",
            language="python",
            source=source,
            entry="main.py",
            grader=HERE / "grader",
            checks=[("copies_every_record", 10)],
            toolchain=PythonToolchain(),
            backend="embedded",
            trusted=(TRUSTED,),
            spare=Standing(site.cluster, [site.door.dup()], Leases.open()),
            **options,
        )
        return check(request)

    yield run
    # An attempt lets its process adopt orphans; the other tests' are none of ours.
    ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)
