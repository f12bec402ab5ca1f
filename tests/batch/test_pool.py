"""The pool by itself: retries, shares, and who may talk to it. No cluster is started here."""

from __future__ import annotations

import contextlib
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from distributed import Client

from kafka_lab.batch import pool
from kafka_lab.batch.task import grade
from kafka_lab.runtime.errors import UsageError
from kafka_lab.runtime.paths import state_dir


def order(name: str) -> Callable[[], dict[str, Any]]:
    """One that every worker refuses at once."""
    return lambda: {"run": "r", "name": name, "exercise": "no-such-exercise"}


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def hired(said: list[str]) -> Iterator[pool.Pool]:
    before = set(state_dir().iterdir())
    with pool.local(2, 3, "r", said.append) as found:
        pids = found.pids
        yield found
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert set(state_dir().iterdir()) <= before


def test_what_breaks_is_tried_three_times_and_told_once(hired: pool.Pool) -> None:
    names = [f"s{n}" for n in range(4)]
    done = list(hired.grade((name, order(name)) for name in names))
    assert sorted(d.name for d in done) == names
    assert {d.tries for d in done} == {pool.TRIES}
    assert all("there is no exercise 'no-such-exercise'" in d.raw["broken"] for d in done)


def test_a_dead_worker_is_replaced_and_its_orders_are_done_once(
    hired: pool.Pool, said: list[str]
) -> None:
    names = [f"s{n}" for n in range(8)]
    done = []
    for result in hired.grade((name, order(name)) for name in names):
        done.append(result.name)
        if len(done) == 2:
            os.kill(hired.pids[0], signal.SIGKILL)
    assert sorted(done) == names
    (text,) = said
    assert "died (SIGKILL); its submissions are graded again" in text


def test_nobody_else_can_send_it_work(hired: pool.Pool) -> None:
    """A scheduler runs what it is sent: without the run's certificate nothing gets through."""
    ports = [
        c.laddr
        for pid in (os.getpid(), *hired.pids)
        for c in psutil.Process(pid).net_connections()
        if c.status == psutil.CONN_LISTEN
    ]
    scheduler = hired.client.scheduler_info()["address"]
    assert scheduler.startswith("tls://127.0.0.1:")
    assert {place.ip for place in ports if place.ip != "127.0.0.1"} == set()
    for address in (scheduler.replace("tls://", "tcp://"), scheduler):
        with pytest.raises((OSError, TypeError)):
            Client(address, timeout=2, set_as_default=False)
    for place in ports:
        with contextlib.suppress(OSError):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"http://{place.ip}:{place.port}/info/main", timeout=5)
            assert refused.value.code == 404


def test_clusters_are_shared_out_and_workers_have_one_at_least() -> None:
    assert pool.share(4, 2) == [2, 2]
    assert pool.share(5, 2) == [3, 2]
    assert pool.share(1, 8) == [1]
    assert pool.share(3, 3) == [1, 1, 1]


def test_a_child_that_says_nothing_is_an_error_of_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONHOME", "nowhere")
    said = grade({"run": "x"})
    assert said["broken"].startswith("grading ended early (exit code ")


def test_a_scheduler_that_is_not_there_is_said() -> None:
    with pytest.raises(UsageError, match="does not answer"):
        pool.existing("tcp://127.0.0.1:1", "r", print)
