"""The lab's embedded cluster without what makes it quick: as Kafka ships it, on a disk.

Listeners, SASL and the authorizer stay, so that the same grader judges on it. Everything else is
Kafka's default or its own server.properties, its start script's JVM flags, and jars side by side.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

from stock import FLAGS, LOG4J, PROPERTIES

from kafka_lab.clusters.base import Credentials
from kafka_lab.clusters.embedded import backend, image
from kafka_lab.clusters.embedded.java import java
from kafka_lab.clusters.nodeconfig import properties
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.clusters.topology import Node
from kafka_lab.runtime import maven
from kafka_lab.runtime.paths import cache_dir

# What a cluster needs to be this cluster; the rest of the lab's configuration is tuning.
_KEPT = (
    "process.roles",
    "node.id",
    "controller.",
    "listeners",
    "listener.",
    "advertised.",
    "inter.broker.",
    "authorizer.",
    "super.users",
    "allow.everyone",
    "sasl.",
    "auto.create.topics.enable",
)


def _shipped() -> dict[str, str]:
    pairs = (line.split("=", 1) for line in PROPERTIES.splitlines())
    return {k: v for k, v in pairs if "{" not in v and not k.startswith(_KEPT)}


def _properties(spec: ClusterSpec, node: Node, credentials: Credentials) -> dict[str, str]:
    ours = properties(spec, node, credentials)
    kept = {k: v for k, v in ours.items() if k.startswith(_KEPT)}
    return _shipped() | kept | {"log.dirs": ours["log.dirs"]}


def _command(
    self: image.Image,
    config: Path,
    extra: Sequence[str] = (),
    jars: Sequence[Path] = (),
    other_java: Path | None = None,
) -> list[str]:
    log = config.with_name("log4j2.properties")
    log.write_text(LOG4J)
    found = [*maven.fetch(image.jars(self.version)), *jars]
    return [
        str(other_java or java()),
        *FLAGS,
        *extra,
        f"-Dlog4j2.configurationFile={log}",
        "-cp",
        ":".join(map(str, found)),
        "kafka.Kafka",
        str(config),
    ]


def _on_disk() -> Path:
    folder = cache_dir() / "scratch"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def as_shipped() -> Iterator[None]:
    """Embedded clusters that this process starts are as Kafka ships them."""
    with (
        mock.patch.object(backend, "properties", _properties),
        mock.patch.object(backend, "scratch_root", _on_disk),
        mock.patch.object(image.Image, "command", _command),
    ):
        yield
