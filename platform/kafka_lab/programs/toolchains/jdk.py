"""The JDK that compiles and runs learners' programs: ``JAVA_HOME``, else what ``PATH`` has."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kafka_lab.programs.toolchains.base import Missing

OLDEST = 17
"""kafka-clients 4 runs on 11 too; the exercises use the language of 17 (records, text blocks)."""

GET_ONE = (
    f"install a JDK, version {OLDEST} or newer: "
    "Debian/Ubuntu: apt install openjdk-17-jdk-headless; "
    "Fedora: dnf install java-17-openjdk-devel; macOS: brew install openjdk; "
    "or let JAVA_HOME name one"
)


@dataclass(frozen=True)
class Jdk:
    """A JDK's folder and version. ``release`` is the full version text (``17.0.15``)."""

    home: Path
    major: int
    release: str

    @property
    def java(self) -> Path:
        return self.home / "bin" / "java"

    @property
    def javac(self) -> Path:
        return self.home / "bin" / "javac"


def find_jdk() -> Jdk | Missing:
    """The first JDK that is new enough; else what is missing, naming those that will not do."""
    refused = []
    for home in _homes():
        release = _release(home)
        found = re.match(r"(?:1\.)?(\d+)", release)
        major = int(found[1]) if found else 0
        if not (home / "bin" / "javac").exists():
            refused.append(f"{home} has no compiler")
        elif major < OLDEST:
            refused.append(f"{home} is version {release or 'unknown'}")
        else:
            return Jdk(home, major, release)
    words = f"javac {OLDEST} or newer"
    return Missing(f"{words} ({'; '.join(refused)})" if refused else words, GET_ONE)


def _homes() -> list[Path]:
    homes = [Path(chosen)] if (chosen := os.environ.get("JAVA_HOME")) else []
    for tool in ("javac", "java"):  # the PATH holds links into the JDK's folder
        if found := shutil.which(tool):
            homes.append(Path(found).resolve().parent.parent)
    return list(dict.fromkeys(homes))


def _release(home: Path) -> str:
    """The version text: from the JDK's own ``release`` file, which is quicker than asking it."""
    try:
        text = (home / "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    if found := re.search(r'^JAVA_VERSION="([^"]+)"', text, re.MULTILINE):
        return found[1]
    try:
        done = subprocess.run(
            [str(home / "bin" / "java"), "-version"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    found = re.search(r'version "([^"]+)"', done.stderr + done.stdout)
    return found[1] if found else ""
