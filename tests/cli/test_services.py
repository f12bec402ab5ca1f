"""An exercise with services, from an outside package that brings one of them, by real checks."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from kafka_lab.runtime.events import read_events

from .conftest import PLUGIN, Tool

PRICED = Path(__file__).with_name("service_plugin")


@pytest.fixture
def priced(tool: Tool, plugins: Callable[..., None]) -> Tool:
    plugins(PLUGIN, PRICED)
    tool.env["PYTHONPATH"] += f"{os.pathsep}{PRICED}"
    return tool


def test_services_are_there_for_program_and_grader(priced: Tool) -> None:
    folder = priced.started("priced")
    failed = priced.run("check")
    assert failed.code == 1
    assert "wrong-price: The prices are" in failed.out
    shutil.copy(PRICED / "priced" / "solution" / "python" / "priced.py", folder)
    done = priced.run("check")
    assert (done.code, "PASSED  10 of 10 points" in done.out) == (0, True)
    attempt = sorted(priced.home.glob("attempts/*"))[-1]
    events = read_events(attempt / "events.jsonl")
    for name in ("registry", "prices", "shelf"):
        kinds = [e["kind"] for e in events if e.get("service") == name]
        assert kinds[:2] == ["service-start", "service-ready"]
        assert (attempt / f"service-{name}.log").stat().st_size > 0
    asked = [e for e in events if e["kind"] == "service-request" and e["path"] == "/3"]
    assert [e["answer"] for e in asked] == ["503", "200"]
    stopped = [e["service"] for e in events if e["kind"] == "service-stop"]
    assert sorted(stopped) == ["front", "prices", "registry", "shelf"]
    assert priced.left_over() == []


def test_a_service_that_cannot_be_had_is_said_everywhere(priced: Tool) -> None:
    said = "needs Unobtainium: install it with apt-get install unobtainium"
    assert said in priced.call("list").out
    rows = {row["slug"]: row for row in json.loads(priced.call("list", "--json").out)}
    assert rows["unpriced"]["needs"] == [said]
    assert rows["priced"]["needs"] == []
    doctor = priced.call("doctor").out
    assert "✗ service absent" in doctor
    assert "needs Unobtainium (for unpriced)" in doctor
    assert "✓ service shelf" in doctor
    priced.started("unpriced")
    done = priced.run("check")
    assert done.code == 2
    assert "the service absent needs Unobtainium" in done.err
    assert "apt-get install unobtainium" in done.err


ASKING = """\
import os
import urllib.request

for name, path in (("SCHEMA_REGISTRY", "config"), ("PRICES", "7"), ("SHELF", "currency")):
    with urllib.request.urlopen(f"{os.environ[name + '_URL']}/{path}", timeout=20) as answer:
        print(name, answer.read().decode())
"""


def test_run_starts_them_too(priced: Tool) -> None:
    (priced.started("priced") / "priced.py").write_text(ASKING)
    done = priced.run("run")
    assert done.code == 0, done.said
    assert 'SCHEMA_REGISTRY {"compatibilityLevel":"BACKWARD"}' in done.out
    assert "PRICES {}" in done.out
    assert "SHELF EUR" in done.out
    assert priced.left_over() == []


def test_keep_leaves_services_that_down_ends(priced: Tool) -> None:
    folder = priced.started("priced")
    shutil.copy(PRICED / "priced" / "solution" / "python" / "priced.py", folder)
    done = priced.run("check", "--keep")
    assert done.code == 0, done.said
    assert "the cluster is kept at" in done.out
    kept = re.search(r"the service registry is kept: url (\S+)", done.out)
    assert kept is not None
    assert requests.get(f"{kept[1]}/subjects", timeout=20).json() != []
    assert priced.call("cluster", "down").code == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{kept[1]}/subjects", timeout=20)
    assert priced.left_over() == []


def test_interrupting_leaves_nothing(priced: Tool) -> None:
    priced.started("priced")
    process = priced.begin("check")
    priced.until(lambda: "service-start" in priced.events())
    os.killpg(process.pid, signal.SIGINT)
    assert priced.end(process).code == 130
    assert priced.left_over() == []
    # Killed, it leaves them to the next command.
    before = sorted(priced.home.glob("attempts/*"))
    process = priced.begin("check")
    priced.until(lambda: sorted(priced.home.glob("attempts/*")) != before, 120)
    priced.until(lambda: "service-ready" in priced.events(), 120)
    process.kill()
    process.communicate(timeout=60)
    assert priced.run("list").code == 0
    priced.until(lambda: priced.left_over() == [])
