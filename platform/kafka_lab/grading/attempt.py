"""One attempt, from the parent's side: it owns everything that runs, and forms the verdict."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kafka_lab
from kafka_lab.api import CheckResult, Finding, Outcome, Rights, Verdict
from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.ports import listening_socket
from kafka_lab.clusters.registry import Backend, choose
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.grading.asking import Answers
from kafka_lab.grading.job import Job, Ready
from kafka_lab.grading.more_clusters import MoreClusters, told
from kafka_lab.grading.sandbox_cluster import Standing
from kafka_lab.grading.services import ServiceOrder, ServiceOwner, refuse_missing
from kafka_lab.grading.snapshot import snapshot
from kafka_lab.grading.way_in import JAVA_FILE, write_way_in
from kafka_lab.programs.sandbox.kinds import kinds
from kafka_lab.programs.sandbox.workshop import Workshop
from kafka_lab.programs.toolchains.base import Built, Toolchain, build_in
from kafka_lab.runtime.errors import BuildFailed, LabError
from kafka_lab.runtime.events import EVENTS_SCHEMA, EventLog
from kafka_lab.runtime.interrupts import held
from kafka_lab.runtime.leases import Leases
from kafka_lab.runtime.paths import data_dir
from kafka_lab.runtime.reaper import adopt_orphans, descendants, reap_descendants
from kafka_lab.runtime.seeds import new_seed

TIME_LIMIT = 240.0
"""Seconds (scaled) after which the parent ends an attempt whatever the grader does."""
_KEPT_ATTEMPTS = 100


@dataclass(frozen=True)
class Request:
    """What to check: a program's folder against an exercise's grader."""

    exercise: str
    language: str
    source: Path
    entry: str
    grader: Path
    checks: Sequence[tuple[str, int]]
    toolchain: Toolchain
    backend: str | None = None
    spec: ClusterSpec = field(default_factory=ClusterSpec)
    seed: int | None = None
    only: Sequence[str] = ()
    fail_fast: bool = False
    neutral: bool = False
    keep: bool = False
    dialect: str | None = None
    exercise_version: str = ""
    services: Sequence[ServiceOrder] = ()
    rights: Rights | None = None
    """What the program may do, in the contract's words; ``None``: the grader says it itself."""
    sandbox: str = "none"
    """Name of the kind in which the program is built and runs; ``none``: with all our rights."""
    trusted: Sequence[Path] = ()
    """The exercise's own workspaces of the track: a sandboxed program may use their libraries."""
    spare: Standing | None = None
    """A cluster of this spec that is up already; used once, ended with the attempt."""
    report: Callable[[Path, Verdict], object] | None = None
    """Makes something to look at of an attempt's folder; what it raises changes no verdict."""


class Listener:
    """Hears of an attempt while it goes on; the default hears and says nothing."""

    def stage(self, text: str) -> None:
        """What is happening now."""

    def checking(self, title: str) -> None:
        """A check has begun."""

    def check(self, result: CheckResult) -> None:
        """A check has ended."""

    def built(self, built: Built) -> None:
        """The program is built."""


@dataclass
class _Results:
    checks: dict[str, CheckResult] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    broken: str = ""
    ended: bool = False


def time_scale() -> float:
    """The factor of learners' deadlines on this machine: ``KAFKA_LAB_TIME_SCALE``, default 1.

    Raises:
        LabError: when it is not a number from 0.1 to 100.
    """
    raw = os.environ.get("KAFKA_LAB_TIME_SCALE", "1")
    try:
        scale = float(raw)
    except ValueError:
        scale = 0.0
    if not 0.1 <= scale <= 100:
        raise LabError(
            f"KAFKA_LAB_TIME_SCALE is {raw!r}", "set it to a number from 0.1 to 100, or unset it"
        )
    return scale


