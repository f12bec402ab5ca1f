"""Kafka's own command line tools, as programs on a ``PATH``: ``kafka-acls.sh`` and its like.

Each is a shell script of one line that starts the tool's class in a JVM, as those of Kafka's
distribution are. A script of an administrator starts a dozen of them, so an AOT cache (JEP 483)
of their classes is made once where the Java can do it: where it was tried, ``kafka-acls.sh --list``
took 0.4 s of processor time instead of 1.2 s. It is only ever a help.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from kafka_lab.clusters.embedded.image import jars
from kafka_lab.clusters.embedded.java import java, java_version
from kafka_lab.clusters.spec import DEFAULT_VERSION
from kafka_lab.programs.toolchains.base import Say
from kafka_lab.programs.toolchains.tool_training import stand_in
from kafka_lab.runtime import maven
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.locks import locked
from kafka_lab.runtime.paths import cache_dir

TOOLS = {
    "kafka-acls.sh": "org.apache.kafka.tools.AclCommand",
    "kafka-broker-api-versions.sh": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
    "kafka-consumer-groups.sh": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-get-offsets.sh": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-leader-election.sh": "org.apache.kafka.tools.LeaderElectionCommand",
    "kafka-metadata-quorum.sh": "org.apache.kafka.tools.MetadataQuorumCommand",
    "kafka-reassign-partitions.sh": ("org.apache.kafka.tools.reassign.ReassignPartitionsCommand"),
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-transactions.sh": "org.apache.kafka.tools.TransactionsCommand",
}
"""Program, as Kafka's distribution calls it → main class."""

_FLAGS = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xmx128m",
    "-XX:-UsePerfData",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "-Dlog4j2.loggerContextFactory=org.apache.logging.log4j.simple.SimpleLoggerContextFactory",
    "-Dorg.apache.logging.log4j.simplelog.level=ERROR",
)
_AOT_SINCE = 25
_FORMAT = 3
"""Counts up when this module makes the folder differently."""

_TRAINING = """\
security.protocol=SASL_PLAINTEXT
sasl.mechanism=PLAIN
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \\
  required username="a" password="b";
default.api.timeout.ms=60000
"""


@dataclass(frozen=True)
class Tools:
    """``folder`` holds the programs and nothing else to be started; ``reads`` is what they need."""

    folder: Path
    reads: tuple[Path, ...]


def prepare(say: Say) -> Tools:
    """The tools of the newest Kafka that kafka-lab knows, made once; safe with two at once.

    Raises:
        LabError: when a jar cannot be fetched, or the folder cannot be made.
    """
    artifacts = jars(DEFAULT_VERSION)
    material = (_FORMAT, [a.sha256 for a in artifacts], java_version()[1], str(_java()), _FLAGS)
    key = hashlib.sha256(repr(material).encode()).hexdigest()[:12]
    folder = cache_dir() / "builds" / "config" / f"kafka-{DEFAULT_VERSION}-{key}"
    paths = tuple(maven.fetch(artifacts))
    if not folder.exists():
        with locked(folder.with_name(f"{folder.name}.lock")):
            if not folder.exists():
                say("preparing Kafka's command line tools (once)")
                _make(folder, paths)
    return Tools(folder, (_java().parent.parent, *paths))


def _java() -> Path:
    """By its real name: a sandbox shows it there, and not behind somebody's links."""
    return java().resolve()


def _make(folder: Path, paths: tuple[Path, ...]) -> None:
    work = Path(tempfile.mkdtemp(prefix="tmp-", dir=folder.parent))
    class_path = os.pathsep.join(map(str, paths))
    try:
        quick = folder / "tools.aot"  # its final place: programs name it
        if java_version()[0] >= _AOT_SINCE:
            _train(work, class_path)
        cache = (f"-XX:AOTCache={quick}",) if (work / quick.name).exists() else ()
        for name, main in TOOLS.items():
            command = [str(_java()), *_FLAGS, *cache, "-cp", class_path, main]
            program = work / name
            program.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
            program.chmod(0o755)
        work.chmod(0o755)
        work.rename(folder)
    except OSError as e:
        raise LabError(f"cannot make {folder}: {e}", "make room in the cache") from e
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _train(work: Path, class_path: str) -> None:
    """Make ``tools.aot``; without it the tools run the same."""
    config = work / "training.properties"
    config.write_text(_TRAINING)
    command = [str(_java()), *_FLAGS, "-XX:AOTCacheOutput=tools.aot", "-cp", class_path]
    command += [TOOLS["kafka-acls.sh"], "--command-config", config.name]
    command += ["--add", "--allow-principal", "User:a", "--operation", "Read", "--topic", "t"]
    try:
        with stand_in() as port:
            command += ["--bootstrap-server", f"127.0.0.1:{port}"]
            subprocess.run(command, cwd=work, capture_output=True, timeout=180, check=False)
    except subprocess.TimeoutExpired:
        (work / "tools.aot").unlink(missing_ok=True)
    config.unlink()
    for left in work.glob("tools.aot.*"):
        left.unlink()
