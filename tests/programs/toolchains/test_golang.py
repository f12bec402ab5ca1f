"""The Go toolchain, with the machine's own go on tiny programs without dependencies."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from kafka_lab.programs.toolchains import golang
from kafka_lab.programs.toolchains.base import Built
from kafka_lab.programs.toolchains.golang import GoToolchain
from kafka_lab.runtime.errors import BuildFailed, LabError, ToolchainMissing
from kafka_lab.runtime.paths import cache_dir

NO_GO = GoToolchain().missing()
needs_go = pytest.mark.skipif(
    bool(NO_GO), reason=f"missing on this machine: {NO_GO[0].tool}" if NO_GO else ""
)

MODULE = "module transfers\n\ngo 1.24\n"
HELLO = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hello") }\n'


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_LAB_CACHE", str(tmp_path / "cache"))


def workspace(tmp_path: Path, files: dict[str, str]) -> Path:
    folder = tmp_path / "workspace"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def hello(tmp_path: Path, **files: str) -> Path:
    return workspace(tmp_path, {"go.mod": MODULE, "main.go": HELLO} | files)


def build(folder: Path, entry: str = ".") -> tuple[Built, list[str]]:
    said: list[str] = []
    return GoToolchain().build(folder, entry, said.append), said


def refused(folder: Path, entry: str = ".") -> str:
    """The words of the refusal; nothing is left in the cache."""
    with pytest.raises(BuildFailed) as caught:
        build(folder, entry)
    builds = cache_dir() / "builds" / "go"
    assert not builds.exists() or list(builds.iterdir()) == []
    return caught.value.output


def run(built: Built) -> str:
    done = subprocess.run(
        built.argv, env={}, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def fake_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "go").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "go").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@needs_go
def test_a_program_is_compiled_once_and_runs(tmp_path: Path) -> None:
    folder = hello(tmp_path)
    built, said = build(folder)
    assert run(built) == "hello\n"
    assert built.dialect == "librdkafka"
    assert [words.split(" with")[0] for words in said] == ["compiling"]
    os.utime(folder / "main.go", (0, 0))
    again, said = build(folder)
    assert again == built
    assert said == []


@needs_go
def test_the_folder_does_not_count(tmp_path: Path) -> None:
    folder = hello(tmp_path)
    built, _ = build(folder)
    moved = folder.rename(tmp_path / "elsewhere")
    again, said = build(moved)
    assert again == built
    assert said == []
    binary = Path(built.argv[0]).read_bytes()
    assert str(tmp_path).encode() not in binary


@needs_go
def test_an_edit_makes_another_build(tmp_path: Path) -> None:
    folder = hello(tmp_path)
    first, _ = build(folder)
    (folder / "main.go").write_text(HELLO.replace("hello", "bye"))
    second, _ = build(folder)
    assert second.fingerprint != first.fingerprint
    assert (run(first), run(second)) == ("hello\n", "bye\n")


@needs_go
def test_embedded_files_and_packages_count(tmp_path: Path) -> None:
    main = """package main

import (
	_ "embed"
	"fmt"
	"transfers/bank"
)

//go:embed data/note.txt
var note string

