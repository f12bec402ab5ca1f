"""What a worker is started from: one merged jar and an AOT cache, as for brokers.

The cache is trained once, by a real worker on a real broker that runs FileStream's source and sink.
"""

from __future__ import annotations

import hashlib
import shutil
import signal
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kafka_lab.clusters.embedded.image import merge
from kafka_lab.clusters.embedded.java import java, java_version
from kafka_lab.runtime import maven
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.locks import locked
from kafka_lab.runtime.paths import cache_dir
from kafka_lab.services import archives
from kafka_lab.services.base import Say
from kafka_lab.services.connect.plugins import WORKER

FLAGS = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xms64m",
    "-Xmx512m",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED",
)
_FORMAT = 1
LOG4J = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d{ISO8601}] %p %X{connector.context}%m (%c)%n%throwable
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""


@dataclass(frozen=True)
class ConnectImage:
    """``folder`` holds connect.jar, log4j2.properties and, on Java 25 or newer, connect.aot."""

    folder: Path

    def command(self, main: str, config: Path, extra: Sequence[str] = ()) -> list[str]:
        """The command line of ``ConnectDistributed`` or ``ConnectStandalone``."""
        cache = self.folder / "connect.aot"
        aot = (f"-XX:AOTCache={cache}", "-Xlog:disable", "-Xlog:all=error:stderr")
        return [
            str(java()),
            *FLAGS,
            *(aot if cache.exists() else ()),
            *extra,
            f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}",
            "-cp",
            str(self.folder / "connect.jar"),
            f"org.apache.kafka.connect.cli.{main}",
            str(config),
        ]


def _folder() -> Path:
    jars = (a.sha256 for a in archives.locked_artifacts(WORKER))
    material = "\n".join((str(_FORMAT), *jars, java_version()[1], *FLAGS, LOG4J))
    return (
        cache_dir() / "services" / f"{WORKER}-{hashlib.sha256(material.encode()).hexdigest()[:12]}"
    )


def prepare(say: Say = lambda text: None) -> ConnectImage:
    """The image, made if it is not there yet; safe with two at once. Raises ``LabError``."""
    folder = _folder()
    image = ConnectImage(folder)
    if (folder / "ready").exists():
        return image
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent / f"{folder.name}.lock"):
        if (folder / "ready").exists():
            return image
        paths = maven.fetch(
            archives.locked_artifacts(WORKER),
            lambda done, total: say(f"fetching Kafka Connect ({done}/{total})"),
        )
        work = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
        try:
            merge(paths, work / "connect.jar")
            (work / "log4j2.properties").write_text(LOG4J)
            shutil.rmtree(folder, ignore_errors=True)
            work.rename(folder)
            if java_version()[0] >= 25:
                say("preparing Connect's start-up cache")
                _train(image)  # in its final place: the cache holds the jar's path and time
            (folder / "ready").touch()
        except OSError as e:
            raise LabError(f"cannot write to {folder.parent}: {e.strerror}", "make room") from e
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return image


def _train(image: ConnectImage) -> None:
    from kafka_lab.clusters.embedded.backend import EmbeddedBackend
    from kafka_lab.clusters.spec import ClusterSpec
    from kafka_lab.runtime.leases import Leases
    from kafka_lab.services.connect.service import Connect, exercise_worker

    output = image.folder / "connect.aot.part"
    leases = Leases.open()
    try:
        backend = EmbeddedBackend()
        backend.prepare(ClusterSpec().version)
        cluster = backend.start(ClusterSpec(), (), leases)
        connect = Connect(leases, kafka=lambda: cluster, settings={"plugins": ["filestream"]})
        connect.image, connect.flags = image, (f"-XX:AOTCacheOutput={output}",)
        connect.start()
        connect.ready(240)
        exercise_worker(connect)
        # The JVM assembles the cache after the worker has shut down.
        connect.processes[0].end(signal.SIGTERM, 300)
    except LabError as e:
        raise LabError(f"preparing Connect's start-up cache failed: {e}", "try again") from e
    finally:
        leases.clear()
    if output.exists():
        output.replace(image.folder / "connect.aot")
