"""Apicurio Registry 3.3.3, serving the Confluent schema registry's API, in memory."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kafka_lab.clusters.embedded.java import java, java_missing, java_version
from kafka_lab.clusters.ports import free_ports
from kafka_lab.runtime import maven
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Leases
from kafka_lab.services import archives
from kafka_lab.services.base import Say, Service
from kafka_lab.services.container import Container, ContainerSpec
from kafka_lab.services.images import Image, engine
from kafka_lab.services.process import Process
from kafka_lab.services.unit import Unit

APP = maven.Artifact.parse(
    "io.apicurio:apicurio-registry-app:3.3.3:all@tar.gz",
    "8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63",
)


_IMAGE = Image("KAFKA_LAB_REGISTRY_IMAGE", f"apicurio/apicurio-registry:{APP.version}")
_FLAGS = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
"""The start-up cache is bound to them: they are the same in training and in use."""


class Registry(Service):
    """The global compatibility level is BACKWARD, as Confluent's is; Apicurio's own is NONE."""

    kind = "registry"
    training: Path | None = None
    """Where the JVM is to write a start-up cache at its end."""
    _port = 0

    @classmethod
    def unavailable(cls) -> str:
        return _IMAGE.lacks(java_missing())

    @property
    def url(self) -> str:
        """Base address of the Confluent API."""
        return f"http://127.0.0.1:{self._port}/apis/ccompat/v7"

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], say: Say) -> None:
        if _IMAGE.used(java_missing()):
            _IMAGE.prepare(say)
            return
        say("preparing the registry")
        _unpacked(say)
        _start_up_cache()

    def addresses(self) -> dict[str, str]:
        return {"url": self.url}

    def _launch(self, folder: Path) -> list[Unit]:
        self._port, management = free_ports(2)
        if _IMAGE.used(java_missing()) and not self.training:
            spec = ContainerSpec(_IMAGE.name, ports={8080: self._port})
            container = Container(self.name, spec, self._log(folder), self.leases, engine())
            container.launch()
            return [container]
        cache = None if self.training else _start_up_cache()
        argv = [str(java()), *_FLAGS]
        for prefix, port in (("http", self._port), ("management", management)):
            argv += [f"-Dquarkus.{prefix}.host=127.0.0.1", f"-Dquarkus.{prefix}.port={port}"]
        if self.training:
            argv += [f"-XX:AOTCacheOutput={self.training}", *_flat(_unpacked())]
        elif cache:
            argv += [f"-XX:AOTCache={cache}", "-Xlog:disable", "-Xlog:all=error:stderr"]
            argv += _flat(_unpacked())
        else:
            argv += ["-jar", str(_unpacked() / "quarkus-run.jar")]
        process = Process(self.name, argv, folder, self._log(folder), self.leases)
        process.launch()
        return [process]

    def _answers(self) -> bool:
        import requests

        level = {"compatibility": "BACKWARD"}
        return requests.put(f"{self.url}/config", json=level, timeout=5).ok

    def _facts(self) -> dict[str, Any]:
        return {"port": self._port}

    def _restore(self, facts: Mapping[str, Any]) -> None:
        self._port = int(facts["port"])


def _unpacked(say: Say = lambda text: None) -> Path:
    """The application's folder in the cache, unpacked once. Raises ``LabError``."""
    name = f"registry-{APP.version}-{APP.sha256[:12]}"
    return archives.kept(name, lambda folder: archives.unpack(APP, folder, say))


def _flat(folder: Path) -> list[str]:
    """Its main class with every jar on one class path, what Quarkus has changed first.

    Its own launcher loads classes by a loader of its own, and an AOT cache holds none of those.
    """
    jars = [folder / "quarkus" / f"{name}-bytecode.jar" for name in ("generated", "transformed")]
    for part in ("app", "lib/boot", "lib/main"):
        jars += sorted((folder / part).glob("*.jar"))
    return [
        # As the manifest of its own launcher says.
        "--add-opens=java.base/java.lang=ALL-UNNAMED",
        "--enable-native-access=ALL-UNNAMED",
        "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
        "-cp",
        ":".join(map(str, jars)),
        "io.quarkus.runner.GeneratedMain",
    ]


def _start_up_cache() -> Path | None:
    """An AOT cache, from one real run of the registry; ``None`` on a Java that has none (JEP 514).

    Raises:
        LabError: when the training run fails.
    """
    if java_version()[0] < 25:
        return None
    folder = _unpacked()
    material = "\n".join((str(folder), java_version()[1], *_FLAGS))
    key = hashlib.sha256(material.encode()).hexdigest()[:12]
    return archives.kept(f"registry-aot-{key}", _train) / "registry.aot"


def _train(work: Path) -> None:
    import requests

    leases = Leases.open()
    try:
        registry = Registry(leases)
        registry.training = work / "registry.aot"
        registry.start()
        registry.ready(180)
        for kind, (first, second) in _SCHEMAS.items():
            subject = f"{registry.url}/subjects/{kind}-value/versions"
            for schema in (first, second):
                body = {"schema": schema, "schemaType": kind}
                requests.post(subject, json=body, timeout=60)
            requests.get(f"{subject}/latest", timeout=60)
        # The JVM assembles the cache after the registry has shut down.
        registry.processes[0].end(signal.SIGTERM, 300)
    finally:
        leases.clear()
    if not (work / "registry.aot").exists():
        raise LabError("preparing the registry's start-up cache failed", "try again")


_SCHEMAS = {
    "AVRO": (
        '{"type": "record", "name": "T", "fields": [{"name": "a", "type": "string"}]}',
        '{"type": "record", "name": "T", "fields": [{"name": "b", "type": "string"}]}',
    ),
    "JSON": (
        '{"type": "object", "properties": {"a": {"type": "string"}}}',
        '{"type": "object", "properties": {"a": {"type": "integer"}}}',
    ),
    "PROTOBUF": (
        'syntax = "proto3"; message T { string a = 1; }',
        'syntax = "proto3"; message T { int32 a = 1; }',
    ),
}
"""What the training run registers, and what it then refuses."""
