"""A kafka-lab that was killed leaves containers behind; the next command removes them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kafka_lab.clusters.testcontainers.backend import TestcontainersBackend
from kafka_lab.runtime.leases import Leases, kept, sweep

pytestmark = pytest.mark.docker

OWNER = """
import signal, sys
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.clusters.testcontainers.backend import TestcontainersBackend
from kafka_lab.runtime.leases import Leases
leases = Leases.open()
print("leased", flush=True)
TestcontainersBackend().start(ClusterSpec(brokers=int(sys.argv[1])), (), leases)
if sys.argv[2] == "keep":
    leases.keep()
print("started", flush=True)
signal.pause()
"""


def _owner(brokers: int, mode: str) -> subprocess.Popen[str]:
    # Without Ryuk: this is about what kafka-lab's own leases do.
    env = os.environ | {"TESTCONTAINERS_RYUK_DISABLED": "true"}
    command = [sys.executable, "-c", OWNER, str(brokers), mode]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


def _kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout
    process.stdout.close()


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(p for p in sys.path if p))


def test_the_sweep_removes_what_a_killed_owner_started(
    backend: TestcontainersBackend, present: Callable[[], set[str]]
) -> None:
    before = present()
    owner = _owner(3, "")
    try:
        assert owner.stdout
        assert [owner.stdout.readline() for _ in range(2)] == ["leased\n", "started\n"]
        assert sweep() == 0  # it lives
    finally:
        _kill(owner)
    assert present() != before
    assert sweep() == 4
    assert present() == before


def test_the_sweep_removes_half_a_start(
    backend: TestcontainersBackend, present: Callable[[], set[str]]
) -> None:
    before = present()
    owner = _owner(1, "")
    try:
        assert owner.stdout
        assert owner.stdout.readline() == "leased\n"
        while present() == before:
            assert owner.poll() is None
    finally:
        _kill(owner)
    sweep()
    assert present() == before


def test_a_kept_cluster_outlives_its_owner(
    backend: TestcontainersBackend, present: Callable[[], set[str]]
) -> None:
    before = present()
    owner = _owner(1, "keep")
    try:
        assert owner.stdout
        assert [owner.stdout.readline() for _ in range(2)] == ["leased\n", "started\n"]
    finally:
        _kill(owner)
    assert sweep() == 0
    assert present() != before
    (found,) = kept()
    assert found.clear() == 1
    assert present() == before


def test_a_silent_engine_keeps_its_leases(tmp_path: Path) -> None:
    nowhere = f"unix://{tmp_path}/no.sock"
    leases = Leases.open()
    leases.container("kafka-lab-nothing", nowhere)
    leases.network("kafka-lab-nothing", nowhere)
    assert leases.clear() == 2
    assert len(list(leases.folder.glob("*.json"))) == 2
    for entry in leases.folder.glob("*.json"):
        os.utime(entry, (0, 0))  # decades old: that engine will not come back
    assert leases.clear() == 2
    assert not leases.folder.exists()
