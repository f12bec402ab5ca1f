"""``run``, ``watch`` and ``cluster`` on real brokers."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer

from kafka_lab.cli.watch import relevant
from kafka_lab.progress import Store

from .conftest import PLUGIN, SOLUTION, Tool


@contextmanager
def heard(process: subprocess.Popen[str]) -> Iterator[Callable[[str], list[str]]]:
    """Read both streams as they come; the given function waits for a line with some words."""
    lines: queue.Queue[str] = queue.Queue()
    seen: list[str] = []

    def pump(stream: Iterator[str]) -> None:
        for line in stream:
            lines.put(line.rstrip())

    assert process.stdout is not None
    assert process.stderr is not None
    pumps = [
        threading.Thread(target=pump, args=(s,), daemon=True)
        for s in (process.stdout, process.stderr)
    ]
    for thread in pumps:
        thread.start()

    def until(words: str) -> list[str]:
        while not any(words in line for line in seen[-1:]):
            try:
                seen.append(lines.get(timeout=60))
            except queue.Empty:
                raise AssertionError(f"{words!r} was not said, but:\n" + "\n".join(seen)) from None
        return seen

    yield until
    for thread in pumps:
        thread.join(10)


def test_run_shows_what_goes_in_and_comes_out(tool: Tool) -> None:
    tool.started(solved=True)
    process = tool.begin("run")
    with heard(process) as until:
        until("out-")
        seen = until("out-")
        until("out-")
        os.killpg(process.pid, signal.SIGINT)
        until("your program ended with exit code 0")
        assert process.wait(30) == 0
    assert "echo begins" in seen
    assert any(line.endswith('b  {"n": 2}') and line.startswith("in-") for line in seen)
    assert any(line.endswith("(none)  (none)") for line in seen)
    assert tool.left_over() == []


def test_run_sends_the_learners_own_samples(tool: Tool) -> None:
    folder = tool.started(solved=True)
    (folder / "samples").mkdir()
    (folder / "samples/in.jsonl").write_text('{"key": "mine", "value": "\\u001b[2J"}\n')
    process = tool.begin("run")
    with heard(process) as until:
        until("mine  \\x1b[2J")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert tool.left_over() == []


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("inn.jsonl", "", "there is no topic inn"),
        ("in.jsonl", '{"key": "a"}\n\n{"kye": "a"}\n', "in.jsonl:3 is no sample record"),
        ("in.jsonl", "[1]\n", "in.jsonl:1 is no sample record"),
        ("in.jsonl", "{\n", "in.jsonl:1 is no sample record"),
    ],
)
def test_run_names_what_is_wrong_with_samples(tool: Tool, name: str, text: str, words: str) -> None:
    folder = tool.started()
    (folder / "samples").mkdir()
    (folder / "samples" / name).write_text(text)
    done = tool.call("run")
    assert done.code == 2
    assert words in done.err


def test_run_says_how_the_program_ended(tool: Tool) -> None:
    (tool.started() / "echo.py").write_text("print('so')\nraise SystemExit(7)\n")
    done = tool.run("run")
    assert done.code == 1
    assert "so\n" in done.out
    assert "your program ended with exit code 7" in done.err
    assert tool.left_over() == []


def test_run_kills_what_ignores_sigterm(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    (tool.started() / "echo.py").write_text(
        "import signal, threading\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('deaf')\n"
        "threading.Event().wait()\n"
    )
    process = tool.begin("run")
    with heard(process) as until:
        until("deaf")
        process.send_signal(signal.SIGINT)
        until("SIGTERM sent")
        process.send_signal(signal.SIGINT)  # the user does not want to wait ten seconds
        until("your program ended by SIGKILL")
        assert process.wait(30) == 1
    assert tool.left_over() == []


def test_run_says_what_does_not_build(tool: Tool) -> None:
    (tool.started() / "echo.py").write_text("x = (\n")
    done = tool.call("run")
    assert done.code == 1
    assert "echo.py:1: '(' was never closed" in done.err


def test_watch_checks_on_each_save_with_the_spare(tool: Tool) -> None:
    folder = tool.started()
    process = tool.begin("watch")
    with heard(process) as until:
        until("FAILED")
        until("waiting for a change")
        (folder / ".echo.py.swp").write_text("an editor's own")
        shutil.copy(SOLUTION, folder)
        until("echo.py changed")
        seen = until("PASSED")
        assert not any(".swp" in line for line in seen)
        until("(on the cluster that was kept ready)")
        until("waiting for a change")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert tool.left_over() == []
    assert Store().is_passed("echo")


def test_watch_counts_what_is_saved_during_a_check(tool: Tool) -> None:
    folder = tool.started()
    process = tool.begin("watch")
    tool.until(lambda: "cluster" in tool.events())
    shutil.copy(SOLUTION, folder)
    with heard(process) as until:
        until("FAILED")
        until("PASSED")
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == 0
    assert tool.left_over() == []


@pytest.mark.parametrize("name", ["echo.py", "src/Main.java", "go.mod", "requirements.txt"])
def test_watched(name: str) -> None:
    assert relevant(Path(name))


@pytest.mark.parametrize(
    "name", [".venv/x.py", ".git/index", ".echo.py.swp", "echo.py~", "a/__pycache__/b.pyc", "4913"]
)
def test_not_watched(name: str) -> None:
    assert not relevant(Path(name))


def said_config(out: str) -> dict[str, str]:
    path = Path(out.partition("client configuration: ")[2].splitlines()[0])
    assert path.stat().st_mode & 0o077 == 0  # it holds a password
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)


def test_cluster_up_and_down(tool: Tool) -> None:
    done = tool.run("cluster", "up")
    assert done.code == 0
    config = said_config(done.out)
    assert f"bootstrap.servers={config['bootstrap.servers']}" in done.out
    assert config["security.protocol"] == "SASL_PLAINTEXT"
    client = Producer(config | {"log_level": "0"})
    assert len(client.list_topics(timeout=15).brokers) == 1
    # It outlives other commands.
    tool.started()
    assert "cleared" not in tool.run("check", "--only", "x").err
    assert len(client.list_topics(timeout=15).brokers) == 1
    down = tool.call("cluster", "down")
    assert (down.code, down.out) == (0, "ended what was running\n")
    with pytest.raises(KafkaException):
        client.list_topics(timeout=1)
    assert tool.left_over() == []
    assert not list(tool.home.glob("*.properties"))
    assert tool.call("cluster", "down").out == "nothing was running\n"


def test_a_plain_cluster_with_three_brokers(tool: Tool) -> None:
    done = tool.run("cluster", "up", "--brokers", "3", "--plain")
    assert done.code == 0
    config = said_config(done.out)
    assert "sasl.username" not in config
    client = Producer(config | {"log_level": "0"})
    assert len(client.list_topics(timeout=15).brokers) == 3
    assert tool.call("cluster", "down").code == 0
    assert tool.left_over() == []


def test_a_cluster_of_an_exercises_shape(tool: Tool) -> None:
    manifest = (PLUGIN / "echo" / "exercise.toml").read_text()
    shutil.copytree(PLUGIN / "echo", tool.folder / "mine" / "echo")
    path = tool.folder / "mine" / "echo" / "exercise.toml"
    path.write_text(f"cluster = {{ brokers = 2, protocol = 'SASL_SSL' }}\n{manifest}")
    done = tool.run("cluster", "up", "mine/echo")
    assert done.code == 0
    client = Producer(said_config(done.out) | {"log_level": "0"})
    assert len(client.list_topics(timeout=15).brokers) == 2
    refused = tool.call("cluster", "up", "mine/echo", "--plain")
    assert (refused.code, "asks for listeners of its own" in refused.err) == (2, True)
    assert tool.call("cluster", "down").code == 0
    assert tool.left_over() == []


def test_cluster_up_is_interrupted(tool: Tool) -> None:
    process = tool.begin("cluster", "up")
    tool.until(lambda: any("kafka.Kafka" in line for line in tool.processes()))
    os.killpg(process.pid, signal.SIGINT)
    assert tool.end(process, timeout=20).code == 130
    assert tool.left_over() == []


def test_cluster_up_with_an_unknown_version(tool: Tool) -> None:
    done = tool.call("cluster", "up", "--version", "9.9")
    assert done.code == 3
    assert "choose one of" in done.err
    assert tool.left_over() == []
