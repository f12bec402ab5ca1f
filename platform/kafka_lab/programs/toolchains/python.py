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

from kafka_lab.programs.sandbox.layout import RUN, interpreter
from kafka_lab.programs.sandbox.workshop import Workshop
from kafka_lab.programs.toolchains.base import Built, Missing, Say
from kafka_lab.programs.toolchains.python_requirements import allowed_requirements
from kafka_lab.programs.toolchains.python_syntax import trouble
from kafka_lab.runtime.errors import BuildFailed, LabError
from kafka_lab.runtime.locks import locked
from kafka_lab.runtime.paths import cache_dir

_SYNTAX_SECONDS = 60
_NETWORK = ("ConnectionError", "Temporary failure", "Connection refused", "timed out", "ProxyError")


def _syntax(source: Path, entry: str) -> None:
    if found := trouble(source, entry):
        raise BuildFailed(found)


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
        return _built(source, entry, wanted, say)

    def build_confined(self, source: Path, entry: str, say: Say, shop: Workshop) -> Built:
        """See ``ConfinedToolchain``. No text of the submission reaches pip: what is installed is
        what the exercise's own lists say."""
        wanted = allowed_requirements(source, shop.trusted)
        script = f"{RUN}/python_syntax.py"
        files = {script: Path(__file__).with_name("python_syntax.py")}
        with shop.bench(source, files=files) as bench:
            argv = [interpreter(), "-I", "-S", "-B", script, entry]
            done = bench.run(argv, source, _SYNTAX_SECONDS)
        if done.code != 0:
            words = done.words.strip() or f"Python ended with {done.code} when it read the files"
            raise BuildFailed(words)
        return _built(source, entry, wanted, say)


def _built(source: Path, entry: str, wanted: bytes, say: Say) -> Built:
    """The program with the environment for these requirements, made if need be."""
    key = hashlib.sha256(wanted + sys.version.encode()).hexdigest()[:16]
    folder = cache_dir() / "builds" / "python" / key
    if not (folder / "ready").exists():
        with locked(folder.with_suffix(".lock")):
            if not (folder / "ready").exists():
                say("installing the program's libraries")
                _make(folder, wanted)
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


def _make(folder: Path, wanted: bytes) -> None:
    """Make the environment in its final place (scripts hold its path); ``ready`` comes last."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder / "venv")
    if wanted:
        with tempfile.TemporaryDirectory() as empty:
            # A copy, so that a change in between is not installed under another content's name.
            requirements = Path(empty) / "requirements.txt"
            requirements.write_bytes(wanted)
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
