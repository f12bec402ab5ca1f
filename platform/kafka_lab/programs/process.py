"""A learner's program while it runs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from kafka_lab.runtime.events import EventLog
from kafka_lab.runtime.leases import Lease, Leases

OUTPUT_LIMIT = 2 << 20
"""Bytes of output kept per program; the rest is read and thrown away."""


class Running(Protocol):
    """What a ``Program`` needs of a process: ``subprocess.Popen`` has it, a sandbox's too.

    ``pid`` leads a process group, and is not used again before the process was waited for.
    """

    @property
    def pid(self) -> int: ...

    @property
    def stdout(self) -> IO[Any] | None: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...


Launch = Callable[[Sequence[str], Mapping[str, str], Path], Running]
"""Starts a command with exactly this environment, in this folder."""


def unconfined(argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> Running:
    """A process of this machine, with all the rights of whoever runs kafka-lab."""
    return subprocess.Popen(
        argv,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


class Program:
    """One role of an exercise: a program that may be started again and again.

    Each start is a process group of its own, leased until it has ended. Output of all starts
    goes into one file, up to ``OUTPUT_LIMIT``.
    """

    def __init__(
        self,
        name: str,
        argv: tuple[str, ...],
        env: Mapping[str, str],
        cwd: Path,
        output: Path,
        leases: Leases,
        log: EventLog,
        launch: Launch = unconfined,
    ) -> None:
        self.name = name
        self._launch = launch
        self.starts = 0
        self.exits: list[int] = []
        """Exit codes in order; a death by signal n is -n."""
        self.struck = False
        """Whether ``strike`` ended the current process: its end is the harness's, and whoever
        revives what has ended on its own leaves it alone."""
        self.output_path = output
        self.argv = argv
        """What starts it, without arguments."""
        self._env = dict(env)
        self._cwd = cwd
        self._leases = leases
        self._log = log
        self._process: Running | None = None
        self._lease: Lease | None = None
        self._pump: threading.Thread | None = None
        self._kept = 0
        self._reaped = threading.Lock()

    @property
    def pid(self) -> int:
        """Of the current or last process. Raises ``RuntimeError`` before the first start."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process.pid

    def start(self, arguments: Sequence[str] = (), instead: Sequence[str] = ()) -> None:
        """Start a new process, with these arguments after its own.

        ``instead`` is a command that runs in its place, where it would run and with what it
        would be given: a script of the learner's that calls the program.

        Raises:
            RuntimeError: when the last process still runs.
        """
        if self.running():
            raise RuntimeError(f"{self.name} is already running")
        argv = tuple(instead) or (*self.argv, *arguments)
        self._process = self._launch(argv, self._env, self._cwd)
        self.struck = False
        self.starts += 1
        self._lease = self._leases.process(self._process.pid)
        self._log.write("program-start", program=self.name, pid=self._process.pid)
        self._pump = threading.Thread(target=self._drain, args=(self._process,), daemon=True)
        self._pump.start()

    def _drain(self, process: Running) -> None:
        assert process.stdout is not None
        with self.output_path.open("ab") as out:
            while chunk := process.stdout.read1(65536):  # type: ignore[attr-defined]
                room = OUTPUT_LIMIT - self._kept
                if room > 0:
                    out.write(chunk[:room])
                    out.flush()
                    self._kept += len(chunk)
                    if self._kept >= OUTPUT_LIMIT:
                        out.write(b"\n[kafka-lab: more output was thrown away]\n")

    def running(self) -> bool:
        """Whether a process of this program lives (also while paused)."""
        return self._process is not None and self._poll() is None

    def _poll(self) -> int | None:
        assert self._process is not None
        with self._reaped:
            code = self._process.poll()
            if code is not None and self._lease is not None:
                # Children that outlive their leader would hold ports and group memberships.
                self._signal_group(signal.SIGKILL)
                self._lease.release()
                self._lease = None
                self.exits.append(code)
                self._log.write("program-exit", program=self.name, pid=self.pid, code=code)
            return code

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    @property
    def exit_code(self) -> int | None:
        """Of the last process; ``None`` while it runs."""
        return self._poll() if self._process is not None else None

    def kill(self) -> None:
        """SIGKILL to the whole group; returns when the process is gone."""
        if not self.running():
            return
        self._log.write("program-kill", program=self.name, pid=self.pid)
        self._signal_group(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(10)
        self._poll()

    def strike(self) -> None:
        """SIGKILL to the whole group, from the relay's thread: it waits for nothing."""
        self.struck = True
        self._log.write("program-kill", program=self.name, pid=self.pid)
        self._signal_group(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP to the whole group."""
        self._log.write("program-pause", program=self.name, pid=self.pid)
        self._signal_group(signal.SIGSTOP)

    def resume(self) -> None:
        self._log.write("program-resume", program=self.name, pid=self.pid)
        self._signal_group(signal.SIGCONT)

    def terminate(self) -> None:
        """SIGTERM to the process alone, as a supervisor sends it."""
        if self.running():
            self._log.write("program-terminate", program=self.name, pid=self.pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def wait(self, timeout: float) -> int | None:
        """Exit code, or ``None`` if it still runs after ``timeout`` seconds."""
        if self._process is None:
            return None
        end = time.monotonic() + timeout
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, end - time.monotonic()))
        return self._poll()

    def tail(self, lines: int = 15) -> str:
        """The last lines of its output."""
        if self._pump is not None and not self.running():
            self._pump.join(1.0)  # its last words may still be on their way to the file
        if not self.output_path.exists():
            return ""
        text = self.output_path.read_bytes()[-8192:].decode("utf-8", "replace")
        # Tracebacks name files by their place in the attempt's copy: the learner's names do.
        return "\n".join(text.replace(f"{self._cwd}{os.sep}", "").splitlines()[-lines:])
