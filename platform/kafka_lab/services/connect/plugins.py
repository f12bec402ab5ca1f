"""Connector plugins by name: fetched, unpacked and made ready for quick loading, once."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from kafka_lab.clusters.embedded.java import COMMON_FLAGS, java
from kafka_lab.runtime import maven
from kafka_lab.runtime.errors import LabError
from kafka_lab.services import archives
from kafka_lab.services.base import Say

WORKER = "connect-4.3.1"
_TOOLS = ("kafka-tools", "argparse4j")
PLUGINS = {
    "filestream": "connect-file",
    "debezium-postgres": "debezium-connector-postgres",
    "debezium-mariadb": "debezium-connector-mariadb",
    "jdbc-sink": "debezium-connector-jdbc",
}
"""Plugin, as exercises name it → artifact."""


def _artifact(name: str) -> maven.Artifact:
    if name not in PLUGINS:
        raise LabError(f"there is no Connect plugin {name!r}", f"choose from {', '.join(PLUGINS)}")
    extras = archives.locked_artifacts("connect-extras")
    return next(a for a in extras if a.name == PLUGINS[name])


def plugin_path(names: Sequence[str], say: Say = lambda text: None) -> str:
    """``plugin.path`` with these plugins and no others.

    Raises:
        LabError: for a name that is not known, or when one cannot be fetched.
    """
    return ",".join(str(_folder(name, say)) for name in names)


def _folder(name: str, say: Say) -> Path:
    artifact = _artifact(name)

    def make(work: Path) -> None:
        say(f"preparing the Connect plugin {name}")
        inside = work / name
        inside.mkdir()
        archives.unpack(artifact, inside, say)
        _sync_manifests(work)

    return archives.kept(f"connect-{name}-{artifact.version}-{artifact.sha256[:12]}", make)


def _sync_manifests(folder: Path) -> None:
    """Let Kafka's own tool write the manifests by which a worker finds classes without looking
    into every jar (KIP-898): with them ``plugin.discovery=service_load`` can be used."""
    extras = archives.locked_artifacts("connect-extras")
    tools = [a for a in extras if a.name in _TOOLS]
    jars = maven.fetch([*archives.locked_artifacts(WORKER), *tools])
    done = subprocess.run(
        [str(java()), *COMMON_FLAGS, "-cp", ":".join(map(str, jars))]
        + ["org.apache.kafka.tools.ConnectPluginPath", "sync-manifests"]
        + ["--plugin-path", str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-500:]
        raise LabError(f"writing the manifests of {folder} failed: {said}", "try again")
