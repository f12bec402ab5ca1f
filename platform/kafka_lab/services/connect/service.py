"""Kafka Connect 4.3.1, distributed with one or more workers, or standalone."""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from kafka_lab.api import Rights
from kafka_lab.clusters.admin import Acl, Admin
from kafka_lab.clusters.base import CONNECT, Cluster
from kafka_lab.clusters.embedded.java import java_missing
from kafka_lab.clusters.nodeconfig import render
from kafka_lab.clusters.ports import free_ports
from kafka_lab.clusters.rights import acls
from kafka_lab.clusters.spec import DEFAULT_VERSION
from kafka_lab.runtime.errors import LabError
from kafka_lab.services.base import Say, Service
from kafka_lab.services.connect import image as images
from kafka_lab.services.connect import workers
from kafka_lab.services.connect.client import ConnectClient
from kafka_lab.services.connect.plugins import plugin_path
from kafka_lab.services.container import Container
from kafka_lab.services.images import Image, engine
from kafka_lab.services.process import Process
from kafka_lab.services.unit import Unit

MOST_WORKERS = 4
IMAGE = Image("KAFKA_LAB_CONNECT_IMAGE", f"apache/kafka:{DEFAULT_VERSION}")
_STOP_SECONDS = 30.0


class Worker:
    """One worker of a Connect service; ``kill`` is SIGKILL, ``stop`` an orderly shutdown."""

    def __init__(self, connect: Connect, number: int) -> None:
        self._connect = connect
        self.number = number

    @property
    def process(self) -> Unit:
        return self._connect.processes[self.number - 1]

    @property
    def url(self) -> str:
        return self._connect.urls[self.number - 1]

    @property
    def client(self) -> ConnectClient:
        return ConnectClient(self.url)

    def kill(self) -> None:
        self._tell("service-kill")
        self.process.kill()

    def stop(self) -> None:
        self._tell("service-stop")
        self.process.end(signal.SIGTERM, _STOP_SECONDS)

    def start(self) -> None:
        """Start it again, and wait until it has joined the group."""
        self._tell("service-start", component=self._connect.kind)
        self.process.launch()
        self._connect.ready()

    def pause(self) -> None:
        self._tell("service-pause")
        self.process.pause()

    def resume(self) -> None:
        self._tell("service-resume")
        self.process.resume()

    def _tell(self, kind: str, **fields: Any) -> None:
        self._connect.tell(kind, service=self._connect.name, worker=self.number, **fields)


