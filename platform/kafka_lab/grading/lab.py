"""What a grader works with: the cluster, the learner's program, faults, time and chance."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from kafka_lab.api import Finding, Findings, Rights
from kafka_lab.clusters.admin import Acl, Admin
from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.denials import Denial, denials, settle
from kafka_lab.clusters.group_members import group_members, groups_that_begin
from kafka_lab.clusters.logreader import LogReader
from kafka_lab.clusters.ports import free_ports
from kafka_lab.clusters.spec import PROGRAM_PRINCIPALS, ClusterSpec
from kafka_lab.faults.relay import DROP, Hold, Relay, Trigger
from kafka_lab.faults.requests import Request
from kafka_lab.grading.asking import Parent
from kafka_lab.grading.confined import Confinement
from kafka_lab.grading.job import Job, Ready
from kafka_lab.grading.services import variables as service_variables
from kafka_lab.grading.site import LabBroker, Site, another
from kafka_lab.programs.contract import environment, prefixed
from kafka_lab.programs.process import Program
from kafka_lab.runtime import seeds
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.events import EventLog
from kafka_lab.runtime.leases import Leases
from kafka_lab.services.base import Service
from kafka_lab.services.http_gateway import HttpGateway

T = TypeVar("T")
S = TypeVar("S", bound=Service)


@dataclass
class Role:
    """One instance of the learner's program, with a principal of its own."""

    program: Program
    principal: str
    stopping: bool = False
    """Set before the harness ends it on purpose: then an exit is no surprise."""
    files: Path | None = None
    """A folder that the program and the grader both see, where the grader asked for one. Trust
    nothing that the program leaves there: links too."""


