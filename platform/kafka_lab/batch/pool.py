"""Dask distributed: workers of this machine, or those of a scheduler that is there already.

Every task needs one of the resource ``clusters``; a worker has as many as clusters may run on its
machine at once. Dask gives the tasks of a worker that died to others; a local worker that died is
replaced, too.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dask
from distributed import Client, Future, LocalCluster
from distributed.security import Security

from kafka_lab.api import Outcome
from kafka_lab.batch import task
from kafka_lab.runtime.errors import LabError, UsageError
from kafka_lab.runtime.interrupts import held
from kafka_lab.runtime.leases import Leases, sweep
from kafka_lab.runtime.reaper import adopt_orphans, descendants, reap_descendants

TRIES = 3
"""Attempts at one submission when the lab itself breaks; each on a cluster of its own."""
_DEATHS = 2
"""Workers that one submission may take with it; the next one makes it an error."""
_STARTS = 120.0
_CLEARING = 60.0

Say = Callable[[str], None]


@dataclass
class Done:
    """What came of one order. ``raw`` as ``task.grade`` returns it; ``tries`` from 1."""

    name: str
    raw: dict[str, Any]
    tries: int


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    number: int
    said: bool = False


@dataclass
class Pool:
    """Workers to grade on. A context manager: nothing of it survives the block."""

    client: Client
    capacity: int
    run: str
    say: Say
    _cluster: LocalCluster | None = None
    _leases: Leases | None = None
    _folder: str = ""
    _others: frozenset[int] = frozenset()
    _sizes: list[int] = field(default_factory=list)
    _workers: list[_Worker] = field(default_factory=list)
    _deaths: int = 0
    _secret: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def pids(self) -> list[int]:
        """Of the local workers that are there now."""
        return [w.process.pid for w in self._workers if w.process.poll() is None]

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- work -----------------------------------------------------------------------------

    def grade(self, orders: Iterable[tuple[str, Callable[[], dict[str, Any]]]]) -> Iterator[Done]:
        """Grade all orders, yielding each once, as it ends.

        Orders are made when they are sent, a few more than are worked on: a class's files need
        not be in memory at once.
        """
        todo = iter(orders)
        ended: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
        going: dict[Future[Any], tuple[str, Callable[[], dict[str, Any]], int]] = {}

        def send(name: str, make: Callable[[], dict[str, Any]], tries: int) -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of Dask, on large orders
                future = self.client.submit(
                    task.grade,
                    make(),
                    key=f"{self.run}-{name}-{tries}",
                    resources={"clusters": 1},
                    pure=False,
                )
            going[future] = (name, make, tries)
            future.add_done_callback(ended.put)

        def fill() -> None:
            while len(going) < self.capacity + 2:
                try:
                    name, make = next(todo)
                except StopIteration:
                    return
                send(name, make, 1)

        fill()
        while going:
            self._supervise()
            try:
                future = ended.get(timeout=0.2)
            except queue.Empty:
                continue
            name, make, tries = going.pop(future)
            raw = _result(future)
            future.release()
            if tries < TRIES and _broke(raw):
                send(name, make, tries + 1)
                continue
            fill()
            yield Done(name, raw, tries)

    def _supervise(self) -> None:
        """Replace a local worker that has died."""
        for worker in list(self._workers):
            code = worker.process.poll()
            if code is None:
                continue
            self._workers.remove(worker)
            self._deaths += 1
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            if self._deaths > 10 * len(self._sizes):
                raise LabError(
                    "the workers die again and again", f"the last one died of {how}; see the memory"
                )
            self.say(f"worker {worker.number + 1} died ({how}); its submissions are graded again")
            self._start(worker.number)

    # -- local workers --------------------------------------------------------------------

    def _start(self, number: int) -> None:
        assert self._leases is not None
        with held():
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "kafka_lab.batch.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._leases.process(process.pid)
            self._workers.append(_Worker(process, number))
        assert process.stdin is not None
        raw = {
            **self._secret,
            "name": f"worker-{number + 1}-{process.pid}",
            "clusters": self._sizes[number],
            "folder": self._folder,
        }
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(raw).encode() + b"\n")
            process.stdin.flush()

    def close(self) -> None:
        """End everything. Finished results are not touched. Idempotent."""
        with held():
            with contextlib.suppress(Exception):
                # Running tasks cannot be cancelled by Dask: their children are told to end.
                self.client.run(task.stop, self.run, on_error="ignore")
            self._end_workers()
            with contextlib.suppress(Exception):
                self.client.close(timeout=5)
            if self._cluster is not None:
                with contextlib.suppress(Exception):
                    self._cluster.close(timeout=5)
            if self._leases is not None:
                self._leases.clear()
                self._leases = None
                _reap(self._others)
                sweep()

    def _end_workers(self) -> None:
        workers, self._workers = self._workers, []
        for worker in workers:
            with contextlib.suppress(OSError):
                assert worker.process.stdin is not None
                worker.process.stdin.close()
        end = time.monotonic() + _CLEARING
        for worker in workers:
            try:
                worker.process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()


def _reap(others: frozenset[int]) -> None:
    """Children of workers that were killed clear up by themselves; who does not is ended."""
    end = time.monotonic() + _CLEARING
    while time.monotonic() < end:
        left = descendants() - others
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.05)
    reap_descendants(others)


def _result(future: Future[Any]) -> dict[str, Any]:
    try:
        raw: dict[str, Any] = future.result(timeout=60)
    except Exception as e:  # KilledWorker, or whatever Dask has to say
        return {"broken": f"it took its worker with it: {type(e).__name__}: {e}"}
    return raw


def _broke(raw: dict[str, Any]) -> bool:
    return "verdict" not in raw or raw["verdict"]["outcome"] == Outcome.ERROR.value


def share(clusters: int, workers: int) -> list[int]:
    """Clusters at once for each worker: as even as can be, at least one each."""
    workers = min(workers, clusters)
    return [clusters // workers + (n < clusters % workers) for n in range(workers)]


def local(workers: int, clusters: int, run: str, say: Say) -> Pool:
    """A scheduler in this process and ``workers`` processes, with ``clusters`` at once in all.

    Raises:
        LabError: when they do not come up.
    """
    others = descendants()
    adopt_orphans()  # of a worker that is killed
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    dask.config.set(
        {
            "distributed.scheduler.allowed-failures": _DEATHS,
            # Its HTTP server cannot be left out; it serves nothing, and to this machine only.
            "distributed.scheduler.http.routes": [],
        }
    )
    security = Security.temporary()
    leases = Leases.open()
    folder = tempfile.mkdtemp(prefix="kafka-lab-workers-")
    leases.tree(Path(folder))
    try:
        cluster = LocalCluster(
            n_workers=0,
            host="127.0.0.1",
            protocol="tls",
            security=security,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        )
        client = Client(cluster, set_as_default=False)
    except BaseException:
        leases.clear()
        raise
    pool = Pool(client, clusters, run, say, cluster, leases, folder, others)
    pool._sizes = share(clusters, workers)
    pool._secret = {
        "scheduler": cluster.scheduler_address,
        "ca": security.tls_ca_file,
        "cert": security.tls_worker_cert,
        "key": security.tls_worker_key,
    }
    try:
        for number in range(len(pool._sizes)):
            pool._start(number)
        end = time.monotonic() + _STARTS
        while len(client.scheduler_info()["workers"]) < len(pool._sizes):
            pool._supervise()
            if time.monotonic() > end:
                raise LabError("the workers do not come up", "see that nothing fills this machine")
            time.sleep(0.05)
    except BaseException:
        pool.close()
        raise
    return pool


def existing(address: str, run: str, say: Say) -> Pool:
    """The workers of a scheduler. TLS is configured as Dask has it (``DASK_DISTRIBUTED__COMM__…``).

    Raises:
        UsageError: when it does not answer, or none of its workers may run a cluster.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=20, set_as_default=False)
    except (OSError, ValueError, TypeError) as e:
        raise UsageError(
            f"the scheduler at {address} does not answer: {e}",
            "name it as tcp://HOST:PORT or tls://HOST:PORT; certificates are set by Dask's own "
            "settings",
        ) from e
    workers = client.scheduler_info(n_workers=-1)["workers"]
    capacity = int(sum(w.get("resources", {}).get("clusters", 0) for w in workers.values()))
    if not capacity:
        client.close()
        raise UsageError(
            f"none of the {len(workers)} workers at {address} may run a cluster",
            'start them with: dask worker ADDRESS --no-nanny --nthreads 1 --resources "clusters=1"',
        )
    return Pool(client, capacity, run, say)
