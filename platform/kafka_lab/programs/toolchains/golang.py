"""The Go track: a module built with the machine's ``go`` into one binary.

A workspace is a Go module: ``go.mod``, ``go.sum`` and sources of ``package main``. Modules come
from the user's usual module cache or proxy, compiled packages from the usual build cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kafka_lab.programs.sandbox.workshop import Workshop
from kafka_lab.programs.toolchains.base import Built, Missing, Say
from kafka_lab.runtime.errors import BuildFailed, LabError, ToolchainMissing
from kafka_lab.runtime.paths import cache_dir

OLDEST = (1, 24)
"""What the exercises' own modules ask for in their ``go.mod``."""

GET_ONE = (
    f"install Go {OLDEST[0]}.{OLDEST[1]} or newer: "
    "macOS: brew install go; Fedora: dnf install golang; Debian/Ubuntu: apt install golang-go, "
    "where that is new enough; else the archive from Go's own download page, and put its bin "
    "folder on the PATH"
)
GET_C = (
    "install a C compiler (Debian/Ubuntu: apt install gcc libc6-dev; Fedora: dnf install gcc; "
    "macOS: xcode-select --install) and do not switch cgo off (CGO_ENABLED=0); or use a library "
    "that is all Go"
)

_BUILD = 1
"""Counted up when the same sources would be built into something else."""

_BUILD_SECONDS = 600
"""A module's first build compiles its libraries too: 40 s were seen on two cores."""

_NETWORK = re.compile(
    r"dial tcp|no such host|i/o timeout|TLS handshake timeout|connection re(?:fused|set)"
    r"|proxyconnect|module lookup disabled|network is unreachable"
)
NO_C = re.compile(r'C compiler "[^"]+" not found')
_NOT_REQUIRED = re.compile(
    r"(?:no required module provides|cannot find module providing) package ([^\s;:]+)"
)
_NOT_TIDY = re.compile(r"missing go\.sum entry|updates to go\.mod needed")


@dataclass(frozen=True)
class Go:
    path: str
    version: str
    """The full version text (``go1.26.8``)."""
    cgo: bool
    """Whether packages with C in them are built; go turns it off where it finds no compiler."""
    settings: str
    """Everything else of the environment that changes what is built."""


class GoToolchain:
    """Builds one binary per content of the workspace; it is started directly."""

    language = "go"

    def missing(self) -> list[Missing]:
        found = _find_go()
        return [found] if isinstance(found, Missing) else []

    def build_confined(self, source: Path, entry: str, say: Say, shop: Workshop) -> Built:
        """See ``ConfinedToolchain``."""
        from kafka_lab.programs.toolchains.golang_confined import build

        go = _find_go()
        if isinstance(go, Missing):
            raise ToolchainMissing(f"{go.tool} is missing", go.fix)
        return build(go, source.absolute(), entry, say, shop)

    def build(self, source: Path, entry: str, say: Say) -> Built:
        """See ``Toolchain``. ``entry`` is the folder of ``package main``: ``.`` or ``cmd/x``."""
        go = _find_go()
        if isinstance(go, Missing):
            raise ToolchainMissing(f"{go.tool} is missing", go.fix)
        source = source.absolute()
        if not (source / "go.mod").is_file():
            raise BuildFailed("there is no go.mod: run: go mod init transfers && go mod tidy")
        package = "." if entry in ("", ".") else f"./{entry.removeprefix('./')}"
        key = content_key(source, package, go)
        program = cache_dir() / "builds" / "go" / key / "program"
        if not program.exists():
            say(f"compiling with {go.version}; the first time with its libraries")
            _compile(go, source, package, program)
        return Built((str(program),), {}, "librdkafka", key, reads=(program,))


def _find_go() -> Go | Missing:
    words = f"go {OLDEST[0]}.{OLDEST[1]} or newer"
    path = shutil.which("go")
    if path is None:
        return Missing(words, GET_ONE)
    names = ["GOVERSION", "GOOS", "GOARCH", "CGO_ENABLED", "CC", "GOFLAGS", "GOEXPERIMENT"]
    try:
        done = subprocess.run(
            [path, "env", "-json", *names],
            cwd="/",  # a workspace's broken go.mod shall not spoil the answer
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        answers: Mapping[str, str] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as e:
        words_of_go = getattr(e, "stderr", None) or str(e)
        return Missing(f"{words} ({path} does not work: {words_of_go.strip()})", GET_ONE)
    version = answers.get("GOVERSION", "")
    found = re.search(r"go(\d+)\.(\d+)", version)
    if not found or (int(found[1]), int(found[2])) < OLDEST:
        return Missing(f"{words} ({path} is {version or 'of an unknown version'})", GET_ONE)
    settings = repr([answers.get(name, "") for name in names])
    return Go(path, version, answers.get("CGO_ENABLED") == "1", settings)


def _environment() -> dict[str, str]:
    """The user's own, with their caches and proxy; but no workspace file of a parent folder."""
    return os.environ | {"GOWORK": "off"}


def _files(source: Path) -> Iterator[Path]:
    """Everything that can be part of a build, in order: sources, C files, embedded files."""
    for folder, folders, names in os.walk(source):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names) + [n for n in folders if (Path(folder) / n).is_symlink()]:
            path = Path(folder) / name
            if path.is_file() or path.is_dir():
                yield path


