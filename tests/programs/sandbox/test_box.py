"""A program in a sandbox is started, signalled and judged as one outside; and leaves nothing."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from kafka_lab.programs.process import Program
from kafka_lab.programs.sandbox import container
from kafka_lab.programs.sandbox.box import Box
from kafka_lab.programs.sandbox.kinds import choose, kind_of
from kafka_lab.programs.sandbox.layout import Mount, View
from kafka_lab.programs.sandbox.limits import MB, PROGRAM
from kafka_lab.runtime.errors import LabError, UsageError
from kafka_lab.runtime.events import EventLog
from kafka_lab.runtime.leases import Leases

from .conftest import PYTHON, Confine, usable


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)  # polls, with a deadline


def test_it_gets_only_what_it_is_told(confine: Confine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HARNESS", "x")
    cell = confine("import json, os\nprint(json.dumps(dict(os.environ)))", env={"TOPIC": "t"})
    assert cell.run() == 0
    told = json.loads(cell.program.tail())
    assert told["TOPIC"] == "t"
    assert set(told) - {"LC_CTYPE"} == {"TOPIC", "HOME", "TMPDIR", "PATH"}


def test_its_exit_code_is_its_own(confine: Confine) -> None:
    cell = confine("raise SystemExit(42)")
    assert cell.run() == 42
    assert cell.run() == 42
    assert cell.program.exits == [42, 42]


def test_a_death_by_signal_is_told_apart_from_an_exit_code(confine: Confine) -> None:
    code = (
        "import os, pathlib, signal\n"
        "if not pathlib.Path('again').exists():\n"
        "    pathlib.Path('again').touch(); os._exit(137)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    cell = confine(code)
    assert (cell.run(), cell.run()) == (137, -9)


def test_sigterm_reaches_the_program_itself(confine: Confine) -> None:
    code = (
        "import signal, sys, threading\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        "print('up')\n"
        "while True: signal.pause()\n"
    )
    cell = confine(code)
    cell.program.start()
    until(lambda: "up" in cell.program.tail())
    cell.program.terminate()
    assert cell.program.wait(20) == 5


def test_it_is_paused_resumed_and_killed_at_once(confine: Confine) -> None:
    cell = confine("import time\nwhile True: print('tick'); time.sleep(0.01)")
    cell.program.start()
    until(lambda: "tick" in cell.program.tail())
    cell.program.pause()
    until(lambda: psutil.Process(cell.program.pid).status() == psutil.STATUS_STOPPED)
    assert cell.program.running()
    cell.program.resume()
    size = len(cell.program.output_path.read_bytes())
    until(lambda: len(cell.program.output_path.read_bytes()) > size)
    cell.program.kill()
    assert cell.program.exits == [-9]


def test_what_it_leaves_running_ends_with_it(confine: Confine) -> None:
    mark = f"daemon-{os.urandom(6).hex()}"
    code = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', '{mark}'],\n"
        "                 start_new_session=True)\n"
    )
    cell = confine(code)
    assert cell.run() == 0
    until(lambda: not [p for p in psutil.process_iter(["cmdline"]) if mark in str(p.info)])


def test_its_folders_last_from_start_to_start(confine: Confine) -> None:
    code = (
        "import os, pathlib\n"
        "for folder in (os.environ['HOME'], '.'):\n"
        "    with open(f'{folder}/count', 'a') as f: f.write('x')\n"
        "    print(len(pathlib.Path(folder, 'count').read_text()))\n"
    )
    cell = confine(code)
    cell.run()
    cell.run()
    assert cell.program.tail().split() == ["1", "1", "2", "2"]
    assert not (cell.program._cwd / "count").exists()


def test_it_talks_to_the_harness_by_the_sockets_that_it_is_given(confine: Confine) -> None:
    code = (
        "import socket\n"
        "with socket.create_connection(('127.0.0.1', 23456)) as s:\n"
        "    s.sendall(b'hello'); print(s.recv(99).decode())\n"
    )
    cell = confine(code, ports=[23456])

    def answer() -> None:
        link, _ = cell.sockets[0].accept()
        with link:
            assert link.recv(99) == b"hello"
            link.sendall(b"welcome")

    answering = threading.Thread(target=answer)
    answering.start()
    assert cell.run() == 0
    answering.join(10)
    assert cell.program.tail() == "welcome"
    with socket.socket() as outside:  # the port is taken in the sandbox, and nowhere else
        outside.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        outside.bind(("127.0.0.1", 23456))


def test_memory_of_all_processes_together_is_limited(confine: Confine) -> None:
    # The kernel chooses whom it ends: the first of them, or so many others that the rest fits.
    code = (
        "import os, sys, time\n"
        "others = []\n"
        "for _ in range(3):\n"
        "    others.append(os.fork())\n"
        "    if not others[-1]: break\n"
        "held = bytearray(60 << 20)\n"
        "for i in range(0, len(held), 4096): held[i] = 1\n"
        "if 0 in others: time.sleep(20)\n"
        "elif 9 in [os.waitpid(pid, 0)[1] for pid in others]: sys.exit(7)\n"
    )
    cell = confine(code, memory=96 * MB)
    assert cell.run(60) in (-9, 7)


def test_a_program_that_cannot_be_run(confine: Confine) -> None:
    cell = confine("")
    cell.program.argv = ("/nonexistent",)
    assert cell.run() == 126
    assert "cannot be run" in cell.program.tail()


def test_closing_it_leaves_nothing(confine: Confine, own: Leases) -> None:
    cell = confine("import time\nprint('up')\ntime.sleep(600)", ports=[23457])
    cell.program.start()
    until(lambda: "up" in cell.program.tail())
    pid, folder, launcher = cell.program.pid, cell.box._folder, cell.box._launcher
    groups = cell.box._group.folders if cell.box._group else []
    assert folder
    assert launcher
    cell.box.close()
    until(lambda: not psutil.pid_exists(pid))
    assert cell.program.exit_code == -9
    assert launcher.poll() is not None
    assert not folder.exists()
    assert not any(g.exists() for g in groups)
    assert not list(own.folder.glob("*.json"))


def test_it_does_not_outlive_a_harness_that_was_killed(confine: Confine, own: Leases) -> None:
    cell = confine("import time\nprint('up')\ntime.sleep(600)")
    cell.program.start()
    until(lambda: "up" in cell.program.tail())
    pid = cell.program.pid
    own.clear()  # what the next command does after a crash
    until(lambda: not psutil.pid_exists(pid))
    assert not cell.box._folder or not cell.box._folder.exists()


def test_too_wide_a_view_is_refused(kind: str, own: Leases) -> None:
    with pytest.raises(LabError, match="too wide"):
        Box(kind_of(kind), View(reads=[Path.home().parent]), PROGRAM, own).open()


def test_the_chooser(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose("none") == "none"
    with pytest.raises(UsageError, match="no sandbox 'chroot'"):
        choose("chroot")
    from kafka_lab.programs.sandbox import kinds

    for kind in kinds.kinds().values():
        monkeypatch.setattr(type(kind), "why_not", lambda self: "")
    assert choose() == "container"
    monkeypatch.setattr(kinds.Container, "why_not", lambda self: "it is broken: mend it")
    assert choose() == "bubblewrap"
    with pytest.raises(UsageError, match="it is broken"):
        choose("container")
    monkeypatch.setattr(kinds.Bubblewrap, "why_not", lambda self: "it is broken: mend it")
    with pytest.raises(UsageError, match="--no-sandbox"):
        choose()


@pytest.mark.parametrize("place", ["a", "a/b/c"])
def test_what_is_shown_below_a_folder_of_its_own_can_be_reached(
    kind: str, tmp_path: Path, own: Leases, log: EventLog, place: str
) -> None:
    """Who runs inside is another user, who needs a way in to it."""
    shown, home = tmp_path / place / "shown", tmp_path / "home"
    shown.mkdir(parents=True)
    (shown / "word").write_text("found it")
    box = Box(kind_of(kind), View(reads=[shown], scratch=[str(home)]), PROGRAM, own)
    box.open()
    try:
        argv = (PYTHON, "-c", f"print(open({str(shown / 'word')!r}).read())")
        program = Program("me", argv, {}, home, tmp_path / "out", own, log, box.spawn)
        program.start()
        assert program.wait(30) == 0, program.tail()
        assert "found it" in program.tail()
    finally:
        box.close()


def test_docker_that_does_not_see_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    usable("container")
    container._trial.cache_clear()
    monkeypatch.setattr(container, "_bind", _somewhere_else)
    assert "do not see this machine's files" in container._trial()
    container._trial.cache_clear()
    monkeypatch.undo()
    assert container._trial() == ""


def _somewhere_else(mount: Mount) -> str:
    """As an engine in a virtual machine sees it: the folder's name is there, its content not."""
    source = "/proc/version" if mount.place.endswith("/word") else mount.source
    return f"type=bind,source={source},target={mount.place},readonly"
