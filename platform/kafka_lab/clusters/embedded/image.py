"""What an embedded broker is started from, prepared once per Kafka version.

Jars by lock file → one merged jar (a class path of one stored jar opens faster than forty
compressed ones) → a formatted template → an AOT cache trained by a real broker's start and use.
All of it lies in one folder of the cache, made under a temporary name and renamed when whole.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from kafka_lab.clusters.embedded.java import COMMON_FLAGS, java, java_version
from kafka_lab.clusters.logging_flags import LOGGING
from kafka_lab.clusters.nodeconfig import kafka_uuid
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.runtime import maven
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.locks import locked
from kafka_lab.runtime.paths import cache_dir

Say = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""

_FORMAT = 5
"""Counts up when this module makes the folder differently."""

_NEWER_FLAGS = ("--enable-native-access=ALL-UNNAMED",)
"""Means nothing to a Java of version 17, which another one may be."""


@dataclass(frozen=True)
class Image:
    """A prepared Kafka version: ``folder`` holds kafka.jar, the template, the AOT cache."""

    version: str
    folder: Path

    @property
    def jar(self) -> Path:
        return self.folder / "kafka.jar"

    @property
    def checkpoint(self) -> Path:
        return self.folder / "bootstrap.checkpoint"

    def command(
        self,
        properties: Path,
        extra: Sequence[str] = (),
        jars: Sequence[Path] = (),
        other_java: Path | None = None,
    ) -> list[str]:
        """The command line of a node with this ``server.properties``.

        ``jars`` come after Kafka's own on the class path: that keeps the AOT cache usable, but
        only with the Java that made it and not with ``other_java``.
        """
        cache = self.folder / "kafka.aot"
        aot = (f"-XX:AOTCache={cache}", "-Xlog:disable", "-Xlog:all=error:stderr")
        return [
            str(other_java or java()),
            *(f for f in COMMON_FLAGS if other_java is None or f not in _NEWER_FLAGS),
            *(aot if cache.exists() and other_java is None else ()),
            *extra,
            *LOGGING,
            "-cp",
            ":".join(map(str, (self.jar, *jars))),
            "kafka.Kafka",
            str(properties),
        ]


def versions() -> list[str]:
    """Kafka versions that have a lock file here, oldest first."""
    names = [p.name for p in files(__package__).joinpath("locks").iterdir()]
    found = [n.removeprefix("kafka-").removesuffix(".lock") for n in names if n.endswith(".lock")]
    return sorted(found, key=lambda v: [int(x) for x in v.split(".")])


def lock_text(version: str) -> str:
    """Raises ``LabError`` naming the versions that can be had."""
    path = files(__package__).joinpath("locks", f"kafka-{version}.lock")
    if not path.is_file():
        raise LabError(
            f"Kafka {version} cannot be had by the embedded backend",
            f"choose one of {', '.join(versions())}",
        )
    return path.read_text()


def jars(version: str) -> list[maven.Artifact]:
    return maven.read_lock(lock_text(version))


def _folder(version: str) -> Path:
    names = (a.sha256 + a.coordinates for a in jars(version))
    material = "\n".join((str(_FORMAT), *names, java_version()[1], *COMMON_FLAGS, *LOGGING))
    key = hashlib.sha256(material.encode()).hexdigest()[:12]
    return cache_dir() / "kafka" / f"{version}-{key}"


def prepared(version: str) -> bool:
    """Whether ``prepare`` has nothing left to do."""
    return (_folder(version) / "ready").exists()


def prepare(
    version: str, say: Say | None = None, train: Callable[[Image], None] | None = None
) -> Image:
    """The image of a version, made if it is not there yet; safe with two at once.

    ``train`` starts a broker with ``-XX:AOTCacheOutput`` and uses it; passed in by the backend,
    which knows how.

    Raises:
        LabError: when jars cannot be had or the disk is full.
    """
    folder = _folder(version)
    image = Image(version, folder)
    if (folder / "ready").exists():
        return image
    tell = say or (lambda what, done, total: None)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent / f"{folder.name}.lock"):
        if (folder / "ready").exists():
            return image
        paths = maven.fetch(
            jars(version), lambda done, total: tell(f"fetching Kafka {version}", done, total)
        )
        work = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
        try:
            tell("preparing the start-up caches", 0, 3)
            merge(paths, work / "kafka.jar")
            tell("preparing the start-up caches", 1, 3)
            _template(Image(version, work), work / "bootstrap.checkpoint")
            shutil.rmtree(folder, ignore_errors=True)
            work.rename(folder)
            tell("preparing the start-up caches", 2, 3)
            # Trained in its final place: the cache holds the jar's path and time.
            if train and java_version()[0] >= 25:
                train(image)
            (folder / "ready").touch()
            tell("preparing the start-up caches", 3, 3)
        except OSError as e:
            raise LabError(f"cannot write to {folder.parent}: {e.strerror}", "make room") from e
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return image


# Lists of implementations: Java's own, and those of HK2, on which Connect's REST server is built.
_JOINED = ("META-INF/services/", "META-INF/hk2-locator/")


def merge(paths: list[Path], target: Path) -> None:
    """Merge jars into one, uncompressed: services are joined, signatures left out."""
    services: dict[str, list[bytes]] = {}
    seen: set[str] = set()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as out:
        out.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\nMulti-Release: true\r\n\r\n")
        for path in paths:
            with zipfile.ZipFile(path) as jar:
                for entry in jar.infolist():
                    name = entry.filename
                    if name.endswith("/") or name == "META-INF/MANIFEST.MF":
                        continue
                    if name.startswith(_JOINED):
                        services.setdefault(name, []).append(jar.read(entry))
                        continue
                    signature = name.startswith("META-INF/") and name.endswith((".SF", ".RSA"))
                    if name in seen or signature or name.endswith("module-info.class"):
                        continue
                    # Two jars carry a plugin index of this name; log4j-core's is the one that
                    # can read our configuration, log4j-1.2-api's lists only its own adapters.
                    if name.endswith("Log4j2Plugins.dat") and "log4j-core" not in path.name:
                        continue
                    seen.add(name)
                    out.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), jar.read(entry))
        for name, parts in services.items():
            out.writestr(name, b"\n".join(parts))


def checkpoint_for(kafkas: Mapping[str, Image], spec: ClusterSpec) -> Path:
    """The bootstrap checkpoint with which a cluster of these versions is formatted.

    Without ``spec.release`` that is the newest metadata version which the oldest node knows.

    Raises:
        LabError: when Kafka's StorageTool refuses the release.
    """
    oldest = min(
        {spec.version, *spec.versions.values()}, key=lambda v: [int(n) for n in v.split(".")]
    )
    image = kafkas[oldest]
    if not spec.release:
        return image.checkpoint
    path = image.folder / f"bootstrap-{spec.release}.checkpoint"
    if not path.exists():
        _template(image, path, ("--release-version", spec.release))
    return path


def _template(image: Image, target: Path, options: Sequence[str] = ()) -> None:
    """Let Kafka's own StorageTool format a directory, and keep its bootstrap checkpoint."""
    with tempfile.TemporaryDirectory(dir=image.folder) as scratch:
        data = Path(scratch) / "data"
        properties = Path(scratch) / "server.properties"
        properties.write_text(
            "process.roles=broker,controller\nnode.id=1\n"
            "controller.quorum.voters=1@127.0.0.1:19093\ncontroller.listener.names=CONTROLLER\n"
            "listeners=PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093\n"
            "advertised.listeners=PLAINTEXT://127.0.0.1:19092\n"
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
            f"log.dirs={data}\n"
        )
        done = subprocess.run(
            [str(java()), *COMMON_FLAGS, *LOGGING, "-cp", str(image.jar)]
            + ["kafka.tools.StorageTool", "format", "-t", kafka_uuid(), "-c", str(properties)]
            + list(options),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
            env={k: v for k, v in os.environ.items() if k != "JAVA_TOOL_OPTIONS"},
        )
        if done.returncode != 0 or not (data / "bootstrap.checkpoint").exists():
            raise LabError(
                f"formatting a Kafka {image.version} log directory failed: "
                f"{(done.stdout + done.stderr).strip()[-500:]}",
                "check the release that is asked for; else kafka-lab cache clear, and try again",
            )
        (data / "bootstrap.checkpoint").replace(target)