def content_key(source: Path, package: str, go: Go) -> str:
    digest = hashlib.sha256(repr((_BUILD, package, go.version, go.settings)).encode())
    root = source.resolve()
    for path in _files(source):
        if not path.resolve().is_relative_to(root):
            raise BuildFailed(f"{path.relative_to(source)} is a link that leads out of this folder")
        if path.is_dir():
            continue  # a link to a folder that is hashed under its own name
        content = path.read_bytes()
        digest.update(f"{path.relative_to(source).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _compile(go: Go, source: Path, package: str, program: Path) -> None:
    """Compile into ``program``. It appears whole or not at all, also with two at once."""
    vendored = (source / "vendor" / "modules.txt").is_file()
    flags = [f"-mod={'vendor' if vendored else 'readonly'}", "-buildvcs=false"]
    _no_way_out(go, source)
    # Asked first, because `go build -o` makes an archive of a package that is no program.
    name = _run(go, source, ["list", *flags, "-f", "{{.Name}}", package]).strip()
    if name != "main":
        raise BuildFailed(
            f"the Go files are of package {name}; a program is `package main` with a func main()"
        )
    program.parent.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent.parent, prefix="tmp-") as made:
        binary = Path(made) / "program"
        try:
            _run(go, source, ["build", *flags, "-trimpath", "-o", str(binary), package])
        except BuildFailed as e:
            if not go.cgo and (needy := _with_c(go, source, [*flags, package])):
                # Go left their C parts out, and the compiler's words are about what is not there.
                raise ToolchainMissing(f"{needy[0]} needs a C compiler:\n{e.output}", GET_C) from e
            raise
        program.parent.mkdir(exist_ok=True)
        binary.replace(program)


def _with_c(go: Go, source: Path, arguments: Sequence[str]) -> list[str]:
    """The packages, not Go's own, that the program needs and that have C in them."""
    form = "{{if and .CgoFiles (not .Standard)}}{{.ImportPath}}{{end}}"
    return _run(go, source, ["list", "-deps", "-f", form, *arguments], CGO_ENABLED="1").split()


def _no_way_out(go: Go, source: Path) -> None:
    """Refuse `replace` lines that lead elsewhere: what is compiled must be what was hashed."""
    module = json.loads(_run(go, source, ["mod", "edit", "-json"]))
    for replaced in module.get("Replace") or []:
        new = replaced["New"]
        local = not new.get("Version")
        if local and not (source / new["Path"]).resolve().is_relative_to(source.resolve()):
            raise BuildFailed(
                f"go.mod replaces {replaced['Old']['Path']} by {new['Path']}, "
                "which is not in this folder"
            )


def _run(go: Go, source: Path, arguments: Sequence[str], **env: str) -> str:
    """What this go command prints.

    Raises:
        BuildFailed: with go's words when it refuses.
        LabError: when that is for want of a network; ToolchainMissing: of a C compiler.
    """
    try:
        done = subprocess.run(
            [go.path, *arguments],
            cwd=source,
            env=_environment() | {"PWD": str(source)} | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LabError(
            f"go {arguments[0]} did not end within {_BUILD_SECONDS} seconds",
            "try again; what it has compiled and fetched so far is kept",
        ) from None
    if done.returncode == 0:
        return done.stdout
    words = _relative((done.stderr + done.stdout).strip(), source)
    if NO_C.search(words):
        raise ToolchainMissing(f"a Go library of the program needs a C compiler:\n{words}", GET_C)
    if _NETWORK.search(words):
        raise LabError(
            f"the program's Go modules could not be fetched: {words}",
            "check the network; a company proxy is set with: go env -w GOPROXY=…",
        )
    raise BuildFailed(words + advice(words))


def _relative(words: str, source: Path) -> str:
    for folder in {str(source), str(source.resolve())}:
        words = words.replace(f"{folder}{os.sep}", "")
    return words


def advice(words: str) -> str:
    wanted = list(dict.fromkeys(_NOT_REQUIRED.findall(words)))
    if wanted:
        return f"\nrun: go get {' '.join(wanted)}"
    return "\nrun: go mod tidy" if _NOT_TIDY.search(words) else ""
