"""The learner's commands that start no cluster."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from kafka_lab.api import CheckResult, Outcome, Verdict
from kafka_lab.progress import Store

from .conftest import PLUGIN, Tool


def verdict(outcome: Outcome, attempt: str = "20260101-000000-aaaaaa") -> Verdict:
    return Verdict(
        exercise="echo",
        language="python",
        outcome=outcome,
        checks=(CheckResult("copies", "Copies.", outcome, 10),),
        seed=7,
        backend="embedded",
        kafka_version="4.3.1",
        attempt=attempt,
        started=1_750_000_000.0,
        seconds=2.5,
    )


@pytest.fixture
def passed(tool: Tool) -> Tool:
    tool.started()
    Store().record(verdict(Outcome.PASSED), tool.folder)
    return tool


def test_list(tool: Tool) -> None:
    done = tool.call("list")
    assert done.code == 0
    assert "1 Advanced Kafka features" in done.out
    assert "· echo" in done.out
    assert "· transactions" in done.out


def test_list_shows_progress(passed: Tool) -> None:
    assert "✓ echo" in passed.call("list").out


def test_list_as_json(passed: Tool) -> None:
    rows = {row["slug"]: row for row in json.loads(passed.call("list", "--json").out)}
    assert rows["echo"]["passed"] is True
    assert rows["echo"]["best_points"] == 10
    assert rows["echo"]["languages"] == ["python"]
    assert rows["transactions"]["passed"] is False
    assert rows["transactions"]["best_points"] is None


def test_start_makes_a_folder(tool: Tool) -> None:
    done = tool.call("start", "echo")
    assert done.code == 0
    made = {p.name for p in (tool.folder / "echo").iterdir()}
    assert {"echo.py", "README.md", ".kafka-lab.toml", "requirements.txt"} <= made
    assert "kafka-lab check" in done.out


@pytest.mark.parametrize("language", ["java", "go"])
def test_start_in_another_language(tool: Tool, language: str) -> None:
    done = tool.call("start", "transactions", "--language", language)
    assert done.code == 0
    assert f'language = "{language}"' in (tool.folder / "transactions/.kafka-lab.toml").read_text()


def test_start_refuses_to_overwrite(tool: Tool) -> None:
    folder = tool.started()
    (folder / "echo.py").write_text("mine")
    tool.folder = folder.parent
    done = tool.call("start", "echo")
    assert done.code == 2
    assert "is there already" in done.err
    assert (folder / "echo.py").read_text() == "mine"


def test_start_refuses_inside_an_exercise(tool: Tool) -> None:
    folder = tool.started()
    done = tool.call("start", "transactions")
    assert done.code == 2
    assert f"cd {folder.parent}" in done.err


def test_start_of_an_unknown_exercise(tool: Tool) -> None:
    done = tool.call("start", "transaction")
    assert done.code == 2
    assert "did you mean transactions?" in done.err


def test_start_in_an_unknown_language(tool: Tool) -> None:
    done = tool.call("start", "transactions", "-l", "pyton")
    assert done.code == 2
    assert "did you mean python?" in done.err
    assert not (tool.folder / "transactions").exists()


def test_hints_come_one_by_one_and_are_remembered(tool: Tool) -> None:
    tool.started()
    for number in (1, 2, 3):
        done = tool.call("hint")
        assert done.code == 0
        assert done.out.count("/3  ") == number
        assert f"{number}/3  " in done.out.splitlines()[-1]
    done = tool.call("hint")
    assert "You have seen all hints" in done.out


def test_hint_by_name(tool: Tool) -> None:
    assert "1/3" in tool.call("hint", "echo").out
    assert tool.call("hint", "ekko").code == 2


def test_all_hints_after_passing(passed: Tool) -> None:
    done = passed.call("hint")
    assert "1/3" in done.out
    assert "3/3" in done.out


def test_the_solution_is_refused_before_passing(tool: Tool) -> None:
    tool.started()
    done = tool.call("solution")
    assert done.code == 2
    assert "--reveal" in done.err
    assert "message.key()" not in done.out


def test_the_solution_is_shown_on_demand(tool: Tool) -> None:
    tool.started()
    done = tool.call("solution", "--reveal")
    assert done.code == 0
    assert "message.key()" in done.out
    assert Store().solution_revealed("echo") is not None


def test_the_solution_is_shown_after_passing(passed: Tool) -> None:
    done = passed.call("solution")
    assert done.code == 0
    assert "message.key()" in done.out
    assert Store().solution_revealed("echo") is None


def test_reset_keeps_a_backup(tool: Tool) -> None:
    folder = tool.started()
    (folder / "echo.py").write_text("mine")
    done = tool.call("reset")
    assert done.code == 0
    assert "TODO" in (folder / "echo.py").read_text()
    (backup,) = folder.parent.glob("echo.backup-*")
    assert (backup / "echo.py").read_text() == "mine"


def test_update_when_nothing_has_changed(tool: Tool) -> None:
    tool.started()
    done = tool.call("update")
    assert (done.code, done.out) == (0, "Nothing has changed.\n")


def test_update_brings_what_has_changed(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tool.started()
    (folder / "echo.py").write_text("mine")
    copy = tmp_path / "newer"
    shutil.copytree(PLUGIN, copy)
    (copy / "echo/guide.md").write_text("# Echo, second edition\n")
    (copy / "echo/starter/python/echo.py").write_text("new")
    import echo_lab  # type: ignore[import-not-found]

    from kafka_lab import wiring

    monkeypatch.setattr(echo_lab, "HOME", copy / "echo")
    wiring.plugins.cache_clear()
    wiring.catalog.cache_clear()
    done = tool.call("update")
    assert done.code == 0
    assert "replaced  README.md" in done.out
    assert "kept  echo.py (new version: echo.py.new)" in done.out
    assert "unchanged" not in done.out
    assert (folder / "echo.py").read_text() == "mine"


def test_progress(tool: Tool) -> None:
    assert "No attempts yet" in tool.call("progress").out
    Store().record(verdict(Outcome.FAILED, "20260101-000000-aaaaaa"), Path("/w/echo"))
    Store().record(verdict(Outcome.PASSED, "20260101-000001-bbbbbb"), None)
    done = tool.call("progress")
    assert re.search(r"Passed 0 of \d+ exercises\.", done.out)
    assert "failed    0/10    2.5 s  20260101-000000-aaaaaa" in done.out
    assert "(reference solution)" in done.out


def test_progress_as_json(passed: Tool) -> None:
    raw = json.loads(passed.call("progress", "--json").out)
    assert raw["passed"] == ["echo"]
    assert raw["attempts"][0]["seed"] == 7


def test_logs(tool: Tool) -> None:
    assert tool.call("logs").code == 2
    for name, text in (("20260101-000000-a", b"old\n"), ("20260102-000000-b", b"new \x1b[2J\n")):
        folder = tool.home / "attempts" / name
        folder.mkdir(parents=True)
        (folder / "program-echo.log").write_bytes(text)
        (folder / "program-quiet.log").touch()
    done = tool.call("logs")
    assert done.out.startswith(str(tool.home / "attempts/20260102-000000-b"))
    assert "new \\x1b[2J" in done.out  # it cannot steer the terminal
    assert "nothing was printed to program-quiet.log" in done.out
    assert "old" in tool.call("logs", "20260101").out
    assert tool.call("logs", "../..").code == 2


def test_logs_of_brokers_and_services(tool: Tool) -> None:
    folder = tool.home / "attempts" / "20260101-000000-a"
    folder.mkdir(parents=True)
    (folder / "program-echo.log").write_text("printed\n")
    for name, count in (("broker-1", 150), ("broker-target-1", 1), ("service-registry", 2)):
        (folder / f"{name}.log").write_text("".join(f"{name} line {n}\n" for n in range(count)))
    assert "NAME: broker-1, broker-target-1, service-registry" in tool.call("logs").out
    brokers = tool.call("logs", "broker").out
    assert "broker-1 line 149" in brokers
    assert "broker-1 line 49\n" not in brokers
    assert "broker-target-1 line 0" in brokers
    assert "printed" not in brokers
    one = tool.call("logs", "20260101", "broker-1", "--lines", "0").out
    assert "broker-1 line 0\n" in one
    assert "target" not in one
    assert "service-registry line 1" in tool.call("logs", "service").out
    assert "printed" in tool.call("logs", "20260101", "program").out
    done = tool.call("logs", "service-odd")
    assert (done.code, "it has program-echo, broker-1" in done.err) == (2, True)
    assert "there are no logs called 'x'" in tool.call("logs", "20260101", "x").err


@pytest.mark.parametrize("command", ["check", "run", "watch", "hint", "reset", "update"])
def test_in_a_wrong_folder(tool: Tool, command: str) -> None:
    done = tool.call(command)
    assert done.code == 2
    assert "is not in an exercise's folder" in done.err
    assert "kafka-lab start" in done.err


def test_above_an_exercise_its_name_is_told(tool: Tool) -> None:
    tool.folder = tool.started().parent
    assert "cd into one of the exercises here: echo" in tool.call("check").err


def test_a_broken_marker_is_told(tool: Tool) -> None:
    (tool.started() / ".kafka-lab.toml").write_text("exercise = [")
    done = tool.call("check")
    assert done.code == 2
    assert ".kafka-lab.toml is broken" in done.err
    assert "Your program is untouched." in done.err


def test_a_workspace_of_an_exercise_that_is_gone(tool: Tool) -> None:
    folder = tool.started()
    marker = folder / ".kafka-lab.toml"
    marker.write_text(marker.read_text().replace('"echo"', '"transactoins"'))
    done = tool.call("check")
    assert done.code == 2
    assert "did you mean transactions?" in done.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["nope"], "there is no exercise 'nope'"),
        (["transactoins"], "did you mean transactions?"),
        (["transactions"], "transactions is not started here"),
        (["/no/such/folder"], "there is no folder /no/such/folder"),
        (["echo", "--only", "copys"], "choose from copies, keeps_keys"),
        (["echo", "--backend", "cloud"], "there is no cluster backend 'cloud'"),
        (["echo", "--junit", "/no/such/x.xml"], "/no/such/x.xml cannot be written"),
        (["echo", "--language", "java"], "echo has no track for 'java'"),
        (["echo", "--seed", "-1"], "--seed"),
        (["--solution"], "is not in an exercise's folder"),
        (["--solution", "nope"], "there is no exercise 'nope'"),
    ],
)
def test_what_check_refuses_at_once(tool: Tool, args: list[str], words: str) -> None:
    tool.folder = tool.started().parent
    done = tool.call("check", *args)
    assert done.code == 2
    assert words in done.err
    assert not (tool.home / "attempts").exists()


def test_check_refuses_another_track_than_the_folders(tool: Tool) -> None:
    tool.started("transactions")
    done = tool.call("check", "--language", "go")
    assert done.code == 2
    assert "is the python track" in done.err
    assert "kafka-lab start transactions --language go" in done.err


def test_verify_wants_one_exercise_or_all(tool: Tool) -> None:
    assert tool.call("verify").code == 2
    assert tool.call("verify", "echo", "--all").code == 2
    assert tool.call("verify", "ekko").code == 2


def test_verify_shows_what_the_plan_finds(tool: Tool) -> None:
    done = tool.call("verify", "echo", "--language", "go")
    assert done.code == 1
    assert "it has 1 mutants; five or more are asked" in done.out


def test_doctor(tool: Tool) -> None:
    done = tool.call("doctor")
    assert done.code == 0
    assert "✓ backend embedded" in done.out
    assert "✓ ports" in done.out
    assert "✓ track python" in done.out
    assert str(tool.home) in done.out


def test_doctor_without_any_cluster(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    done = tool.run("doctor", KAFKA_LAB_JAVA="/no/java", DOCKER_HOST="unix:///no/docker.sock")
    assert done.code == 3
    assert "✗ a cluster" in done.out
    assert "KAFKA_LAB_JAVA" in done.out


def test_doctor_names_a_broken_plugin(tool: Tool, tmp_path: Path) -> None:
    info = tmp_path / "site/broken_lab-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-lab\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[kafka_lab]\nbroken = no_such_module\n")
    done = tool.run("list", PYTHONPATH=f"{tool.env['PYTHONPATH']}:{info.parent}")
    assert done.code == 0
    assert "warning: plugin broken: it cannot be loaded" in done.err
    assert "transactions" in done.out


def test_cache_info(tool: Tool) -> None:
    done = tool.call("cache", "info")
    assert done.code == 0
    assert "MB  jars" in done.out


def test_cache_prepare_for_an_exercise(tool: Tool) -> None:
    done = tool.call("cache", "prepare", "transactoins")
    assert done.code == 2
    assert "transactions" in done.err
    done = tool.run("cache", "prepare", "avro-registry", "--backend", "embedded")
    assert (done.code, done.out.splitlines()[-1]) == (0, "ready")
    assert "preparing the registry" in done.out


def test_cache_check_finds_a_wrong_jar(tool: Tool, tmp_path: Path) -> None:
    import os

    from kafka_lab.runtime.paths import cache_dir
    from kafka_lab.services.registry import APP

    # A cache of its own, with links to the user's jars: nothing is fetched, nothing is harmed.
    jars, own = cache_dir() / "jars", tmp_path / "cache"
    shutil.copytree(jars, own / "jars", copy_function=os.link)
    victim = next((own / "jars").rglob("kafka-clients-*.jar"))
    victim.unlink()
    victim.write_bytes(b"half a jar")
    registry = APP.local_path  # what services are made of is looked at too
    other = own / registry.relative_to(cache_dir())
    other.unlink(missing_ok=True)
    other.parent.mkdir(parents=True, exist_ok=True)
    other.write_bytes(b"half an archive")
    done = tool.run("cache", "check", KAFKA_LAB_CACHE=str(own))
    assert done.code == 0
    assert "deleted org.apache.kafka:kafka-clients" in done.out
    assert "deleted io.apicurio:apicurio-registry-app" in done.out
    assert not victim.exists()
    assert not other.exists()
    again = tool.run("cache", "check", KAFKA_LAB_CACHE=str(own))
    assert "all cached jars are right" in again.out


def test_cache_clear_asks(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "cache/builds").mkdir(parents=True)
    cache = str(tmp_path / "cache")
    asked = tool.run("cache", "clear", KAFKA_LAB_CACHE=cache)
    assert asked.code != 0
    assert (tmp_path / "cache/builds").is_dir()
    done = tool.run("cache", "clear", "--yes", KAFKA_LAB_CACHE=cache)
    assert done.code == 0
    assert not (tmp_path / "cache/builds").exists()