class Connect(Service):
    """Its principal is ``connect``, which may use the workers' own topics and groups, and what
    ``allow`` grants. A fresh start knows nothing of earlier connectors: its group and its topics
    have names of their own."""

    kind = "connect"
    keys: ClassVar[Mapping[str, type]] = {
        "workers": int,
        "mode": str,
        "plugins": list,
        "config": dict,
    }
    image: images.ConnectImage | None = None
    flags: Sequence[str] = ()

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.standalone = self.settings.get("mode", "distributed") == "standalone"
        self.workers: int = self.settings.get("workers", 1)
        if self.settings.get("mode", "distributed") not in ("distributed", "standalone"):
            raise LabError(
                f"the service {self.name}: there is no mode {self.settings['mode']!r}",
                "write distributed or standalone",
            )
        if not 1 <= self.workers <= (1 if self.standalone else MOST_WORKERS):
            raise LabError(
                f"the service {self.name} cannot have {self.workers} workers",
                f"standalone it has 1, distributed 1 to {MOST_WORKERS}",
            )
        self._ports: list[int] = []
        self.group = ""

    @classmethod
    def unavailable(cls) -> str:
        return IMAGE.lacks(java_missing())

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], say: Say) -> None:
        plugin_path(settings.get("plugins", ()), say)
        if IMAGE.used(java_missing()):
            IMAGE.prepare(say)
        else:
            images.prepare(say)

    @property
    def urls(self) -> list[str]:
        """Each worker's REST address."""
        return [f"http://127.0.0.1:{port}" for port in self._ports]

    @property
    def client(self) -> ConnectClient:
        """A client of the first worker that runs. Raises ``LabError`` when none does."""
        for url, process in zip(self.urls, self.processes, strict=True):
            if process.alive():
                return ConnectClient(url)
        raise LabError("no Connect worker runs")

    def worker(self, number: int) -> Worker:
        """From 1. Raises ``LabError`` when there is no such worker."""
        if not 1 <= number <= self.workers:
            raise LabError(f"there is no Connect worker {number}", f"it has {self.workers}")
        return Worker(self, number)

    def addresses(self) -> dict[str, str]:
        return {"url": self.urls[0], "urls": ",".join(self.urls)} if self._ports else {}

    def allow(self, rights: Rights | Sequence[Acl]) -> None:
        """Let connectors do this with their own topics and groups. Raises ``AdminError``."""
        rules = acls(CONNECT, rights) if isinstance(rights, Rights) else list(rights)
        if self.kafka.spec.secured:
            with Admin(self.kafka) as admin:
                admin.allow(rules)

    def login(self, prefix: str = "") -> dict[str, str]:
        """A Kafka client's properties with the workers' principal, each key after ``prefix``: for
        connectors that use the cluster on their own (Debezium's schema history)."""
        return workers.login(self.kafka, prefix)

    def _launch(self, folder: Path) -> list[Unit]:
        path = plugin_path(self.settings.get("plugins", ()))
        contained = IMAGE.used(java_missing()) and not self.image
        image = None if contained else self.image or images.prepare()
        cluster = self.kafka
        self.group = f"connect-{secrets.token_hex(4)}"
        self._make_room(cluster)
        self._ports = free_ports(self.workers)
        processes: list[Unit] = []
        for number, port in enumerate(self._ports, 1):
            config = folder / f"worker-{number}.properties"
            config.touch(mode=0o600)  # it holds a password
            config.write_text(render(self._properties(cluster, folder, port, path)))
            main = "ConnectStandalone" if self.standalone else "ConnectDistributed"
            label = str(number) if self.workers > 1 else ""
            name, log = f"{self.name}-{number}", self._log(folder, label)
            if image is None:
                spec = workers.contained(IMAGE, main, config, path)
                processes.append(Container(name, spec, log, self.leases, engine()))
            else:
                argv = image.command(main, config, self.flags)
                processes.append(Process(name, argv, folder, log, self.leases))
        self.processes = processes  # from here on they are ended with the service
        for process in processes:
            process.launch()
        return processes

    def _make_room(self, cluster: Cluster) -> None:
        """The group's own topics, made ahead: small, and without a right to create any."""
        with Admin(cluster) as admin:
            if not self.standalone:
                compacted = {"cleanup.policy": "compact"}
                topics = {f"{self.group}-{what}": 1 for what in workers.STORES.values()}
                admin.create_topics(topics, config=compacted)
            if cluster.spec.secured:
                operations = ("READ", "WRITE", "DESCRIBE_CONFIGS")
                admin.allow(
                    [
                        *(Acl(CONNECT, "TOPIC", f"{self.group}-", op, True) for op in operations),
                        # The workers' group, and those of sinks: connect-NAME.
                        Acl(CONNECT, "GROUP", "connect-", "READ", True),
                        # Sources with exactly-once support: connect-cluster-GROUP, and the tasks'.
                        Acl(CONNECT, "TRANSACTIONAL_ID", "connect-cluster-", "WRITE", True),
                        Acl(CONNECT, "TRANSACTIONAL_ID", self.group, "WRITE", True),
                    ]
                )

    def _properties(self, cluster: Cluster, folder: Path, port: int, path: str) -> dict[str, str]:
        mode = workers.standalone(folder)
        if not self.standalone:
            mode = workers.distributed(cluster, self.group)
        chosen = {k: str(v) for k, v in self.settings.get("config", {}).items()}
        return workers.properties(cluster, port, path) | mode | chosen

    def _answers(self) -> bool:
        return all([ConnectClient(url).healthy() for url in self.urls])

    def _facts(self) -> dict[str, Any]:
        return {"ports": self._ports, "group": self.group}

    def _restore(self, facts: Mapping[str, Any]) -> None:
        self._ports, self.group = list(facts["ports"]), str(facts["group"])


def exercise_worker(connect: Connect) -> None:
    """What a training worker is put through: a file's lines to a topic, and back to a file.

    Raises:
        LabError: when the lines do not come out.
    """
    assert connect.folder is not None
    source, target = connect.folder / "training-in", connect.folder / "training-out"
    source.write_text("".join(f"line {n}\n" for n in range(200)))
    with Admin(connect.kafka) as admin:
        admin.create_topics({"training": 1})
    connect.allow(Rights(reads=("training",), writes=("training",)))
    package = "org.apache.kafka.connect.file.FileStream"
    strings = "org.apache.kafka.connect.storage.StringConverter"
    common = {"key.converter": strings, "value.converter": strings, "tasks.max": "1"}
    client = connect.client
    client.plugins()
    client.put(
        "source",
        common
        | {
            "connector.class": f"{package}SourceConnector",
            "file": str(source),
            "topic": "training",
        },
    )
    client.put(
        "sink",
        common
        | {"connector.class": f"{package}SinkConnector", "file": str(target), "topics": "training"},
    )

    def done() -> bool:
        return target.exists() and len(target.read_text().splitlines()) >= 200

    _wait(done, 120, "the lines of the training file")
    client.connectors()
    for name in ("source", "sink"):
        client.wait_running(name)
        client.delete(name)


def _wait(condition: Callable[[], bool], timeout: float, what: str) -> None:
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"Connect did not bring {what} within {timeout:.0f} s")
        time.sleep(0.02)  # polled, with a deadline
