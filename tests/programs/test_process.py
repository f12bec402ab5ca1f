"""A learner's program as a process: its group, its output, its end. No cluster is needed."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from kafka_lab.programs.process import OUTPUT_LIMIT, Program
from kafka_lab.runtime.events import EventLog, read_events
from kafka_lab.runtime.leases import Leases

Make = Callable[..., Program]
PATIENCE = 20.0


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)  # polls, with a deadline


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def own(home: Path) -> Iterator[Leases]:
    found = Leases.open()
    yield found
    found.clear()


@pytest.fixture
def make(tmp_path: Path, own: Leases, log: EventLog) -> Iterator[Make]:
    made: list[Program] = []

    def program(code: str, env: Mapping[str, str] | None = None) -> Program:
        (tmp_path / "main.py").write_text(code)
        argv = (sys.executable, "-u", "main.py")
        made.append(Program("me", argv, env or {}, tmp_path, tmp_path / "out", own, log))
        return made[-1]

    yield program
    for one in made:
        one.kill()


STUBBORN = """
import signal, threading
signal.signal(signal.SIGTERM, lambda *_: print("no"))
print("up")
threading.Event().wait()
"""

FAMILY = """
import subprocess, sys, threading
nap = [sys.executable, "-c", "import threading; threading.Event().wait()"]
print(subprocess.Popen(nap, stdout=-3, stderr=-3).pid)
{end}
"""


def test_sigterm_is_asked_and_sigkill_is_not(make: Make, log: EventLog) -> None:
    program = make(STUBBORN)
    with pytest.raises(RuntimeError, match="never started"):
        program.pid  # noqa: B018 - it is a property
    program.start()
    with pytest.raises(RuntimeError, match="already running"):
        program.start()
    until(lambda: "up" in program.tail())
    program.terminate()
    until(lambda: "no" in program.tail())
    assert program.wait(0.05) is None
    assert program.running()
    assert program.exit_code is None
    program.kill()
    assert not program.running()
    assert program.exits == [-signal.SIGKILL]
    program.kill()  # twice is no matter
    program.terminate()
    program.start()
    until(lambda: program.tail().count("up") == 2)
    program.kill()
    assert program.exits == [-9, -9]
    assert program.starts == 2
    assert [e["kind"] for e in read_events(log.path)] == [
        "program-start",
        "program-terminate",
        "program-kill",
        "program-exit",
        "program-start",
        "program-kill",
        "program-exit",
    ]


def test_it_drains_on_sigterm_and_exits_by_itself(make: Make) -> None:
    program = make(
        "import signal, sys, threading\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(4))\n"
        "print('up')\nthreading.Event().wait()\n"
    )
    program.start()
    until(lambda: "up" in program.tail())
    program.terminate()
    assert program.wait(PATIENCE) == 4
    assert (program.exits, program.exit_code) == ([4], 4)


def test_who_struck_it_is_known_until_the_next_start(make: Make) -> None:
    program = make(STUBBORN)
    program.start()
    assert not program.struck
    program.strike()
    assert program.struck
    assert program.wait(PATIENCE) == -signal.SIGKILL
    assert program.struck
    program.start()
    assert not program.struck
    program.kill()
    assert not program.struck


def test_sigterm_goes_to_it_alone_and_sigkill_to_its_group(make: Make) -> None:
    end = "signal = __import__('signal'); signal.signal(15, lambda *_: print('told'))\n"
    program = make(FAMILY.format(end=end + "print('up')\nwhile True: threading.Event().wait(9)"))
    program.start()
    until(lambda: "up" in program.tail())
    child = int(program.tail().split()[0])
    program.terminate()
    until(lambda: "told" in program.tail())
    assert not gone(child)
    assert os.getpgid(child) == program.pid != os.getpgid(0)
    program.kill()
    until(lambda: gone(child))


def test_children_do_not_outlive_their_leader(make: Make, own: Leases) -> None:
    program = make(FAMILY.format(end=""))
    program.start()
    assert program.wait(PATIENCE) == 0
    child = int(program.tail().split()[0])
    until(lambda: gone(child))
    assert list(own.folder.iterdir()) == []


def test_clearing_the_leases_ends_the_whole_family(make: Make, own: Leases) -> None:
    program = make(FAMILY.format(end="threading.Event().wait()"))
    program.start()
    until(lambda: program.tail() != "")
    child = int(program.tail())
    assert own.clear() == 1
    until(lambda: gone(child) and not program.running())


def test_paused_it_does_nothing_until_it_is_resumed(make: Make) -> None:
    program = make("import time\nwhile True:\n    print('tick')\n    time.sleep(0.01)\n")
    program.start()
    until(lambda: "tick" in program.tail())
    program.pause()
    until(lambda: psutil.Process(program.pid).status() == psutil.STATUS_STOPPED)
    assert program.running()
    program.resume()
    seen = program.output_path.stat().st_size
    until(lambda: program.output_path.stat().st_size > seen)
    program.pause()
    program.kill()  # a paused one dies too
    assert program.exits == [-9]


def test_a_flood_is_kept_up_to_the_limit_and_does_not_block(make: Make) -> None:
    size = OUTPUT_LIMIT + (1 << 20)
    program = make(
        f"import os\nleft = {size}\n"
        "while left > 0:\n    left -= os.write(1, b'x' * min(left, 65536))\n"
        "os.write(2, b'the end')\n"
    )
    program.start()
    assert program.wait(PATIENCE) == 0
    assert "more output was thrown away" in program.tail()
    kept = program.output_path.read_bytes()
    assert OUTPUT_LIMIT <= len(kept) < OUTPUT_LIMIT + 200
    # The limit is the program's, not one start's.
    program.start()
    assert program.wait(PATIENCE) == 0
    assert program.output_path.stat().st_size == len(kept)


def test_the_last_words_of_both_streams(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = make(
        "import sys\nfor n in range(40): print(n)\n"
        "sys.stdout.buffer.write(b'\\xff\\n')\nraise ValueError('of all things')\n"
    )
    assert program.tail() == ""
    program.start()
    assert program.wait(PATIENCE) == 1
    words = program.tail(6)
    assert words.endswith("ValueError: of all things")
    assert len(words.splitlines()) == 6
    # As the learner knows it, not where the attempt's copy lies.
    assert 'File "main.py"' in words or f'File "{tmp_path}' not in words
    assert "\ufffd" in program.tail(15)


def test_the_environment_is_what_it_is_given(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_USER", "x")
    program = make(
        "import json, os, sys\n"
        "print(json.dumps([dict(os.environ), sys.stdin.read(), os.getcwd()]))\n",
        {"ONLY": "this", "LC_ALL": "C.UTF-8"},
    )
    program.start()
    assert program.wait(PATIENCE) == 0
    env, stdin, folder = json.loads(program.tail())
    assert {k: v for k, v in env.items() if k != "LC_CTYPE"} == {
        "ONLY": "this",
        "LC_ALL": "C.UTF-8",
    }
    assert (stdin, Path(folder)) == ("", tmp_path.resolve())


def test_what_cannot_be_started(own: Leases, log: EventLog, tmp_path: Path) -> None:
    program = Program("me", ("/no/such/program",), {}, tmp_path, tmp_path / "out", own, log)
    with pytest.raises(OSError, match="no/such"):
        program.start()
    assert not program.running()


def test_it_gets_the_arguments_of_this_start(make: Make) -> None:
    program = make("import sys; print(sys.argv[1:]); sys.exit(len(sys.argv) - 1)")
    program.start(["--junit", "a b.xml"])
    assert program.wait(PATIENCE) == 2
    program.start()
    assert program.wait(PATIENCE) == 0
    until(lambda: program.tail() == "['--junit', 'a b.xml']\n[]")


def test_another_command_runs_where_it_would_run_itself(make: Make, tmp_path: Path) -> None:
    program = make("", {"NAMED": "value"})
    program.start(instead=["/bin/sh", "-c", 'echo "$NAMED in $(pwd)"; exit 3'])
    assert program.wait(PATIENCE) == 3
    until(lambda: "value in" in program.tail())
    assert program.exits == [3]