def check(request: Request, listener: Listener | None = None) -> Verdict:
    """Run one attempt and return its verdict; nothing that it started survives it.

    Every trouble of the lab itself is a verdict with outcome *error*, but for what the user
    can mend before anything starts.

    Raises:
        UsageError: for a backend that is not there, a check that does not exist.
        LabError: when not even the attempt's folder can be made.
    """
    hear = listener or Listener()
    known = [c for c, _ in request.checks]
    unknown = [c for c in request.only if c not in known]
    if unknown:
        from kafka_lab.runtime.errors import UsageError

        raise UsageError(
            f"{request.exercise} has no check {unknown[0]!r}", f"choose from {', '.join(known)}"
        )
    backend = choose(request.backend)
    refuse_missing(request.services)
    attempt = _Attempt(request, backend, hear)
    return attempt.run()


class _Attempt:
    def __init__(self, request: Request, backend: Backend, hear: Listener) -> None:
        self.request = request
        self.backend = backend
        self.hear = hear
        self.seed = new_seed() if request.seed is None else request.seed
        self.scale = time_scale()
        self.id = time.strftime("%Y%m%d-%H%M%S-") + uuid.uuid4().hex[:6]
        self.folder = attempts_dir() / self.id
        self.started = time.time()
        self.origin = time.monotonic()
        self.results = _Results()
        self.cluster: Cluster | None = None
        self.services: ServiceOwner | None = None
        self.others = frozenset[int]()
        self.more: MoreClusters | None = None
        self.answers = Answers({})

    def run(self) -> Verdict:
        try:
            self.folder.mkdir(parents=True)
        except OSError as e:
            raise LabError(
                f"cannot write {self.folder}: {e.strerror}", "make room, or set KAFKA_LAB_HOME"
            ) from e
        self.others = descendants()
        adopt_orphans()
        spare = self.request.spare
        leases = spare.leases if spare else Leases.open()
        log = EventLog(self.folder / "events.jsonl", self.origin)
        error = ""
        build_failure = ""
        try:
            log.write(
                "attempt",
                schema=EVENTS_SCHEMA,
                id=self.id,
                exercise=self.request.exercise,
                exercise_version=self.request.exercise_version,
                language=self.request.language,
                seed=self.seed,
                scale=self.scale,
                neutral=self.request.neutral,
                started=self.started,
            )
            self.more = MoreClusters(self.backend, leases, log)
            self.answers = Answers({"cluster": self.more.start})
            self._grade(leases, log)
        except BuildFailed as e:
            build_failure, self.build_code = e.output, e.code
        except LabError as e:
            error = f"{e.what}\n{e.fix}".strip()
        except Exception as e:
            error = f"{type(e).__name__}: {e}"
        finally:
            with held():
                # What is being started is leased bit by bit: let it come to its end first.
                self.answers.close(10)
                if self.cluster is not None:
                    self._keep_logs(self.cluster)
                for name, cluster in (self.more.running if self.more else {}).items():
                    self._keep_logs(cluster, f"{name}-")
                if self.request.keep and self.cluster is not None:
                    self._say_kept(leases)
                else:
                    if self.services is not None:
                        self.services.stop()
                    leases.clear()
                    reap_descendants(self.others)
                with contextlib.suppress(OSError):  # no space: nothing may hide what went before
                    log.write("end")
                log.close()
        verdict = self._verdict(build_failure, error)
        _write(self.folder / "verdict.json", json.dumps(verdict.to_json(), indent=1))
        self._report(verdict)
        _prune()
        return verdict

    def _report(self, verdict: Verdict) -> None:
        if self.request.report is None:
            return
        try:
            self.request.report(self.folder, verdict)
        except Exception:
            with contextlib.suppress(OSError):
                _write(self.folder / "report-broke.log", traceback.format_exc())

    # -- the parts ------------------------------------------------------------------------

    def _grade(self, leases: Leases, log: EventLog) -> None:
        request = self.request
        source = self.folder / "source"
        snapshot(request.source, source)
        self.hear.stage("preparing")
        self.backend.prepare(
            request.spec.version, lambda what, n, of: self.hear.stage(f"{what} ({n}/{of})")
        )
        start: Future[Cluster] = Future()
        services = self.services = ServiceOwner(
            request.services, leases, log, self.folder, lambda: start.result()
        )
        services.prepare(self.hear.stage)
        spare = request.spare
        count = request.spec.sockets
        sockets = spare.sockets if spare else [listening_socket() for _ in range(count)]
        ports = [s.getsockname()[1] for s in sockets]
        read_end, write_end = os.pipe()
        empty = Path(tempfile.mkdtemp(prefix="kafka-lab-grader-"))
        leases.tree(empty)
        child = self._spawn(write_end, [s.fileno() for s in sockets], empty, leases)
        os.close(write_end)
        for s in sockets:
            s.close()  # the child has its own copies
        try:
            self.hear.stage("building the program and starting the cluster")
            with ThreadPoolExecutor(2 + len(request.services)) as pool:
                build: Future[Built] = pool.submit(self._build, source, leases)
                if spare:
                    start.set_result(spare.cluster)
                else:
                    start = pool.submit(self.backend.start, request.spec, ports, leases)
                up = services.begin(pool)
                both: list[Future[Any]] = [build, start, *up]
                try:
                    wait(both)
                except KeyboardInterrupt:
                    # Both threads wait for processes: without these they end at once.
                    with held():
                        leases.clear()
                        reap_descendants(self.others)
                    raise
                with contextlib.suppress(Exception):
                    self.cluster = start.result()
                built = build.result()
                self.cluster = start.result()
                for service in up:
                    service.result()
            self.hear.built(built)
            log.write("cluster", **told(self.cluster, request.spec))
            ready = Ready(
                self.cluster.handle(),
                list(built.argv),
                dict(built.env),
                request.dialect or built.dialect,
                str(source),
                services.handles(),
                request.sandbox,
                [str(p) for p in built.reads],
            )
            assert child.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(ready.line().encode())
                child.stdin.flush()
            self.hear.stage("checking")
            self._listen(read_end, child)
        finally:
            os.close(read_end)
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            child.wait()
            for pipe in (child.stdin,):
                if pipe:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()

    def _spawn(
        self, results_fd: int, relay_fds: list[int], cwd: Path, leases: Leases
    ) -> subprocess.Popen[bytes]:
        job = Job(
            exercise=self.request.exercise,
            language=self.request.language,
            grader=str(self.request.grader),
            attempt_folder=str(self.folder),
            leases_folder=str(leases.folder),
            results_fd=results_fd,
            relay_fds=relay_fds,
            seed=self.seed,
            scale=self.scale,
            neutral=self.request.neutral,
            only=list(self.request.only),
            fail_fast=self.request.fail_fast,
            origin=self.origin,
            checks=list(self.request.checks),
            rights=self.request.rights.to_json() if self.request.rights else None,
        )
        root = str(Path(kafka_lab.__file__).resolve().parent.parent)
        code = (
            f"import sys; sys.path.insert(0, {root!r}); "
            "from kafka_lab.grading.child import main; main()"
        )
        with (self.folder / "grader.log").open("wb") as out:
            child = subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", code],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                pass_fds=[results_fd, *relay_fds],
                start_new_session=True,
            )
        leases.process(child.pid)
        assert child.stdin is not None
        child.stdin.write(job.line().encode())
        child.stdin.flush()
        return child

    def _listen(self, fd: int, child: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + TIME_LIMIT * self.scale * (4 if self.request.neutral else 1)
        buffer = b""
        while not self.results.ended:
            left = end - time.monotonic()
            if left <= 0:
                raise LabError(
                    "the grader did not come to its end in time",
                    "on a slow machine set KAFKA_LAB_TIME_SCALE=2; else this is a fault of the lab",
                )
            if not select.select([fd], [], [], min(left, 1.0))[0]:
                continue
            chunk = os.read(fd, 65536)
            if not chunk:
                child.wait()
                raise LabError(
                    f"the grader ended early (exit code {child.returncode})",
                    f"its output is in {self.folder / 'grader.log'}",
                )
            buffer += chunk
            *lines, buffer = buffer.split(b"\n")
            for line in lines:
                self._heard(json.loads(line), child)

    def _heard(self, message: dict[str, Any], child: subprocess.Popen[bytes]) -> None:
        kind = message["type"]
        if kind == "check":
            result = CheckResult.from_json(message["result"])
            self.results.checks[result.id] = result
            self.hear.check(result)
        elif kind == "checking":
            self.hear.checking(message["title"])
        elif kind == "ask":
            assert child.stdin is not None
            self.answers.heard(message, child.stdin)
        elif kind == "note":
            self.results.notes.append(message["text"])
        elif kind == "broken":
            self.results.broken = message["error"]
        elif kind == "end":
            self.results.ended = True
            if message["code"] not in (0, 1) and not self.results.broken:
                self.results.broken = f"its output is in {self.folder / 'grader.log'}"

    def _build(self, source: Path, leases: Leases) -> Built:
        request, say = self.request, self.hear.stage
        if request.sandbox not in kinds():  # none, or a user whose toolchain does it by itself
            return request.toolchain.build(source, request.entry, say)
        shop = Workshop(request.sandbox, request.trusted, leases)
        return build_in(shop, request.toolchain, source, request.entry, say)

    # -- the end --------------------------------------------------------------------------

    def _verdict(self, build_failure: str, error: str) -> Verdict:
        checks = []
        wanted = set(self.request.only)
        for name, points in self.request.checks:
            seen = self.results.checks.get(name)
            if seen is not None:
                checks.append(seen)
            elif build_failure or error:
                checks.append(CheckResult(name, name, Outcome.NOT_REACHED, points))
            elif wanted and name not in wanted:
                continue
            else:
                missing = "the grader has no such check"
                checks.append(CheckResult(name, name, Outcome.ERROR, points, error=missing))
        extra = [r for n, r in self.results.checks.items() if n not in dict(self.request.checks)]
        if build_failure:
            finding = Finding(self.build_code, f"Your program does not build:\n{build_failure}")
            checks.insert(
                0, CheckResult("build", "The program builds.", Outcome.FAILED, 0, (finding,))
            )
        broken = [c for c in checks + extra if c.outcome is Outcome.ERROR]
        if not error and self.results.broken:
            error = f"the grader cannot be loaded: {self.results.broken}"
        if not error and extra:
            error = f"the manifest does not list the grader's check {extra[0].id!r}"
        if not error and broken:
            error = f"the check {broken[0].id} broke: {broken[0].error.strip().splitlines()[-1]}"
        if error:
            outcome = Outcome.ERROR
        elif all(c.outcome is Outcome.PASSED for c in checks):
            outcome = Outcome.PASSED
        else:
            outcome = Outcome.FAILED
        return Verdict(
            exercise=self.request.exercise,
            language=self.request.language,
            outcome=outcome,
            checks=tuple(checks),
            seed=self.seed,
            backend=self.backend.name,
            kafka_version=self.request.spec.version,
            attempt=self.id,
            started=self.started,
            seconds=round(time.monotonic() - self.origin, 3),
            error=error,
            notes=tuple(self.results.notes),
            exercise_version=self.request.exercise_version,
        )

    def _keep_logs(self, cluster: Cluster, before: str = "") -> None:
        for broker in cluster.nodes:
            with contextlib.suppress(OSError, LabError):
                path = self.folder / f"broker-{before}{broker.id}.log"
                path.write_text(broker.log_text())
        kdc = Path(cluster.pki, "kerberos", "kdc.log")
        if cluster.pki and kdc.is_file():
            shutil.copyfile(kdc, self.folder / f"service-{before}kdc.log")

    def _say_kept(self, leases: Leases) -> None:
        assert self.cluster is not None
        path = write_way_in(self.cluster, self.folder)
        services = self.services.ways_in() if self.services else []
        kept = (
            f"the cluster is kept at {self.cluster.harness_bootstrap} until "
            f"kafka-lab cluster down; a client's configuration is in {path}, "
            f"for Java in {path.with_name(JAVA_FILE)}"
        )
        self.results.notes.append("\n".join([kept, *services]))
        leases.keep()


def attempts_dir() -> Path:
    """The folder of all attempts."""
    return data_dir() / "attempts"


def _write(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text)
    temporary.replace(path)


def _prune() -> None:
    """Keep the newest attempts; verdicts live on in the progress store."""
    folders = sorted((p for p in attempts_dir().iterdir() if p.is_dir()), reverse=True)
    for old in folders[_KEPT_ATTEMPTS:]:
        shutil.rmtree(old, ignore_errors=True)
