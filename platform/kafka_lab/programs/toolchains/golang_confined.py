"""Go programs of strangers: built in a sandbox, from modules and packages that were made before.

Modules and compiled packages are kafka-lab's own here, not the user's, whose caches hold what else
was built here. They are filled from the exercise's own workspaces alone, and a build gets a copy
of the compiled packages, so that no submission can leave anything in them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from kafka_lab.programs.sandbox.workshop import Bench, Workshop, not_allowed, take
from kafka_lab.programs.toolchains.base import Built, Say
from kafka_lab.programs.toolchains.golang import NO_C, Go, advice, content_key
from kafka_lab.runtime.errors import BuildFailed, LabError
from kafka_lab.runtime.locks import locked
from kafka_lab.runtime.paths import cache_dir

_FETCH_SECONDS = 900
_SECONDS = 300
_LISTS = ("go.mod", "go.sum")
_PACKAGES = "/var/packages"


def build(go: Go, source: Path, entry: str, say: Say, shop: Workshop) -> Built:
    """See ``ConfinedToolchain``."""
    if not (source / "go.mod").is_file():
        raise BuildFailed("there is no go.mod: run: go mod init transfers && go mod tidy")
    package = "." if entry in ("", ".") else f"./{entry.removeprefix('./')}"
    store = cache_dir() / "builds" / "go-sandbox"
    _fill(go, store, shop, say)
    key = hashlib.sha256(f"sandbox {content_key(source, package, go)}".encode()).hexdigest()[:16]
    program = cache_dir() / "builds" / "go" / key / "program"
    with shop.output() as made:
        root = Path(_ask(go, "env", "GOROOT").strip())
        reads = [store / "modules", root]
        copies = {_PACKAGES: store / "packages"}
        with shop.bench(source, reads, copies=copies, outputs=[made]) as bench:
            env = _inside(store, root)
            _refuse(go, _module(go, bench, source, env), shop)
            if not program.exists():
                say(f"compiling with {go.version} in a sandbox")
                _compile(go, bench, source, package, made / "program", env)
                program.parent.mkdir(parents=True, exist_ok=True)
                take(made / "program", program, 0o755)
    return Built((str(program),), {}, "librdkafka", key, reads=(program,))


def _inside(store: Path, root: Path) -> dict[str, str]:
    return {
        "GOROOT": str(root),
        "GOPATH": "/tmp/go",
        "GOMODCACHE": str(store / "modules"),
        "GOCACHE": _PACKAGES,
        "GOPROXY": "off",
        "GOSUMDB": "off",
        "GOTOOLCHAIN": "local",
        "GOENV": "off",
        "GOWORK": "off",
        "GOTELEMETRY": "off",
        "GOFLAGS": "-mod=readonly -buildvcs=false -trimpath",
    }


def _go(go: Go, bench: Bench, source: Path, env: Mapping[str, str], *arguments: str) -> str:
    done = bench.run([go.path, *arguments], source, _SECONDS, **env)
    words = done.words.replace(f"{source}{os.sep}", "").strip()
    if done.code == 0:
        return words
    if NO_C.search(words):
        raise LabError(f"a Go library needs a C compiler:\n{words}", "install gcc")
    if "GOPROXY=off" in words:
        raise BuildFailed(f"{words}\nonly the exercise's own modules are there")
    raise BuildFailed((words or f"go ended with {done.code}") + advice(words))


def _module(go: Go, bench: Bench, source: Path, env: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(_go(go, bench, source, env, "mod", "edit", "-json"))
    return found


def _refuse(go: Go, module: Mapping[str, object], shop: Workshop) -> None:
    allowed = set()
    for workspace in shop.trusted:
        if (workspace / "go.mod").is_file():
            allowed |= _required(json.loads(_ask(go, "mod", "edit", "-json", cwd=workspace)))
    for wanted in sorted(_required(module) - allowed):
        raise not_allowed("go.mod", wanted, sorted(allowed))
    replaced = module.get("Replace") or []
    assert isinstance(replaced, list)
    for one in replaced:
        # A folder of the submission is its own code; another module, or another place, is not.
        new = one["New"]
        inside = not Path(new["Path"]).is_absolute() and ".." not in Path(new["Path"]).parts
        if new.get("Version") or not inside:
            raise not_allowed("go.mod", f"{new['Path']} in place of another", sorted(allowed))


def _required(module: Mapping[str, object]) -> set[str]:
    required = module.get("Require") or []
    assert isinstance(required, list)
    return {f"{r['Path']}@{r['Version']}" for r in required}


def _compile(
    go: Go, bench: Bench, source: Path, package: str, target: Path, env: Mapping[str, str]
) -> None:
    name = _go(go, bench, source, env, "list", "-f", "{{.Name}}", package)
    if name.strip() != "main":
        raise BuildFailed(
            f"the Go files are of package {name}; a program is `package main` with a func main()"
        )
    _go(go, bench, source, env, "build", "-o", str(target), package)


# -- outside, with nothing of a submission --------------------------------------------------------


def _fill(go: Go, store: Path, shop: Workshop, say: Say) -> None:
    """Fetch and compile what the exercise's own workspaces need, once for each list."""
    for folder in ("modules", "packages"):
        (store / folder).mkdir(parents=True, exist_ok=True)
    for workspace in shop.trusted:
        lists = [workspace / name for name in _LISTS if (workspace / name).is_file()]
        digest = hashlib.sha256(go.version.encode() + b"".join(p.read_bytes() for p in lists))
        done = store / f"filled-{digest.hexdigest()[:16]}"
        if not lists or done.exists():
            continue
        with locked(store / "fill.lock"):
            if not done.exists():
                say("compiling the libraries that Go submissions may use (once)")
                _fill_from(go, store, workspace)
                done.touch()


