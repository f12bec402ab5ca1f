"""The command line as a user has it: a home, a scratch folder and a working folder of its own."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

import kafka_lab.cli
from kafka_lab import wiring
from kafka_lab.cli import context
from kafka_lab.runtime.events import read_events

collect_ignore = ["plugin", "service_plugin"]

PLUGIN = Path(__file__).with_name("plugin")
"""An outside package with the small exercise ``echo``, whose check takes seconds."""
SOLUTION = PLUGIN / "echo" / "solution" / "python" / "echo.py"
PLATFORM = Path(kafka_lab.cli.__file__).parents[2]


@dataclass
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


@dataclass
class Tool:
    """``kafka-lab`` for one user, who stands in ``folder``."""

    home: Path
    scratch: Path
    folder: Path
    env: dict[str, str]
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def call(self, *args: str) -> Done:
        """Run a command in this process: quick, for what starts nothing."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["kafka-lab", *args])
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = kafka_lab.cli._run()
        return Done(code, out.getvalue(), err.getvalue())

    def begin(self, *args: str, **env: str) -> subprocess.Popen[str]:
        """Start a command as a process group of its own, as a shell does."""
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "kafka_lab", *args],
            cwd=self.folder,
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.running.append(process)
        return process

    def end(self, process: subprocess.Popen[str], timeout: float = 120) -> Done:
        out, err = process.communicate(timeout=timeout)
        assert "Traceback" not in out + err
        return Done(process.returncode, out, err)

    def run(self, *args: str, **env: str) -> Done:
        """Run a command to its end in a process of its own."""
        return self.end(self.begin(*args, **env))

    def started(self, name: str = "echo", solved: bool = False) -> Path:
        """Start an exercise and go into its folder."""
        assert self.call("start", name).code == 0
        self.folder = self.folder / name
        if solved:
            shutil.copy(SOLUTION, self.folder)
        return self.folder

    def events(self) -> list[str]:
        """The kinds of events of the latest attempt, in order."""
        files = sorted(self.home.glob("attempts/*/events.jsonl"))
        return [event["kind"] for event in read_events(files[-1])] if files else []

    def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Wait for something to happen; fails when it does not."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.02)  # polls, with a deadline

    def processes(self) -> list[str]:
        """Command lines of what runs because of this tool: brokers, graders, programs."""
        found = []
        for process in psutil.process_iter():
            if process.pid == os.getpid():
                continue
            with contextlib.suppress(psutil.Error):
                words = " ".join([*process.cmdline(), *process.environ().values()])
                living = process.status() != psutil.STATUS_ZOMBIE
                if living and (str(self.home) in words or str(self.scratch) in words):
                    found.append(" ".join(process.cmdline()))
        return found

    def left_over(self) -> list[str]:
        """What is still there of clusters, leases and processes; all of it should be gone."""
        folders = [p for root in (self.home / "running", self.scratch) for p in _entries(root)]
        return self.processes() + [str(p) for p in folders]


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install these folders as outside packages, for this process."""

    def forget() -> None:
        for cached in (wiring.plugins, wiring.catalog, context.load_plugins):
            cached.cache_clear()
        kafka_lab.cli.cli.commands.clear()
        for module in ("echo_lab", "priced_lab"):
            sys.modules.pop(module, None)

    def install(*folders: Path) -> None:
        for folder in folders:
            monkeypatch.syspath_prepend(folder)
        forget()

    yield install
    monkeypatch.undo()
    forget()


@pytest.fixture
def tool(
    tmp_path: Path,
    scratch: Path,
    monkeypatch: pytest.MonkeyPatch,
    plugins: Callable[..., None],
) -> Iterator[Tool]:
    home, work = tmp_path / "home", tmp_path / "work"
    work.mkdir()
    own = Path(tempfile.mkdtemp(prefix="cli-", dir=scratch))
    settings = {
        "KAFKA_LAB_HOME": str(home),
        "KAFKA_LAB_SCRATCH": str(own),
        "KAFKA_LAB_BACKEND": "embedded",
        "KAFKA_LAB_TIME_SCALE": os.environ.get("KAFKA_LAB_TIME_SCALE", "3"),
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    plugins(PLUGIN)
    env = dict(os.environ, PYTHONPATH=f"{PLATFORM}{os.pathsep}{PLUGIN}")
    made = Tool(home, own, work, env)
    yield made
    for process in made.running:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.communicate(timeout=60)
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()
    if _entries(home / "running"):
        made.call("cluster", "down")
