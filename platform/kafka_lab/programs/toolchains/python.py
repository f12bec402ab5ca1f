"""The Python track: a virtual environment made from the workspace's requirements."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from kafka_lab.programs.toolchains.base import Built, Missing, Say
from kafka_lab.runtime.errors import BuildFailed, LabError
from kafka_lab.runtime.locks import locked
from kafka_lab.runtime.paths import cache_dir

_NETWORK = ("ConnectionError", "Temporary failure", "Connection refused", "timed out", "ProxyError")


def _syntax(source: Path, entry: str) -> None:
    if not (source / entry).is_file():
        raise BuildFailed(f"{entry} is not there: the program is started as `python {entry}`")
    for path in sorted(source.rglob("*.py")):
        if ".venv" in path.parts:
            continue
        name = str(path.relative_to(source))
        try:
            compile(path.read_bytes(), name, "exec", dont_inherit=True)
        except SyntaxError as e:
            line = (e.text or "").rstrip()
            place = f"{name}:{e.lineno}" if e.lineno else name  # null bytes have no line
            raise BuildFailed(f"{place}: {e.msg}\n    {line}".rstrip()) from e
        except (ValueError, RecursionError, MemoryError) as e:
            raise BuildFailed(f"{name}: {e}") from e


class PythonToolchain:
    """Builds nothing, but makes the environment in which the program runs.

    The environment holds what ``requirements.txt`` says and nothing else: kafka-lab's own
    packages cannot be imported there. Environments are shared between workspaces with the same
    requirements and are never changed once made.
    """

    language = "python"

    def missing(self) -> list[Missing]:
        try:
            import ensurepip  # noqa: F401 - Debian leaves it out unless python3-venv is there

            import pip  # noqa: F401
        except ImportError:
            return [Missing("pip", "Debian/Ubuntu: apt install python3-venv python3-pip")]
        return []

    def build(self, source: Path, entry: str, say: Say) -> Built:
        _syntax(source, entry)
        requirements = source / "requirements.txt"
        wanted = requirements.read_bytes() if requirements.exists() else b""
        key = hashlib.sha256(wanted + sys.version.encode()).hexdigest()[:16]
        folder = cache_dir() / "builds" / "python" / key
        if not (folder / "ready").exists():
            with locked(folder.with_suffix(".lock")):
                if not (folder / "ready").exists():
                    say("installing the program's libraries")
                    _make(folder, requirements if wanted else None)
        digest = hashlib.sha256(key.encode())
        for path in sorted(source.rglob("*.py")):
            digest.update(path.read_bytes())
        python = folder / "venv" / "bin" / "python"
        return Built(
            argv=(str(python), "-u", entry),
            env={"PYTHONDONTWRITEBYTECODE": "1"},
            dialect="librdkafka",
            fingerprint=digest.hexdigest()[:16],
            editor={".venv": folder / "venv"},
            reads=(folder / "venv", Path(sys.base_prefix)),
        )


def _make(folder: Path, requirements: Path | None) -> None:
    """Make the environment in its final place (scripts hold its path); ``ready`` comes last."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder / "venv")
    if requirements is not None:
        with tempfile.TemporaryDirectory() as empty:
            done = subprocess.run(
                [sys.executable, "-m", "pip", "--python", str(folder / "venv" / "bin" / "python")]
                + ["install", "--quiet", "--no-input", "--disable-pip-version-check"]
                + ["--no-compile", "-r", str(requirements)],
                capture_output=True,
                text=True,
                cwd=empty,
                check=False,
                env={k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")},
            )
        if done.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            words = "\n".join(done.stderr.strip().splitlines()[-12:])
            if any(sign in words for sign in _NETWORK):
                raise LabError(
                    f"the program's libraries could not be fetched: {words}",
                    "check the network; a company mirror is set in pip's own configuration",
                )
            raise BuildFailed(f"requirements.txt cannot be installed:\n{words}")
    (folder / "ready").touch()
