"""Apicurio Registry 3.3.3, serving the Confluent schema registry's API, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kafka_lab.clusters.embedded.java import java
from kafka_lab.clusters.ports import free_ports
from kafka_lab.runtime import maven
from kafka_lab.runtime.errors import LabError
from kafka_lab.services import archives
from kafka_lab.services.base import Say, Service
from kafka_lab.services.process import Process

_APP = maven.Artifact.parse(
    "io.apicurio:apicurio-registry-app:3.3.3:all@tar.gz",
    "8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63",
)


class Registry(Service):
    """The global compatibility level is BACKWARD, as Confluent's is; Apicurio's own is NONE."""

    kind = "registry"
    _port = 0

    @classmethod
    def unavailable(cls) -> str:
        try:
            java()
        except LabError as e:
            return f"needs Java: {e.fix}"
        return ""

    @property
    def url(self) -> str:
        """Base address of the Confluent API."""
        return f"http://127.0.0.1:{self._port}/apis/ccompat/v7"

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], say: Say) -> None:
        say("fetching the registry")
        _unpacked()

    def addresses(self) -> dict[str, str]:
        return {"url": self.url}

    def _launch(self, folder: Path) -> list[Process]:
        self._port, management = free_ports(2)
        argv = [str(java()), "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        for prefix, port in (("http", self._port), ("management", management)):
            argv += [f"-Dquarkus.{prefix}.host=127.0.0.1", f"-Dquarkus.{prefix}.port={port}"]
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


def _unpacked() -> Path:
    """The application's folder in the cache, unpacked once. Raises ``LabError``."""
    name = f"registry-{_APP.version}-{_APP.sha256[:12]}"
    return archives.kept(name, lambda folder: archives.unpack(_APP, folder))
