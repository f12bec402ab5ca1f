"""The Java track: sources compiled with the machine's JDK against a locked set of jars.

A workspace has ``src/**/*.java``, ``dependencies.txt`` and ``dependencies.lock``. Other files in
``src`` (a logging configuration, say) are found on the program's class path under their path in
``src``. Nothing of kafka-lab is on that path.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from kafka_lab.programs.sandbox.workshop import Workshop, plain
from kafka_lab.programs.toolchains.base import Built, Missing, Say
from kafka_lab.programs.toolchains.class_data import archive
from kafka_lab.programs.toolchains.java_libraries import Libraries, allowed_libraries, libraries
from kafka_lab.programs.toolchains.jdk import OLDEST, Jdk, find_jdk
from kafka_lab.runtime.errors import BuildFailed, ToolchainMissing
from kafka_lab.runtime.paths import cache_dir

# C1 only and the serial collector: a program of an exercise lives for seconds, start-up counts.
# UTF-8 whatever the locale, as from JDK 18 on (JEP 400). What the JVM itself has to say goes to
# stderr: stdout is the program's.
FLAGS = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xmx256m",
    "-XX:-UsePerfData",
    "-Xshare:auto",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "-Dfile.encoding=UTF-8",
)

_BUILD = 1
"""Counted up when the same sources would be built into something else."""

_COMPILER_SECONDS = 180


class JavaToolchain:
    """Compiles into one jar, cached by content; the JVM is started on it directly."""

    language = "java"

    def missing(self) -> list[Missing]:
        found = find_jdk()
        return [found] if isinstance(found, Missing) else []

    def build(self, source: Path, entry: str, say: Say) -> Built:
        """See ``Toolchain``. ``entry`` is the name of the main class."""
        jdk = find_jdk()
        if isinstance(jdk, Missing):
            raise ToolchainMissing(f"{jdk.tool} is missing", jdk.fix)
        sources, resources = _files(source)
        if not sources:
            raise BuildFailed("there is no .java file in src/")
        return self._build(jdk, source, (sources, resources), libraries(source, say), entry, say)

    def build_confined(self, source: Path, entry: str, say: Say, shop: Workshop) -> Built:
        """See ``ConfinedToolchain``. The submission's lock is not read: jars are those of the
        exercise's own lists."""
        jdk = find_jdk()
        if isinstance(jdk, Missing):
            raise ToolchainMissing(f"{jdk.tool} is missing", jdk.fix)
        files = _files(source)
        if not files[0]:
            raise BuildFailed("there is no .java file in src/")
        return self._build(
            jdk, source, files, allowed_libraries(source, shop.trusted, say), entry, say, shop
        )

    def _build(
        self,
        jdk: Jdk,
        source: Path,
        files: tuple[Sequence[Path], Sequence[Path]],
        needed: Libraries,
        entry: str,
        say: Say,
        shop: Workshop | None = None,
    ) -> Built:
        sources, resources = files
        key = _key(source, [*sources, *resources], needed, jdk, entry)
        program = cache_dir() / "builds" / "java" / key / "program.jar"
        if not program.exists():
            say(f"compiling {len(sources)} files with javac {jdk.release}")
            _compile(jdk, source, files, needed, entry, program, shop)
        shared = archive(jdk, FLAGS, needed, say)
        return Built(
            argv=(
                str(jdk.java),
                *FLAGS,
                *([f"-XX:SharedArchiveFile={shared}"] if shared else []),
                "-cp",
                _class_path([*needed.jars, program]),
                entry,
            ),
            env={},
            dialect="java",
            fingerprint=key,
            editor={"lib": needed.folder / "jars"},
            reads=(jdk.home, *needed.jars, program, *([shared] if shared else [])),
        )


def _class_path(jars: Sequence[Path]) -> str:
    return os.pathsep.join(str(jar) for jar in jars)


def _files(source: Path) -> tuple[list[Path], list[Path]]:
    """(Java files, other files) in ``src``, relative to the workspace; links out of it are not
    followed, so that a submission cannot have a grader's files compiled into it."""
    root = source.resolve()
    files = sorted(
        path.relative_to(source)
        for path in (source / "src").rglob("*")
        if path.is_file() and path.resolve().is_relative_to(root)
    )
    java = [path for path in files if path.suffix == ".java"]
    return java, [path for path in files if path.suffix != ".java"]


def _key(source: Path, files: Sequence[Path], needed: Libraries, jdk: Jdk, entry: str) -> str:
    digest = hashlib.sha256(repr((_BUILD, entry, needed.key, str(jdk.home), jdk.release)).encode())
    for path in files:
        content = (source / path).read_bytes()
        digest.update(f"{path.as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _compile(
    jdk: Jdk,
    source: Path,
    files: tuple[Sequence[Path], Sequence[Path]],
    needed: Libraries,
    entry: str,
    program: Path,
    shop: Workshop | None,
) -> None:
    """Compile into ``program``. It appears whole or not at all, also with two at once."""
    sources, resources = files
    program.parent.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent.parent, prefix="tmp-") as made:
        classes = Path(made) / "classes"
        arguments = Path(made) / "sources"
        # An argument file: a long list of sources does not fit on every command line.
        arguments.write_text("".join(f'"{path.as_posix()}"\n' for path in sources), "utf-8")
        command = [str(jdk.javac), "-J-XX:TieredStopAtLevel=1", "-J-Xshare:auto"]
        command += ["--release", str(OLDEST), "-encoding", "UTF-8", "-proc:none"]
        # An empty source path: what is compiled is what was hashed, nothing found by the way.
        command += ["-sourcepath", made, "-d", str(classes), "-cp", _class_path(needed.jars)]
        command.append(f"@{arguments}")
        if shop is None:
            code, words = _run_here(command, source)
        else:
            classes.mkdir()
            reads = (jdk.home, *needed.jars)
            with shop.bench(source, reads, {str(arguments): arguments}, {}, [classes]) as bench:
                done = bench.run(command, source, _COMPILER_SECONDS)
            code, words = done.code, done.words
        if code != 0:
            raise BuildFailed(words.strip() or f"javac ended with {code}")
        if not plain(classes / f"{entry.replace('.', '/')}.class"):
            raise BuildFailed(
                f"the sources compile, but have no class {entry}: "
                "it is the one that is started, keep its name"
            )
        jar = Path(made) / "program.jar"
        with zipfile.ZipFile(jar, "w") as z:
            for path in filter(plain, sorted(classes.rglob("*.class"))):
                z.write(path, path.relative_to(classes).as_posix())
            for path in resources:
                z.write(source / path, path.relative_to("src").as_posix())
        program.parent.mkdir(exist_ok=True)
        jar.replace(program)


def _run_here(command: Sequence[str], source: Path) -> tuple[int, str]:
    try:
        done = subprocess.run(
            command,
            cwd=source,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_COMPILER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as e:
        raise BuildFailed(f"javac did not end within {_COMPILER_SECONDS} s") from e
    return done.returncode, done.stdout + done.stderr
