"""Many clusters, one after another and several at a time: what fails, what is left.

Each cluster is started, gives a consumer group a record that was just written, and is ended. A
start that failed for a passing reason and was tried again is counted. Nothing may be left of any:
processes, containers, networks, volumes, files, leases, descriptors.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import measures
import psutil

from kafka_lab.clusters.registry import Backend, backends
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Leases
from kafka_lab.runtime.paths import scratch_root, state_dir


@dataclass
class Tally:
    """What became of the starts. ``seconds``: start to first group record of each."""

    seconds: list[float] = field(default_factory=list)
    again: int = 0
    failed: list[str] = field(default_factory=list)


@contextmanager
def _own_folders() -> Iterator[None]:
    """Folders that nobody else uses, so that what is left there is ours."""
    memory = Path("/dev/shm")
    home = tempfile.mkdtemp(prefix="kafka-lab-stress-")
    scratch = tempfile.mkdtemp(prefix="kafka-lab-stress-", dir=memory if memory.is_dir() else None)
    before = {k: os.environ.get(k) for k in ("KAFKA_LAB_HOME", "KAFKA_LAB_SCRATCH")}
    os.environ |= {"KAFKA_LAB_HOME": home, "KAFKA_LAB_SCRATCH": scratch}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
        for folder in (home, scratch):
            shutil.rmtree(folder, ignore_errors=True)


def _things(backend: Backend) -> dict[str, set[str]]:
    """Everything that a cluster may leave, by kind."""
    scratch = str(scratch_root())
    processes = set()
    for process in psutil.process_iter():
        try:
            if scratch in " ".join(process.cmdline()):
                processes.add(f"{process.pid} {process.name()}")
        except psutil.Error:
            continue
    own = {str(child.pid) for child in psutil.Process().children(recursive=True)}
    found = {
        "processes": processes | own,
        "files": {str(p) for p in (*scratch_root().iterdir(), *state_dir().iterdir())},
    }
    if backend.name == "testcontainers":
        from kafka_lab.clusters.testcontainers.where import engine_address
        from kafka_lab.runtime.engine import Engine

        api = Engine(engine_address()).api
        mine = {"label": "kafka-lab"}
        found["containers"] = {c["Id"] for c in api.containers(all=True, filters=mine)}
        found["networks"] = {n["Name"] for n in api.networks() if "kafka-lab" in n["Name"]}
        found["volumes"] = {v["Name"] for v in api.volumes()["Volumes"] or ()}
    return found


def _once(backend: Backend, spec: ClusterSpec, tally: Tally) -> None:
    leases = Leases.open()
    try:
        began = time.monotonic()
        cluster = backend.start(spec, (), leases)
        tally.again += cluster.tries - 1
        tally.seconds.append(measures.first_group_record(cluster.harness_client_config(), began))
    except (LabError, TimeoutError) as e:
        tally.failed.append(str(e)[-300:])
    finally:
        leases.clear()


def many(name: str, count: int, at_once: int) -> bool:
    """Start and end ``count`` clusters; whether none failed and nothing is left."""
    backend, spec, tally = backends()[name], ClusterSpec(), Tally()
    backend.prepare(spec.version)
    with _own_folders():
        _once(backend, spec, Tally())  # whatever is opened once and for all is open now
        before, descriptors = _things(backend), psutil.Process().num_fds()
        with ThreadPoolExecutor(at_once) as pool:
            for done in [pool.submit(_once, backend, spec, tally) for _ in range(count)]:
                done.result()
        after = _things(backend)
        left = {kind: after[kind] - before[kind] for kind in after if after[kind] - before[kind]}
        more = psutil.Process().num_fds() - descriptors
    print(
        f"  {name:<14} {count:>4} clusters, {at_once} at a time: {len(tally.failed)} failed, "
        f"{tally.again} tried again, left: {left or 'nothing'}, descriptors {more:+d}; "
        f"median {statistics.median(tally.seconds or [0]):.2f} s, "
        f"max {max(tally.seconds or [0]):.2f} s",
        flush=True,
    )
    for text in tally.failed:
        print(f"    {text}")
    # A client's library may keep a few descriptors for itself; a leak grows with each cluster.
    return not tally.failed and not left and more < count / 4


def memory(brokers: int) -> None:
    """Resident and proportional set size of all brokers of an embedded cluster, after use."""
    backend, spec = backends()["embedded"], ClusterSpec(brokers=brokers)
    leases = Leases.open()
    try:
        cluster = backend.start(spec, (), leases)
        measures.first_group_record(cluster.harness_client_config(), time.monotonic())
        infos = [psutil.Process(b.handle()["pid"]).memory_full_info() for b in cluster.nodes]
    finally:
        leases.clear()
    resident = sum(i.rss for i in infos) / 1e6
    proportional = sum(getattr(i, "pss", 0) for i in infos) / 1e6
    print(f"  {brokers} broker(s): {resident:.0f} MB resident, {proportional:.0f} MB proportional")


def stress(count: int, in_containers: int) -> bool:
    """The whole part; whether everything held."""
    print("\nclusters one after another and at the same time")
    held = [many("embedded", count, 1), many("embedded", count, 4)]
    found = backends()["testcontainers"]
    if in_containers and not found.unavailable():
        held += [many("testcontainers", in_containers, n) for n in (1, 4)]
    print("\nmemory of brokers")
    for brokers in (1, 3):
        memory(brokers)
    return all(held)
