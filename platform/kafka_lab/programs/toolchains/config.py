"""The config track: a shell script over Kafka's own command line tools.

That is what an administrator has: ``kafka-acls.sh`` and its like on the ``PATH``, and ``bash``. The
script is the entry; the workspace may hold further files for it. ``KAFKA_CONFIG`` has Java's keys,
as ``--command-config`` wants it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from kafka_lab.clusters.embedded.java import java_missing
from kafka_lab.programs.sandbox.workshop import Workshop
from kafka_lab.programs.toolchains.base import Built, Missing, Say
from kafka_lab.programs.toolchains.kafka_tools import Tools, prepare
from kafka_lab.runtime.errors import BuildFailed

_SYNTAX_SECONDS = 20


class ConfigToolchain:
    """Reads the script's syntax; there is nothing to be built."""

    language = "config"

    def missing(self) -> list[Missing]:
        found = []
        if shutil.which("bash") is None:
            found.append(Missing("bash", "install it with your system's packages"))
        if words := java_missing():
            found.append(Missing("Java", words.removeprefix("needs Java: ")))
        return found

    def build(self, source: Path, entry: str, say: Say) -> Built:
        """See ``Toolchain``. ``entry`` is the script."""
        script = source / entry
        _there(script, entry)
        try:
            done = subprocess.run(
                [_bash(), "-n", entry],
                cwd=source,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SYNTAX_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as e:
            raise BuildFailed(f"bash did not read {entry} within {_SYNTAX_SECONDS} s") from e
        if done.returncode:
            raise BuildFailed(done.stderr.strip() or f"bash cannot read {entry}")
        return _built(source, entry, prepare(say))

    def build_confined(self, source: Path, entry: str, say: Say, shop: Workshop) -> Built:
        """See ``ConfinedToolchain``. There are no libraries to ask for."""
        _there(source / entry, entry)
        with shop.bench(source) as bench:
            done = bench.run([_bash(), "-n", entry], source, _SYNTAX_SECONDS)
        if done.code:
            raise BuildFailed(done.words.strip() or f"bash cannot read {entry}")
        return _built(source, entry, prepare(say))


def _bash() -> str:
    return shutil.which("bash") or "/bin/bash"


def _there(script: Path, entry: str) -> None:
    if not script.is_file():
        raise BuildFailed(f"there is no {entry}: it is the script that is started, keep its name")


def _built(source: Path, entry: str, tools: Tools) -> Built:
    digest = hashlib.sha256(tools.folder.name.encode())
    for path in sorted(p for p in source.rglob("*") if p.is_file() and not p.is_symlink()):
        digest.update(path.relative_to(source).as_posix().encode() + b"\0" + path.read_bytes())
    return Built(
        argv=(_bash(), entry),
        env={"PATH": f"{tools.folder}{os.pathsep}{os.environ.get('PATH') or os.defpath}"},
        dialect="java",
        fingerprint=digest.hexdigest()[:16],
        editor={"kafka-tools": tools.folder},
        reads=(tools.folder, *tools.reads),
    )
