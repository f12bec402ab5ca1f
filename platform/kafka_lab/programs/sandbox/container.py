"""Sandboxes by Docker: a container of an empty image, with the machine's own system mounted in it.

No image is fetched, and a program finds what it finds in the other kinds: the same Python, JDK and
libraries, at the same places. The engine has to be on this machine, and the machine a Linux one.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import secrets
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from kafka_lab.programs.sandbox.layout import RUN, Mount, View, interpreter, mounts
from kafka_lab.programs.sandbox.limits import MB, PROGRAM, Limits
from kafka_lab.runtime.engine import Engine
from kafka_lab.runtime.errors import LabError

_CPUS = 2
_SHARED_MEMORY = 64 * MB
_SECONDS = 120
_FOLDERS = {"proc": 0o755, "sys": 0o755, "dev": 0o755, "etc": 0o755, "run": 0o755, "tmp": 0o1777}
"""Of the image, with their modes: what is mounted on one takes over the mode that it had."""


def why_not() -> str:
    """Why Docker cannot be used here for sandboxes ("what: what to do"); empty if it can."""
    from kafka_lab.clusters.testcontainers.where import why_not as no_engine

    if shutil.which("docker") is None:
        return "there is no docker command: install and start Docker"
    return no_engine() or _trial()


@lru_cache(maxsize=1)
def _trial() -> str:
    """A container has to see this machine's files, as this user: not so with an engine in a virtual
    machine or elsewhere, with one that is rootless, or that maps users to others."""
    with tempfile.TemporaryDirectory(prefix="kafka-lab-trial-") as folder:
        path = Path(folder, "word")
        path.write_text(secrets.token_hex(16))
        path.chmod(0o600)
        laid = mounts(View(), PROGRAM, Path(folder))
        laid = [m for m in laid if m.source != str(Path(folder, "control"))]
        laid.append(Mount("ro", f"{RUN}/word", str(path)))
        name = f"kafka-lab-trial-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            argv = command(laid, PROGRAM, name)[1:-2]
            done = _docker([*argv, "-c", f"print(open('{RUN}/word').read(), end='')"])
            remove(name)
        except LabError as e:
            return f"Docker does not run a sandbox ({e.what}): use bubblewrap"
        if done.returncode == 0 and done.stdout.decode() == path.read_text():
            return ""
    words = " ".join(done.stderr.decode(errors="replace").split())[:200]
    return (
        f"Docker's containers do not see this machine's files as this user does ({words}): let it "
        "run on this machine, not rootless and without userns-remap, or use bubblewrap"
    )


def command(laid: Sequence[Mount], limits: Limits, name: str) -> list[str]:
    """What runs the sandbox's first process in the foreground.

    Raises:
        LabError: when the engine does not take the image.
    """
    argv = ["docker", "run", "--rm", "--name", name, "--label", f"kafka-lab={name}"]
    argv += [
        "--network",
        "none",
        "--ipc",
        "private",
        "--read-only",
        "--cap-drop",
        "ALL",
        "--hostname",
        "sandbox",
    ]
    argv += ["--security-opt", "no-new-privileges", "--log-driver", "none", "--pull", "never"]
    argv += ["--pids-limit", str(limits.processes + 1), "--cpus", str(_CPUS)]
    argv += ["--memory", str(limits.memory), "--memory-swap", str(limits.memory)]
    argv += ["--shm-size", str(_SHARED_MEMORY), "--workdir", "/"]
    if os.geteuid() == 0:
        for capability in ("SETUID", "SETGID", "KILL"):
            argv += ["--cap-add", capability]
    else:
        argv += ["--user", f"{os.geteuid()}:{os.getegid()}"]
    for mount in laid:
        if mount.kind == "tmpfs":
            argv += ["--tmpfs", f"{mount.place}:rw,exec,nosuid,mode=0777,size={mount.size}"]
        elif mount.kind != "link":
            argv += ["--mount", _bind(mount)]
    argv += [image(laid), interpreter(), "-I", "-S", "-B"]
    return [*argv, f"{RUN}/inside.py", f"{RUN}/control"]


def _bind(mount: Mount) -> str:
    fields = ["type=bind", f"source={mount.source}", f"target={mount.place}"]
    if mount.kind == "ro":
        fields.append("readonly")
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)  # a path may hold a comma
    return line.getvalue()


def image(laid: Sequence[Mount]) -> str:
    """The empty image, made if need be: nothing but the links of the system's layout."""
    links = [(m.place.lstrip("/"), m.source) for m in laid if m.kind == "link"]
    tag = f"kafka-lab/sandbox:{hashlib.sha256(repr((_FOLDERS, links)).encode()).hexdigest()[:12]}"
    if _docker(["image", "inspect", "--format", "{{.Id}}", tag]).returncode == 0:
        return tag
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, mode in _FOLDERS.items():
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, mode
            tar.addfile(folder)
        for name, target in links:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
    done = _docker(["import", "-", tag], content.getvalue())
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip()
        raise LabError(
            f"the Docker engine does not take the sandbox's image: {words}",
            "kafka-lab doctor says what works here",
        )
    return tag


def _docker(arguments: Sequence[str], given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["docker", *arguments], input=given, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        raise LabError(f"the docker command does not answer: {e}", "start Docker again") from e


def remove(name: str) -> None:
    """Remove the container, if the engine has not done so by itself. Idempotent."""
    Engine().remove_container(name)