func main() { fmt.Print(note, bank.Name) }
"""
    folder = hello(
        tmp_path,
        **{
            "main.go": main,
            "data/note.txt": "a",
            "bank/bank.go": 'package bank\n\nconst Name = "b"\n',
        },
    )
    assert run(build(folder)[0]) == "ab"
    (folder / "data" / "note.txt").write_text("x")
    assert run(build(folder)[0]) == "xb"
    (folder / "bank" / "bank.go").write_text('package bank\n\nconst Name = "y"\n')
    assert run(build(folder)[0]) == "xy"


@needs_go
@pytest.mark.parametrize("entry", ["cmd/service", "./cmd/service"])
def test_the_entry_may_be_a_folder(tmp_path: Path, entry: str) -> None:
    folder = workspace(tmp_path, {"go.mod": MODULE, "cmd/service/main.go": HELLO})
    assert run(build(folder, entry)[0]) == "hello\n"


@needs_go
def test_the_compilers_words_have_paths_of_the_workspace(tmp_path: Path) -> None:
    folder = hello(tmp_path, **{"main.go": "package main\n\nfunc main() {\n\tprintn()\n}\n"})
    words = refused(folder)
    assert "main.go:4:2: undefined: printn" in words
    assert str(tmp_path) not in words


@needs_go
def test_a_broken_go_mod_is_named(tmp_path: Path) -> None:
    words = refused(hello(tmp_path, **{"go.mod": "modul transfers\n"}))
    assert "go.mod:1" in words
    assert str(tmp_path) not in words


@needs_go
def test_a_module_that_go_mod_lacks_comes_with_advice(tmp_path: Path) -> None:
    main = 'package main\n\nimport _ "example.com/some/library/part"\n\nfunc main() {}\n'
    words = refused(hello(tmp_path, **{"main.go": main}))
    assert words.splitlines()[-1] == "run: go get example.com/some/library/part"


@needs_go
def test_a_missing_checksum_comes_with_advice(tmp_path: Path) -> None:
    main = 'package main\n\nimport _ "example.com/library"\n\nfunc main() {}\n'
    module = MODULE + "\nrequire example.com/library v1.0.0\n"
    words = refused(hello(tmp_path, **{"main.go": main, "go.mod": module}))
    assert words.splitlines()[-1] == "run: go mod tidy"


@needs_go
def test_nothing_to_start(tmp_path: Path) -> None:
    folder = workspace(tmp_path, {"main.go": HELLO})
    assert refused(folder).startswith("there is no go.mod")
    library = HELLO.replace("package main", "package bank")
    assert "of package bank" in refused(hello(tmp_path, **{"main.go": library}))
    (folder / "main.go").unlink()
    assert "no Go files" in refused(folder)
    assert "cmd" in refused(folder, "cmd/service")


@needs_go
def test_two_packages_in_one_folder(tmp_path: Path) -> None:
    words = refused(hello(tmp_path, **{"other.go": "package other\n"}))
    assert "main.go" in words
    assert "other.go" in words


@needs_go
def test_links_out_of_the_workspace_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.go"
    secret.write_text("package main\n")
    folder = hello(tmp_path)
    (folder / "secret.go").symlink_to(secret)
    assert "secret.go is a link" in refused(folder)
    (folder / "secret.go").unlink()
    (folder / "more").symlink_to(tmp_path)
    assert "more is a link" in refused(folder)
    (folder / "more").unlink()
    (folder / "again.go").symlink_to("main.go")  # a link, but not out of it
    assert "main redeclared" in refused(folder)


@needs_go
@pytest.mark.parametrize("path", ["../library", "/library"])
def test_replacing_by_a_folder_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    module = f"{MODULE}\nreplace example.com/library => {path}\n"
    assert f"replaces example.com/library by {path}" in refused(
        hello(tmp_path, **{"go.mod": module})
    )


@needs_go
def test_replacing_by_a_folder_of_the_workspace_is_fine(tmp_path: Path) -> None:
    main = HELLO.replace('"fmt"', '"example.com/library"').replace(
        'fmt.Println("hello")', "library.Hello()"
    )
    library = HELLO.replace("package main", "package library").replace("main()", "Hello()")
    requires = "\nrequire example.com/library v0.0.0\nreplace example.com/library => ./library\n"
    folder = hello(
        tmp_path,
        **{
            "go.mod": MODULE + requires,
            "main.go": main,
            "library/go.mod": "module example.com/library\n\ngo 1.24\n",
            "library/library.go": library,
        },
    )
    assert run(build(folder)[0]) == "hello\n"


@needs_go
def test_a_workspace_file_of_a_parent_folder_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "go.work").write_text("go 1.24\n\nuse ./nowhere\n")
    assert run(build(hello(tmp_path))[0]) == "hello\n"


@needs_go
def test_two_at_once(tmp_path: Path) -> None:
    folder = hello(tmp_path)
    results: list[str] = []
    threads = [
        threading.Thread(target=lambda: results.append(run(build(folder)[0]))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["hello\n"] * 3
    assert len(list((cache_dir() / "builds" / "go").iterdir())) == 1  # no temporary folder left


@needs_go
def test_a_library_with_c_and_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CGO_ENABLED", "0")
    folder = hello(
        tmp_path,
        **{
            "main.go": 'package main\n\nimport "transfers/c"\n\nfunc main() { c.Call() }\n',
            "c/c.go": 'package c\n\nimport "C"\n\nfunc Call() {}\n',
            "c/other.go": "package c\n",
        },
    )
    with pytest.raises(ToolchainMissing) as caught:
        build(folder)
    assert caught.value.what.startswith("transfers/c needs a C compiler")
    assert "CGO_ENABLED=0" in caught.value.fix


def test_no_go_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (missing,) = GoToolchain().missing()
    assert missing.tool == "go 1.24 or newer"
    with pytest.raises(ToolchainMissing) as caught:
        build(hello(tmp_path))
    assert caught.value.fix.startswith("install Go 1.24 or newer")


@pytest.mark.parametrize(
    ("version", "enough"),
    [
        ("go1.24.0", True),
        ("go1.100", True),
        ("go2.0", True),
        ("devel go1.27-abc Mon", True),
        ("go1.23.9", False),
        ("go1.4", False),
        ("devel", False),
    ],
)
def test_old_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, enough: bool
) -> None:
    fake_go(tmp_path, monkeypatch, f"""echo '{{"GOVERSION": "{version}"}}'""")
    missing = GoToolchain().missing()
    assert (not missing) is enough
    if missing:
        assert version in missing[0].tool


def test_a_go_that_does_not_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_go(tmp_path, monkeypatch, "echo 'cannot find GOROOT' >&2; exit 2")
    (missing,) = GoToolchain().missing()
    assert "cannot find GOROOT" in missing.tool


def test_no_network_is_not_the_programs_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_go(
        tmp_path,
        monkeypatch,
        """case "$1" in
        env) echo '{"GOVERSION": "go1.26.0"}' ;;
        mod) echo '{}' ;;
        *) echo 'go: library@v1: Get "somewhere": dial tcp: connection refused' >&2; exit 1 ;;
        esac""",
    )
    with pytest.raises(LabError, match="could not be fetched"):
        build(hello(tmp_path))


def test_a_build_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wait = 'case "$1" in env) echo \'{"GOVERSION": "go1.26.0"}\' ;; *) exec /bin/sleep 60 ;; esac'
    fake_go(tmp_path, monkeypatch, wait)
    monkeypatch.setattr(golang, "_BUILD_SECONDS", 0.3)
    with pytest.raises(LabError, match="did not end within"):
        build(hello(tmp_path))
