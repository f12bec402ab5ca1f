"""Attacks on the verdict: forged, guessed, or believed because a program said so."""

from __future__ import annotations

import io
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import Consumer, TopicPartition

from kafka_lab.api import Outcome, Verdict
from kafka_lab.programs.process import OUTPUT_LIMIT, Program
from kafka_lab.reports import junit
from kafka_lab.reports.terminal import TerminalReport
from kafka_lab.runtime import seeds
from kafka_lab.runtime.events import EventLog
from kafka_lab.runtime.leases import Leases

from .conftest import Grade, usable_kinds
from .scene import stopped

COPIER = """
import os
from confluent_kafka import Consumer, Producer
conf = {
    "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
    "security.protocol": os.environ["KAFKA_SECURITY_PROTOCOL"],
    "sasl.mechanism": os.environ["KAFKA_SASL_MECHANISM"],
    "sasl.username": os.environ["KAFKA_SASL_USERNAME"],
    "sasl.password": os.environ["KAFKA_SASL_PASSWORD"],
}
group = {"group.id": os.environ["GROUP_ID"], "auto.offset.reset": "earliest",
         "enable.auto.commit": False}
"""
HONEST = (
    COPIER
    + """
consumer, producer = Consumer(conf | group), Producer(conf)
consumer.subscribe([os.environ["IN_TOPIC"]])
while True:
    m = consumer.poll(0.2)
    if m is not None and not m.error():
        producer.produce(os.environ["OUT_TOPIC"], m.value())
        producer.flush()
        consumer.commit(m)
"""
)


def nothing(verdict: Verdict) -> bool:
    assert verdict.outcome in (Outcome.FAILED, Outcome.ERROR), verdict
    return verdict.earned == 0


def test_an_honest_program_passes_there(grade: Grade, box: str) -> None:
    assert grade(HONEST, sandbox=box).outcome is Outcome.PASSED


@stopped("exit 0 at once", "the verdict is formed from checks, not from exit codes")
def test_exit_0(grade: Grade, box: str, tmp_path: Path) -> None:
    code = "raise SystemExit(0)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0  # what a naive judge sees
    assert nothing(grade(code, sandbox=box, kafka=False))


FORGER = """
import json, os, time
lines = [
    {"type": "check", "result": {"id": "copies_every_record", "title": "forged",
                                 "outcome": "passed", "points": 10}},
    {"type": "end", "code": 0},
]
data = "".join(json.dumps(x) + "\\n" for x in lines).encode()
for base in {f"/proc/{os.getppid()}/fd", "/proc/1/fd"} - {"/proc/0/fd"}:
    try:
        names = os.listdir(base)
    except OSError as e:
        print(base, e)
        continue
    for name in names:
        path = f"{base}/{name}"
        try:
            if int(name) > 2 and os.readlink(path).startswith("pipe:"):
                os.write(os.open(path, os.O_WRONLY | os.O_NONBLOCK), data)
        except OSError as e:
            print(path, e)
time.sleep(2)
"""


@stopped("write a forged result into the grader's own pipe", "PID namespace")
def test_forged_results(grade: Grade) -> None:
    # Only the parent's descriptors: process 1 is the machine's, without a sandbox.
    naive = FORGER.replace(', "/proc/1/fd"', "")
    believed = grade(naive, sandbox="none", kafka=False)
    assert (believed.outcome, believed.earned) == (Outcome.PASSED, 10)
    for kind in usable_kinds():
        assert nothing(grade(FORGER, sandbox=kind, kafka=False))


CONFTEST = """
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    report.outcome = "passed"
    report.longrepr = None
"""


@stopped("a conftest.py or sitecustomize.py in the submission", "the grader's own isolated process")
def test_conftest(grade: Grade, box: str, tmp_path: Path) -> None:
    folder = tmp_path / "submission"
    folder.mkdir()
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_naive.py").write_text("def test_it(): assert False\n")
    naive = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    assert subprocess.run(naive, cwd=folder, capture_output=True).returncode == 0
    # Who has the submission on the path runs this in the judge's own process.
    (folder / "sitecustomize.py").write_text("import os\nprint('owned', flush=True)\nos._exit(0)\n")
    judge = [sys.executable, "-c", "raise SystemExit(1)"]
    path = {"PYTHONPATH": str(folder)}
    assert subprocess.run(judge, env=path, capture_output=True).returncode == 0
    (folder / "pytest.py").write_text("raise SystemExit(0)\n")
    assert nothing(grade("import time; time.sleep(1)", sandbox=box, kafka=False))


