"""Tries every probe undefended, and tells what came of it: run in a throwaway container.

``python -m attacks.undefended NAME…``: a JSON line for each. The scene (victims, servers, other
people's files) is laid in the same container, so nothing of the machine's is within reach.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import pytest

from kafka_lab.programs.process import Program, unconfined
from kafka_lab.runtime.events import EventLog
from kafka_lab.runtime.leases import Leases

from . import probes  # noqa: F401 - registers them
from .scene import PROBES, SECONDS, Run, Scene

PYTHON = os.path.realpath(sys.executable)


def tried(name: str, folder: Path, leases: Leases) -> dict[str, object]:
    """One probe: its effect, and what it printed; or why it cannot be tried here."""
    others, source, home = (folder / part for part in ("others", "ada", "home"))
    for part in (others, source, home):
        part.mkdir()
    scene, log = Scene(others), EventLog(folder / "events.jsonl")
    try:
        trial = PROBES[name](scene)
        (source / "main.py").write_text(trial.program)
        env = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
        argv = (trial.python or PYTHON, "-u", "main.py")
        program = Program("ada", argv, env, source, folder / "out", leases, log, unconfined)
        run = Run.of(program, SECONDS)
        return {"name": name, "effect": trial.effect(run), "output": run.output[-2000:]}
    except pytest.skip.Exception as e:
        return {"name": name, "skipped": str(e)}
    finally:
        scene.close()
        log.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ["KAFKA_LAB_HOME"] = home
        leases = Leases.open()
        for name in sys.argv[1:]:
            with tempfile.TemporaryDirectory(prefix="trial-") as folder:
                print(json.dumps(tried(name, Path(folder), leases)), flush=True)
        leases.clear()


if __name__ == "__main__":
    main()
