"""The list of commands, their help, and how quickly it comes."""

from __future__ import annotations

import importlib
import subprocess
import sys

import click
import pytest

from kafka_lab.cli import COMMANDS

from .conftest import PLATFORM, Tool

HEAVY = (
    "confluent_kafka",
    "docker",
    "jsonschema",
    "kafka",
    "pluggy",
    "psutil",
    "pytest",
    "requests",
    "rich",
    "sqlite3",
    "testcontainers",
    "watchfiles",
)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_the_command_says(name: str) -> None:
    module, text = COMMANDS[name]
    command = getattr(importlib.import_module(f"kafka_lab.cli.{module}"), f"{name}_command")
    assert isinstance(command, click.Command)
    assert command.name == name
    said = command.get_short_help_str(200).rstrip(".")
    # Of what a command does more, the list says only the first part.
    assert said.startswith(text.rstrip(".")) or text.rstrip(".").startswith(said)


@pytest.mark.parametrize("args", [["--help"], ["--version"], []])
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-X", "importtime", "-m", "kafka_lab", *args],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(PLATFORM)},
        check=False,
    )
    imported = {
        line.rpartition("|")[2].strip().split(".")[0]
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "click" in imported
    assert imported.isdisjoint(HEAVY), imported & set(HEAVY)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command(tool: Tool, name: str) -> None:
    done = tool.call(name, "--help")
    assert done.code == 0
    assert "Usage: kafka-lab" in done.out


def test_without_a_command_the_help_is_shown(tool: Tool) -> None:
    done = tool.call()
    assert done.code == 2
    assert all(name in done.said for name in COMMANDS)


def test_an_unknown_command_is_answered_with_the_nearest(tool: Tool) -> None:
    done = tool.call("chek")
    assert done.code == 2
    assert "Did you mean 'check'?" in done.err


def test_an_unknown_option_is_a_usage_error(tool: Tool) -> None:
    done = tool.call("check", "--sed", "3")
    assert done.code == 2
    assert "--seed" in done.err


def test_a_plugins_command_is_listed_and_runs(tool: Tool) -> None:
    assert "shout       Say it loudly." in tool.call("--help").out
    done = tool.call("shout", "hello")
    assert (done.code, done.out) == (0, "HELLO\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(tool: Tool, shell: str) -> None:
    done = tool.call("completion", shell)
    assert done.code == 0
    assert "_KAFKA_LAB_COMPLETE" in done.out


def test_completion_completes(tool: Tool) -> None:
    done = tool.run(_KAFKA_LAB_COMPLETE="bash_complete", COMP_WORDS="kafka-lab che", COMP_CWORD="1")
    assert "check" in done.out


def test_a_closed_pipe_is_no_error(tool: Tool) -> None:
    process = tool.begin("completion", "bash")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(30) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