GUESSER = (
    COPIER
    + """
import hashlib, random
def draw(seed, *key):
    material = "\\x1f".join((str(seed), "name", *key)).encode()
    chance = random.Random(int.from_bytes(hashlib.sha256(material).digest(), "big"))
    return f"{chance.randrange(36**7):08x}"[-8:]
producer = Producer(conf)
for n in range(5):
    producer.produce(os.environ["OUT_TOPIC"], draw(7, "value", str(n)))
producer.flush()
"""
)


@stopped("write the expected output by guessing", "nonces from a secret seed")
def test_guessed_output(grade: Grade, box: str) -> None:
    assert grade(GUESSER, sandbox=box, seed=7).outcome is Outcome.PASSED  # a seed that is known
    assert nothing(grade(GUESSER, sandbox=box))


COMMITTER = (
    COPIER
    + """
consumer = Consumer(conf | group)
consumer.subscribe([os.environ["IN_TOPIC"]])
for _ in range(5):
    m = consumer.poll(8)
    consumer.commit(m, asynchronous=False)
consumer.close()
"""
)


@stopped("commit offsets without processing", "the output is read, offsets prove nothing")
def test_commits_only(grade: Grade, box: str, site: Any) -> None:
    verdict = grade(COMMITTER, sandbox=box, seed=11)
    config = site.cluster.harness_client_config() | {"group.id": seeds.name(11, "group")}
    reader = Consumer(config)
    partition = TopicPartition(seeds.name(11, "in"), 0)
    (committed,) = reader.committed([partition], timeout=20)
    reader.close()
    assert committed.offset == 5  # who judges by lag believes it
    assert nothing(verdict)


@stopped("terminal escape sequences in the output", "escaped wherever it is shown")
def test_escapes(grade: Grade, box: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "print('\\x1b]0;owned\\x07\\x1b[2J\\x1b[31mpassed')"
    verdict = grade(code, sandbox=box, kafka=False)
    assert nothing(verdict)
    raw = "".join(f.message for c in verdict.checks for f in c.findings)
    assert "\x1b[2J" in raw  # printed as it is, it would clear the screen
    shown = io.StringIO()
    with TerminalReport(shown, live=False) as report:
        report.verdict(verdict)
    for text in (shown.getvalue(), junit.render(verdict)):
        assert "owned" in text
        assert "\x1b" not in text
        assert "\x07" not in text


@stopped("endless output", "the harness keeps 2 MB, and reads the rest away")
def test_endless_output(home: Path, tmp_path: Path, log: EventLog) -> None:
    code = "for _ in range(6): print('x' * (1 << 20))"
    naive = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert len(naive.stdout) > 6 << 20
    leases = Leases.open()
    (tmp_path / "main.py").write_text(code)
    argv = (sys.executable, "main.py")
    program = Program("ada", argv, {}, tmp_path, tmp_path / "out", leases, log)
    program.start()
    assert program.wait(30) == 0
    program.tail()
    leases.clear()
    assert (tmp_path / "out").stat().st_size < OUTPUT_LIMIT + 100


CLINGING = """
import os, signal, sys, time
if "MARK" not in sys.argv:
    os.execv(sys.executable, [sys.executable, "main.py", "MARK"])
for number in range(1, 32):
    try: signal.signal(number, signal.SIG_IGN)
    except OSError: pass
print("up", flush=True)
time.sleep(30)
"""


@stopped("hang on SIGTERM", "SIGKILL, and the end of the PID namespace")
def test_hangs_on_sigterm(grade: Grade, tmp_path: Path, log: EventLog) -> None:
    leases = Leases.open()
    mark = f"clinging-{secrets.token_hex(8)}"
    code = CLINGING.replace("MARK", mark)
    (tmp_path / "main.py").write_text(code)
    argv = (sys.executable, "main.py")
    program = Program("ada", argv, {}, tmp_path, tmp_path / "out", leases, log)
    program.start()
    while "up" not in program.tail():
        assert program.wait(0.05) is None
    program.terminate()
    assert program.wait(1.0) is None  # who only asks waits for ever
    program.kill()
    leases.clear()
    for kind in usable_kinds():
        verdict = grade(code, sandbox=kind, kafka=False)
        assert nothing(verdict)
        everybody = [p.info["cmdline"] or () for p in psutil.process_iter(["cmdline"])]
        assert not [line for line in everybody if mark in line]
