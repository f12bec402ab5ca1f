"""The throwaway container in which attacks are tried undefended."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from kafka_lab.programs.sandbox import container
from kafka_lab.programs.sandbox.layout import View, mounts
from kafka_lab.programs.sandbox.limits import MB, PROGRAM
from kafka_lab.runtime.leases import Leases

ROOT = Path(__file__).parents[2]
_SECONDS = 240


def tried(names: Sequence[str], folder: Path, leases: Leases) -> dict[str, dict[str, object]]:
    """What ``attacks.undefended`` told about each probe, by name.

    The container has what a sandbox takes away: other people's processes and files beside the
    program's, a network with an address, no filter of system calls, no limits. It holds no more
    than the tests and their interpreter, read-only, and is deleted afterwards.
    """
    view = View(reads=[Path(sys.prefix).resolve(), *_trees()])
    laid = [m for m in mounts(view, PROGRAM, folder) if m.kind in ("ro", "link")]
    laid = [m for m in laid if not m.place.startswith("/run/")]
    name = f"kafka-lab-throwaway-{os.getpid()}-{secrets.token_hex(4)}"
    lease = leases.container(name)
    argv = ["docker", "run", "--rm", "--name", name, "--label", f"kafka-lab={name}"]
    argv += ["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"]
    argv += ["--cap-add", "SYS_PTRACE", "--pull", "never", "--shm-size", "64m"]
    for mount in laid:
        if mount.kind == "ro":
            argv += ["--mount", f"type=bind,source={mount.source},target={mount.place},readonly"]
    argv += ["--tmpfs", f"/tmp:rw,exec,mode=1777,size={512 * MB}"]
    argv += ["--env", f"PYTHONPATH={ROOT / 'platform'}:{ROOT / 'tests'}", "--env", "HOME=/tmp"]
    argv += ["--workdir", "/tmp", container.image(laid)]
    argv += [
        str(Path(sys.prefix).resolve() / "bin" / "python"),
        "-B",
        "-m",
        "attacks.undefended",
        *names,
    ]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_SECONDS, check=False)
    finally:
        container.remove(name)
        lease.release()
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(told) == len(names), f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return {str(one["name"]): one for one in told}


def _trees() -> list[Path]:
    return [ROOT / part for part in ("platform", "tests", "exercises", "graders", "solutions")]
