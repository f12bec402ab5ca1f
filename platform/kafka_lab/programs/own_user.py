"""A program under a user of its own, in a container that is thrown away and where we are root.

For platforms that grade in their own container (Gradescope): inside of it no further sandbox can
be made, but the program need not be who judges it. Nothing is executed as root with an environment
that a student's build may have made up: ``env`` sets it when the rights are gone already.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from kafka_lab.programs.process import Launch, Running
from kafka_lab.runtime.errors import UsageError

PREFIX = "user:"
"""``user:NAME`` is how a request asks for it."""
_TOOLS = ("prlimit", "setpriv", "env")
_LIMITS = ("--nproc=256", "--nofile=1024", "--fsize=67108864", "--core=0")


def user_of(sandbox: str) -> str:
    """The user's name.

    Raises:
        UsageError: when it cannot be used here.
    """
    name = sandbox.removeprefix(PREFIX)
    if os.geteuid() != 0:
        raise UsageError(
            "only root can run programs under another user", "run it as root, in a container"
        )
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise UsageError(f"there is no user {name!r}", f"useradd --system {name}") from None
    if found.pw_uid == 0:
        raise UsageError(f"{name} is root", "name a user without rights")
    lacking = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if lacking:
        raise UsageError(f"there is no {lacking[0]}", "install util-linux and coreutils")
    return name


def command(name: str, argv: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """The command line that runs ``argv`` as the user, with exactly this environment."""
    found = pwd.getpwnam(name)
    tools = [shutil.which(tool) or tool for tool in _TOOLS]
    return [
        *(tools[0], *_LIMITS, "--"),
        *(tools[1], f"--reuid={found.pw_uid}", f"--regid={found.pw_gid}"),
        *("--clear-groups", "--no-new-privs", "--"),
        *(tools[2], "-i", *(f"{k}={v}" for k, v in env.items())),
        *argv,
    ]


def give(name: str, folder: Path) -> None:
    """Make a folder the user's own, and let them reach it, with no look at what lies beside it.

    Only for a folder that the user could not write to before: what is in it is ours then.
    """
    found = pwd.getpwnam(name)
    for place, folders, files in os.walk(folder):
        for path in (place, *(os.path.join(place, n) for n in (*folders, *files))):
            os.chown(path, found.pw_uid, found.pw_gid, follow_symlinks=False)
    _open_way(folder)


def _open_way(path: Path) -> None:
    """Folders of root's on the way can be passed through, and not be listed."""
    for parent in path.absolute().parents:
        with contextlib.suppress(OSError):
            info = parent.stat()
            if info.st_uid == 0 and not info.st_mode & stat.S_IXOTH:
                parent.chmod(stat.S_IMODE(info.st_mode) | stat.S_IXOTH)


def _reach(env: Mapping[str, str]) -> None:
    """Let the user read the certificates that the contract's variables name."""
    for variable, value in env.items():
        if variable.endswith("_LOCATION"):
            for path in (Path(value), Path(value).with_suffix(".pem")):
                if path.is_file():
                    path.chmod(0o644)  # the program's own, and nobody else is on this machine
                    _open_way(path)


def launcher(name: str) -> Launch:
    """How a program of this user is started."""

    given: set[Path] = set()

    def start(argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> Running:
        for folder in (cwd, Path(env["HOME"])):
            if folder not in given:
                give(name, folder)
                given.add(folder)
        _reach(env)
        return subprocess.Popen(
            command(name, argv, env),
            env={"PATH": os.defpath},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    return start
