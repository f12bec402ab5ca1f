"""Ctrl-C, SIGTERM and SIGKILL in the middle: nothing stays, nothing is lost."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Callable

import psutil
import pytest

from kafka_lab.progress import Store
from kafka_lab.runtime.paths import bundled

from .conftest import Tool

# When the blow falls: as soon as this event stands in the attempt's log.
MOMENTS = {"starting": "attempt", "started": "cluster", "ordinary": "program-start"}


def ctrl_c(process: subprocess.Popen[str]) -> None:
    """As a terminal does it: the whole process group is told."""
    os.killpg(process.pid, signal.SIGINT)


def sigint(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)


def sigterm(process: subprocess.Popen[str]) -> None:
    process.terminate()


def impatient(process: subprocess.Popen[str]) -> None:
    """Ctrl-C again and again."""
    for _ in range(5):
        ctrl_c(process)
        try:
            process.wait(0.1)
            return
        except subprocess.TimeoutExpired:
            continue


def intact(tool: Tool) -> None:
    """Nothing runs, nothing lies around, and the progress can be read and written."""
    assert tool.left_over() == []
    assert tool.call("progress").code == 0
    with sqlite3.connect(Store().path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize(
    ("moment", "blow"),
    [
        ("starting", ctrl_c),
        ("starting", sigterm),
        ("started", sigint),
        ("started", impatient),
        ("ordinary", ctrl_c),
        ("ordinary", sigint),
    ],
)
def test_interrupted(
    tool: Tool, moment: str, blow: Callable[[subprocess.Popen[str]], None]
) -> None:
    tool.started()
    process = tool.begin("check")
    tool.until(lambda: MOMENTS[moment] in tool.events())
    blow(process)
    done = tool.end(process, timeout=15)
    assert done.code == 130
    assert done.err.count("everything that was started has been stopped") == 1
    intact(tool)
    assert Store().attempts() == []


def test_interrupted_while_libraries_are_installed(tool: Tool) -> None:
    folder = tool.started()
    # An index that takes connections and never says anything.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        (folder / "requirements.txt").write_text(f"--index-url {index}\nno-such-library==1\n")
        process = tool.begin("check")
        silent.settimeout(60)
        connection, _ = silent.accept()  # pip is there
        sigterm(process)  # to kafka-lab alone, so pip does not hear of it
        done = tool.end(process, timeout=20)
        connection.close()
    assert done.code == 130
    intact(tool)


def test_interrupted_in_the_middle_of_crashes(tool: Tool) -> None:
    folder = tool.started("transactions")
    for path in (bundled("solutions") / "transactions/python").glob("*.py"):
        shutil.copy(path, folder)
    process = tool.begin("check")
    tool.until(lambda: "fault" in tool.events(), 90)
    ctrl_c(process)
    done = tool.end(process, timeout=20)
    assert done.code == 130
    intact(tool)


def test_killed_and_cleared_by_the_next_command(tool: Tool) -> None:
    tool.started()
    process = tool.begin("check")
    tool.until(lambda: "program-start" in tool.events())
    process.kill()
    process.communicate()
    assert any("kafka.Kafka" in line for line in tool.processes())
    assert "1 left by a killed kafka-lab" in tool.call("doctor").out
    done = tool.run("check", "--only", "nothing")
    assert done.code == 2
    assert "cleared up what an earlier, killed kafka-lab had left" in done.err
    # The grader's child sees its parent gone and takes the program with it, in its own time.
    tool.until(lambda: tool.processes() == [], 15)
    intact(tool)
    again = tool.run("check", "--only", "nothing")
    assert "cleared up" not in again.err


def test_a_broker_killed_by_hand_is_an_error(tool: Tool) -> None:
    tool.started()
    process = tool.begin("check")
    tool.until(lambda: "program-start" in tool.events())
    (broker,) = [
        p
        for p in psutil.Process(process.pid).children(recursive=True)
        if "kafka.Kafka" in p.cmdline()
    ]
    broker.kill()
    done = tool.end(process)
    assert done.code == 3
    assert "broker 1 ended, and not by the grader's hand" in done.out
    assert "does not count against you" in done.out
    intact(tool)


def test_verify_is_interrupted(tool: Tool) -> None:
    process = tool.begin("verify", "echo", "--kind", "solution", "--repeat", "4")
    tool.until(lambda: len(list(tool.home.glob("attempts/*/events.jsonl"))) == 2)
    tool.until(lambda: "attempt" in tool.events())
    sigterm(process)
    done = tool.end(process, timeout=30)
    assert done.code == 130
    intact(tool)