def _fill_from(go: Go, store: Path, workspace: Path) -> None:
    own = Path(_ask(go, "env", "GOMODCACHE").strip()) / "cache" / "download"
    proxy = _ask(go, "env", "GOPROXY").strip()
    env = {
        "GOMODCACHE": str(store / "modules"),
        "GOCACHE": str(store / "packages"),
        # What the user has fetched already is not fetched again.
        "GOPROXY": f"file://{own},{proxy}" if own.is_dir() else proxy,
        "GOFLAGS": "-mod=readonly -buildvcs=false -trimpath -modcacherw",
        "GOTOOLCHAIN": "local",
    }
    with tempfile.TemporaryDirectory() as made:
        copy = Path(made) / "workspace"
        shutil.copytree(workspace, copy)
        _ask(go, "mod", "download", cwd=copy, env=env)
        form = '{{if ne .Name "main"}}{{.ImportPath}}{{end}}'
        needed = _ask(go, "list", "-deps", "-f", form, "./...", cwd=copy, env=env).split()
        # The libraries, not the program: nobody shall find a solution among compiled packages.
        module = json.loads(_ask(go, "mod", "edit", "-json", cwd=copy))["Module"]["Path"]
        libraries = [p for p in needed if not f"{p}/".startswith(f"{module}/")]
        _ask(go, "build", *libraries, cwd=copy, env=env)


def _ask(
    go: Go, *arguments: str, cwd: Path = Path("/"), env: Mapping[str, str] | None = None
) -> str:
    try:
        done = subprocess.run(
            [go.path, *arguments],
            cwd=cwd,
            env=os.environ | {"GOWORK": "off"} | dict(env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_FETCH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LabError(f"go {arguments[0]} did not end", "try again") from None
    if done.returncode != 0:
        raise LabError(
            f"the exercise's own Go modules cannot be had: {done.stderr.strip()[-800:]}",
            "check the network; a company proxy is set with: go env -w GOPROXY=…",
        )
    return done.stdout
