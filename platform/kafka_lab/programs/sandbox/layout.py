"""What is visible in a sandbox: the machine's system, the program, and nothing else of the disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import kafka_lab
from kafka_lab.programs.sandbox.limits import Limits
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.paths import bundled, cache_dir, data_dir

RUN = "/run/kafka-lab"
"""The harness's own corner inside."""

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "alternatives", "ca-certificates", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime",
    "nsswitch.conf", "ssl/certs", "ssl/openssl.cnf", "pki/tls/certs", "crypto-policies",
)  # fmt: skip


@dataclass(frozen=True)
class View:
    """What a sandbox shows beside the system; places are the same inside and outside.

    ``reads`` can be read. ``files``: place → a small file of which it gets a copy. ``copies``:
    place → folder of which it gets a copy of its own that it may change. ``scratch``: empty
    folders that it may fill, as large as the limits say. ``outputs`` are the harness's folders
    that it may write to. What it writes into ``copies`` and ``scratch`` lasts until the sandbox
    is closed and is never seen outside.
    """

    reads: Sequence[Path] = ()
    files: Mapping[str, Path] = field(default_factory=dict)
    copies: Mapping[str, Path] = field(default_factory=dict)
    scratch: Sequence[str] = ()
    outputs: Sequence[Path] = ()


@dataclass(frozen=True)
class Mount:
    """One entry of the sandbox's file system. ``kind``: ``ro``, ``rw``, ``tmpfs`` (of ``size``
    bytes) or ``link`` (``source`` is what it says)."""

    kind: str
    place: str
    source: str = ""
    size: int = 0


def interpreter() -> str:
    """The Python that runs the sandbox's first process: this one, outside its environment."""
    return os.path.realpath(sys.executable)


def mounts(view: View, limits: Limits, folder: Path) -> list[Mount]:
    """The whole file system but for /proc and /dev, parents before what lies in them.

    ``folder`` is the harness's own for this sandbox; copies of ``view.files`` are laid there.

    Raises:
        LabError: when what is to be shown would show graders, or cannot be read.
    """
    found = list(_system())
    reads = [Path(sys.base_prefix).resolve(), *view.reads]
    for path in dict.fromkeys(str(p) for p in reads):
        if not _within(path, _SYSTEM):
            found.append(Mount("ro", path, path))
    for number, (place, source) in enumerate(view.files.items()):
        copy = folder / f"file-{number}"
        try:
            copy.write_bytes(source.read_bytes())
        except OSError as e:
            raise LabError(f"{source} cannot be read: {e.strerror}", "look at its rights") from e
        copy.chmod(0o444)
        found.append(Mount("ro", place, str(copy)))
    for number, (place, tree) in enumerate(view.copies.items()):
        found.append(Mount("ro", f"{RUN}/copy-{number}", str(tree)))
        found.append(Mount("tmpfs", place, size=limits.scratch))
    for place in ("/tmp", *view.scratch):
        found.append(Mount("tmpfs", place, size=limits.scratch))
    found += [Mount("rw", str(path), str(path)) for path in view.outputs]
    found.append(Mount("ro", f"{RUN}/inside.py", str(Path(__file__).with_name("inside.py"))))
    found.append(Mount("ro", f"{RUN}/control", str(folder / "control")))
    for place, text in _made_up().items():
        made = folder / Path(place).name
        made.write_text(text)
        made.chmod(0o444)
        found.append(Mount("ro", place, str(made)))
    shown = [m.place for m in found if m.kind == "ro"]
    for private in _private():
        if _within(private, shown):
            found.append(Mount("tmpfs", private, size=4096))
    return sorted(found, key=lambda m: m.place.count("/"))


def _system() -> Iterator[Mount]:
    for place in _SYSTEM:
        path = Path(place)
        if path.is_symlink():
            yield Mount("link", place, os.readlink(path))
        elif path.is_dir():
            yield Mount("ro", place, place)
    etc = [Path("/etc", name) for name in _ETC]
    etc += sorted(Path("/etc").glob("java*"))  # a JDK of Debian links into it
    for path in etc:
        if path.exists():
            yield Mount("ro", str(path), str(path.resolve()))


def _made_up() -> dict[str, str]:
    return {
        "/etc/passwd": "root:x:0:0::/:/bin/sh\nprogram:x:1000:1000::/tmp:/bin/sh\n",
        "/etc/group": "root:x:0:\nprogram:x:1000:\n",
        "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    }


def _private() -> list[str]:
    """Folders that must not be seen even if they lie in something that is shown."""
    found = [Path(kafka_lab.__file__).parent, data_dir()]
    for room in ("graders", "solutions", "exercises"):
        try:
            found.append(bundled(room))
        except LabError:
            continue  # this installation has none
    return [str(p.resolve()) for p in found]


def _within(path: str, folders: Sequence[str]) -> bool:
    return any(Path(path).is_relative_to(f) for f in folders)


def refuse_wide(view: View) -> None:
    """Raise ``LabError`` when the view would show a folder that holds everybody's things."""
    forbidden = {Path("/"), Path.home(), cache_dir(), data_dir(), Path("/etc"), Path("/var")}
    for path in view.reads:
        for private in forbidden:
            if private.resolve().is_relative_to(Path(path).resolve()):
                raise LabError(
                    f"a sandbox was to show {path}, which holds {private}",
                    "this is a fault of a toolchain: it names too wide a folder",
                )