@dataclass
class Lab:
    """The harness's side of one attempt; one per grader process.

    Threads may share it: each gets an ``Admin`` of its own from ``admin()``.
    """

    job: Job
    ready: Ready
    cluster: Cluster
    relay: Relay
    leases: Leases
    log: EventLog
    parent: Parent
    notes: list[str] = field(default_factory=list)
    _principals: int = 0
    _roles: list[Role] = field(default_factory=list)
    _excused: list[tuple[str, str, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    topic_ids: dict[str, str] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)
    """Variables that services give to every program."""
    sites: dict[str, Site] = field(default_factory=dict)
    """Every cluster of the attempt by its name; the exercise's own is the one without a name."""

    def __post_init__(self) -> None:
        self.sites[""] = Site("", self.cluster, self.relay, self.log)
        self.confinement = Confinement(self.ready, self.sites, self.leases, self.log)

    # -- chance and time ------------------------------------------------------------------

    def rng(self, *purpose: str) -> Random:
        """A generator of its own for this purpose, from the attempt's seed."""
        return seeds.rng(self.job.seed, *purpose)

    def name(self, *purpose: str) -> str:
        """A short random name for this purpose, from the attempt's seed."""
        return seeds.name(self.job.seed, *purpose)

    def seconds(self, nominal: float) -> float:
        """A learner's deadline of ``nominal`` seconds on this machine (scaled)."""
        return nominal * self.job.scale

    def wait(self, condition: Callable[[], bool], nominal: float, interval: float = 0.01) -> bool:
        """Wait until a condition holds; whether it did before the (scaled) deadline."""
        end = time.monotonic() + self.seconds(nominal)
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(interval)  # polls the cluster, with a deadline
        return True

    def note(self, text: str) -> None:
        """Put on record what the harness did on its own."""
        with self._lock:
            self.notes.append(text)
        self.log.write("note", text=text)

    # -- the cluster ----------------------------------------------------------------------

    def admin(self) -> Admin:
        """This thread's connection with the harness's rights."""
        return self.sites[""].admin()

    def create_topics(self, topics: Mapping[str, int]) -> None:
        """Name → partitions. Raises ``AdminError``."""
        ids = self.admin().create_topics(topics)
        with self._lock:
            self.topic_ids |= ids
        self.log.write("topics", topics=dict(topics), ids=ids)

    def reader(self, topics: Mapping[str, int]) -> LogReader:
        """A log reader for this thread."""
        return LogReader(self.admin(), dict(topics), self.log)

    def requests(self, *principals: str) -> list[Request]:
        """What these principals asked, in order, with topic ids turned into names."""
        found = [r for r in list(self.relay.history) if r.principal in principals]
        for request in found:
            facts, answer = request.facts, request.answer
            named = (facts.get("partitions"), facts.get("offsets"), answer.get("base_offsets"))
            for parts in named:
                for part in parts or ():
                    part[0] = self.topic_ids.get(part[0], part[0])
        return found

    # -- programs -------------------------------------------------------------------------

    def role(
        self,
        name: str,
        variables: Mapping[str, str],
        rights: Rights | Callable[[str], Sequence[Acl]] | None = None,
        also: Mapping[str, Site] | None = None,
        like: Role | None = None,
        files: bool = False,
    ) -> Role:
        """A new instance of the learner's program, not started yet.

        ``rights`` is what the principal that it gets may do, or makes the rules for it; nothing
        else is allowed to it. Left out, they are the manifest's ``[contract.rights]``, with the
        values that ``variables`` give. ``also`` tells it of more clusters: with
        ``{"TARGET": site}`` it gets ``TARGET_KAFKA_BOOTSTRAP_SERVERS`` and so on, to
        ``TARGET_KAFKA_CONFIG``; its rights there come from ``site.allow``. With ``files`` the role
        has a folder ``files``, which the program may write to as well: for tools, whose input and
        output are files.

        A cluster has eight principals for programs. With ``like`` the instance is the same as
        another to the cluster, whose principal and rights it shares: for commands that run one
        after another, for instance.
        """
        if like is not None:
            principal = like.principal
        else:
            principal = self._principal(name)
            if rights is None:
                rights = self._contract(variables)
            given = rights if isinstance(rights, Rights) else rights(principal)
            self.sites[""].allow(principal, given)
        folder = Path(self.job.attempt_folder)
        env = environment(
            self.cluster,
            principal,
            self.ready.dialect,
            folder / "home" / name,
            {**self.told, **variables},
            self.ready.env,
        )
        for prefix, site in (also or {}).items():
            env |= prefixed(
                site.cluster, principal, self.ready.dialect, folder / "home" / name, prefix
            )
        shared = folder / "home" / name / "files" if files else None
        if shared:
            shared.mkdir(parents=True, exist_ok=True)
        program = Program(
            name,
            tuple(self.ready.argv),
            env,
            Path(self.ready.source),
            folder / f"program-{name}.log",
            self.leases,
            self.log,
            self.confinement.launch(name, [shared] if shared else []),
        )
        role = Role(program, principal, files=shared)
        with self._lock:
            self._roles.append(role)
        self.log.write("role", program=name, principal=principal)
        return role

    def _principal(self, name: str) -> str:
        """The next one. Raises ``LabError`` when there is none left."""
        with self._lock:
            if self._principals == PROGRAM_PRINCIPALS:
                raise LabError(
                    f"a grader may have {PROGRAM_PRINCIPALS} roles, and {name} is one more",
                    "start a role's program again, or give its principal to another (like=)",
                )
            self._principals += 1
            return f"program-{self._principals - 1}"

    def _contract(self, variables: Mapping[str, str]) -> Rights:
        if self.job.rights is None:
            raise LabError(
                "neither the manifest nor the grader says what the program may do",
                "add [contract.rights] to exercise.toml, or give rights to lab.role",
            )
        return Rights.from_json(self.job.rights).resolved({**self.told, **variables})

    def port(self) -> int:
        """A port on which a program may listen: a value for a variable of its contract."""
        return free_ports(1)[0]

    def entrance(self, role: Role, port: int) -> int:
        """A loopback port of this machine that leads to a port on which a program listens.

        The same number, unless the program is in a sandbox: that has a network of its own.
        """
        return self.confinement.entrance(role.program.name, port)

    def stop_programs(self) -> None:
        """SIGKILL every instance that still runs; the harness does so at the end of an attempt."""
        for role in self._roles:
            with contextlib.suppress(RuntimeError, OSError):
                role.program.kill()
        self.confinement.close()

    def evict(self, group: str, dead: Iterable[Program], why: str) -> None:
        """Remove a group's members, all of which belong to dead or hanging programs.

        Stands for their session timeout, which would lead to the same state later. Does
        nothing in a neutral run.
        """
        names = ", ".join(p.name for p in dead)
        if self.job.neutral:
            return
        members = group_members(self.cluster.harness_client_config(), group)
        if members:
            self.admin().evict(group, members)
            self.note(f"evicted the group member of {names} from {group}: {why}")

    def groups(self, prefix: str) -> list[str]:
        """The consumer groups whose names begin so, committed or not."""
        return groups_that_begin(self.cluster.harness_client_config(), prefix)

    # -- faults ---------------------------------------------------------------------------

    def kill_at(
        self,
        role: Role,
        api: str | tuple[str, ...],
        nth: int,
        when: str,
        matches: Callable[[Request], bool] = lambda r: True,
    ) -> Trigger:
        """SIGKILL the program at its nth such request; the request, or its answer, is lost."""

        def act(request: Request) -> Hold:
            self._fault("kill", role, request, when)
            role.program.strike()
            return DROP

        return self.at(role, api, nth, when, act, matches)

    def pause_at(
        self,
        role: Role,
        api: str,
        nth: int,
        when: str,
        matches: Callable[[Request], bool] = lambda r: True,
    ) -> tuple[Trigger, Hold]:
        """SIGSTOP the program at a request, and keep the request until the hold is released."""
        hold = Hold()

        def act(request: Request) -> Hold:
            self._fault("pause", role, request, when)
            role.program.pause()
            self._tell_release(hold, role, request)
            return hold

        return self.at(role, api, nth, when, act, matches), hold

    def hold_at(
        self,
        role: Role,
        api: str,
        nth: int,
        when: str,
        matches: Callable[[Request], bool] = lambda r: True,
    ) -> tuple[Trigger, Hold]:
        """Keep a request, or its answer, on the way until the hold is released."""
        hold = Hold()

        def act(request: Request) -> Hold:
            self._fault("hold", role, request, when)
            self._tell_release(hold, role, request)
            return hold

        return self.at(role, api, nth, when, act, matches), hold

    def at(
        self,
        role: Role,
        api: str | tuple[str, ...],
        nth: int,
        when: str,
        action: Callable[[Request], Hold | None],
        matches: Callable[[Request], bool] = lambda r: True,
    ) -> Trigger:
        """Run an action at the nth matching request of this program."""
        return self.relay.at(
            api, nth, when, action, lambda r: r.principal == role.principal and matches(r)
        )

    def restart_broker(self, broker_id: int) -> None:
        """SIGKILL a broker, start it again, and let programs in once it serves requests."""
        self.broker(broker_id).restart()

    def broker(self, broker_id: int) -> LabBroker:
        """A broker to `kill`, `stop`, `start`, `restart`, `pause`, `resume`, `fail_log_dir`.

        A separate controller has an id too, after the brokers'. Each fault is an event.

        Raises:
            LabError: when there is none with this id.
        """
        return self.sites[""].broker(broker_id)

    def add_broker(self) -> LabBroker:
        """Start the next broker of those that the shape keeps for later."""
        return self.sites[""].add_broker()

    def start_cluster(self, name: str, spec: ClusterSpec | None = None) -> Site:
        """One more cluster, with a relay of its own; it ends with the attempt.

        A `Site` has `cluster`, `relay`, `broker(id)`, `admin()`, `create_topics`, `reader` and
        `allow(principal, rights)`. Its faults are events with the field `cluster`.

        Raises:
            LabError: when it cannot be started, or there is one of this name.
        """
        site = another(
            name, spec or ClusterSpec(), self.cluster.backend, self.parent, self.leases, self.log
        )
        self.sites[name] = site
        return site

    def lost_brokers(self) -> list[str]:
        """What there is to say of each broker that is gone though nobody here ended it."""
        return [n for site in list(self.sites.values()) for n in site.lost_brokers()]

    def _fault(self, kind: str, role: Role, request: Request, when: str) -> None:
        self.log.write(
            "fault",
            fault=kind,
            program=role.program.name,
            when=when,
            api=request.api,
            **_which(role, request),
        )

    def _tell_release(self, hold: Hold, role: Role, request: Request) -> None:
        """Have it on record when what is held goes on its way, or is lost."""
        fields = {"program": role.program.name, "api": request.api, **_which(role, request)}
        hold.on_release = lambda drop: self.log.write("release", dropped=drop, **fields)

    def excuse(self, principal: str, operation: str, resource: str) -> None:
        """A denial that the harness causes itself is no finding."""
        self._excused.append((principal, operation.upper(), resource))

    def denials(self) -> list[Denial]:
        """What the authorizers of all clusters have denied to programs, but for what was excused.

        Raises:
            LabError: when a broker is found not to log what it denies.
        """
        mine = {r.principal for r in self._roles}
        found: dict[Denial, None] = {}
        for site in list(self.sites.values()):
            settle(site.cluster)
            for d in denials(site.cluster):
                # On TLS listeners without SASL a program is called by its certificate.
                d = replace(d, principal=d.principal.removeprefix("CN="))
                if d.principal in mine:
                    found[d] = None
        return [d for d in found if (d.principal, d.operation, d.resource) not in self._excused]

    # -- services -------------------------------------------------------------------------

    def service(self, name: str, kind: type[S] = Service) -> S:  # type: ignore[assignment]
        """A service that the manifest lists, by its name there; ``kind`` is its class.

        Raises:
            LabError: when the manifest has no such service, or it is of another class.
        """
        found = self.services.get(name)
        if not isinstance(found, kind):
            known = ", ".join(self.services) or "none"
            raise LabError(
                f"there is no service {name!r} of class {kind.__name__}",
                f"the manifest lists {known}",
            )
        return found

    def gateway(self, name: str, behind: Service, address: str = "url") -> HttpGateway:
        """A gateway of its own before an HTTP service: counts requests, and answers some itself.

        Give a role its `url` in place of the service's. It ends with the attempt.

        Raises:
            LabError: when there is a service of this name, or the other has no such address.
        """
        [upstream] = service_variables([(behind, {"": address})]).values()
        made = HttpGateway(
            self.leases,
            Path(self.job.attempt_folder),
            upstream=upstream,
            name=name,
            tell=self.log.write,
        )
        with self._lock:
            if name in self.services:
                raise LabError(f"there is a service {name!r} already", "give it another name")
            self.services = {**self.services, name: made}
        made.start()
        return made

    # -- scenarios ------------------------------------------------------------------------

    def together(
        self, scenarios: Mapping[str, Callable[[], T]], at_once: int = 4
    ) -> dict[str, Future[T]]:
        """Run independent scenarios side by side; each on a thread of its own."""
        pool = ThreadPoolExecutor(at_once)
        found = {name: pool.submit(fn) for name, fn in scenarios.items()}
        pool.shutdown(wait=False)
        return found


def _which(role: Role, request: Request) -> dict[str, Any]:
    """What tells this request from all others in the event log."""
    return {
        "principal": role.principal,
        "broker": request.broker,
        "connection": request.connection,
        "correlation": request.correlation_id,
    }


def fail(code: str, message: str, **data: Any) -> Findings:
    """One finding, to be raised."""
    return Findings([Finding(code, message, data)])
