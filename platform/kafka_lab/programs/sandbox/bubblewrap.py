"""Sandboxes by bubblewrap: namespaces without a daemon, as root or as an ordinary user."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import lru_cache
from pathlib import PurePosixPath

from kafka_lab.programs.sandbox.layout import RUN, Mount, interpreter
from kafka_lab.programs.sandbox.limits import MB

_SHARED_MEMORY = 64 * MB


@lru_cache(maxsize=1)
def why_not() -> str:
    """Why bubblewrap cannot be used here ("what: what to do"); empty if it can."""
    tool = shutil.which("bwrap")
    if tool is None:
        return (
            "bubblewrap is not installed: Debian/Ubuntu: apt install bubblewrap; "
            "Fedora: dnf install bubblewrap"
        )
    trial = [tool, "--unshare-net", "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc"]
    if os.geteuid() != 0:
        trial.append("--unshare-user")
    try:
        done = subprocess.run(
            [*trial, "/bin/sh", "-c", ":"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.SubprocessError) as e:
        return f"bubblewrap does not run ({e}): install it again"
    if done.returncode != 0:
        words = " ".join(done.stderr.split())[:200]
        return (
            f"bubblewrap may not make namespaces here ({words}): allow user namespaces (on Ubuntu "
            "by an AppArmor profile for bwrap), or use Docker"
        )
    return ""


def command(mounts: Sequence[Mount]) -> list[str]:
    """What starts the sandbox's first process."""
    root = os.geteuid() == 0
    argv = [shutil.which("bwrap") or "bwrap", "--unshare-net", "--unshare-pid", "--unshare-ipc"]
    argv += ["--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox"]
    argv += ["--die-with-parent", "--as-pid-1", "--new-session", "--clearenv"]
    if root:
        # No user namespace: its only user would be the machine's root in disguise. The first
        # process keeps what it needs to become somebody else, and to kill that somebody.
        argv += ["--cap-drop", "ALL"]
        for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_KILL"):
            argv += ["--cap-add", capability]
    else:
        argv += ["--unshare-user", "--uid", "1000", "--gid", "1000"]
    argv += ["--proc", "/proc", "--dev", "/dev"]
    argv += ["--perms", "1777", "--size", str(_SHARED_MEMORY), "--tmpfs", "/dev/shm"]
    made: set[str] = set()
    for mount in mounts:
        for folder in on_the_way(mount, mounts):
            if folder not in made:
                # Those that bubblewrap makes on the way by itself are closed to other users.
                argv += ["--perms", "0755", "--dir", folder]
                made.add(folder)
        if mount.kind == "link":
            argv += ["--symlink", mount.source, mount.place]
        elif mount.kind == "tmpfs":
            argv += ["--perms", "0777", "--size", str(mount.size), "--tmpfs", mount.place]
        else:
            bind = "--ro-bind" if mount.kind == "ro" else "--bind"
            argv += [bind, mount.source, mount.place]
    argv += ["--remount-ro", "/dev", "--remount-ro", "/"]
    argv += ["--chdir", "/", "--", interpreter(), "-I", "-S", "-B"]
    return [*argv, f"{RUN}/inside.py", f"{RUN}/control"]


def on_the_way(mount: Mount, mounts: Sequence[Mount]) -> list[str]:
    """Folders that have to be made for a mount, because nothing that is mounted brings them;
    parents first."""
    kinds = {other.place: other.kind for other in mounts}
    found: list[str] = []
    for folder in map(str, PurePosixPath(mount.place).parents):
        if folder == "/" or folder in kinds:
            # What lies in a folder of the machine's is there already, or cannot be made.
            return [] if kinds.get(folder, "tmpfs") != "tmpfs" else found[::-1]
        found.append(folder)
    return found[::-1]
