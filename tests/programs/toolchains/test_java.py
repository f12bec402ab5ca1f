"""The Java toolchain, with the machine's own javac on tiny programs."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import threading
import zipfile
from pathlib import Path

import pytest

from kafka_lab.programs.toolchains import java_libraries
from kafka_lab.programs.toolchains.base import Built, Missing
from kafka_lab.programs.toolchains.java import JavaToolchain
from kafka_lab.programs.toolchains.java_libraries import digest
from kafka_lab.programs.toolchains.jdk import Jdk, find_jdk
from kafka_lab.runtime.errors import BuildFailed, ToolchainMissing
from kafka_lab.runtime.maven import Artifact, NoSuchJar, write_lock
from kafka_lab.runtime.paths import cache_dir

needs_javac = pytest.mark.skipif(
    isinstance(find_jdk(), Missing), reason="there is no javac 17 or newer on this machine"
)

HELLO = """
public class Main {
    public static void main(String[] args) {
        System.out.println("hello");
    }
}
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_LAB_CACHE", str(tmp_path / "cache"))


def workspace(tmp_path: Path, **files: str) -> Path:
    """A workspace whose ``src`` has these files: ``Main="…"`` is ``src/Main.java``."""
    folder = tmp_path / "workspace"
    (folder / "src").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / "src" / f"{name}.java").write_text(text, encoding="utf-8")
    return folder


def build(folder: Path, entry: str = "Main") -> tuple[Built, list[str]]:
    said: list[str] = []
    return JavaToolchain().build(folder, entry, said.append), said


def run(built: Built, **env: str) -> str:
    done = subprocess.run(
        built.argv,
        env=env,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def provide(coordinates: str, content: bytes) -> Artifact:
    """Put a jar into the cache, so that no repository is needed."""
    artifact = Artifact.parse(coordinates, hashlib.sha256(content).hexdigest())
    artifact.local_path.parent.mkdir(parents=True, exist_ok=True)
    artifact.local_path.write_bytes(content)
    return artifact


def depend(folder: Path, *artifacts: Artifact) -> None:
    wanted = [a.coordinates for a in artifacts]
    (folder / "dependencies.txt").write_text("\n".join(wanted) + "\n")
    (folder / "dependencies.lock").write_text(
        f"# dependencies.txt sha256 {digest(wanted)}\n{write_lock(artifacts)}"
    )


@needs_javac
def test_a_program_is_compiled_once_and_runs(tmp_path: Path) -> None:
    folder = workspace(tmp_path, Main=HELLO)
    built, said = build(folder)
    assert run(built) == "hello\n"
    assert built.dialect == "java"
    assert [words.split(" with")[0] for words in said] == ["compiling 1 files"]
    os.utime(folder / "src" / "Main.java", (0, 0))
    again, said = build(folder)
    assert again == built
    assert said == []


@needs_javac
def test_an_edit_makes_another_build(tmp_path: Path) -> None:
    folder = workspace(tmp_path, Main=HELLO)
    first, _ = build(folder)
    workspace(tmp_path, Main=HELLO.replace("hello", "bye"))
    second, _ = build(folder)
    assert second.fingerprint != first.fingerprint
    assert (run(first), run(second)) == ("hello\n", "bye\n")


@needs_javac
def test_text_is_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    main = """
    public class Main {
        public static void main(String[] args) {
            System.out.print(new String("é".getBytes()).equals(
                    new String("é".getBytes(java.nio.charset.StandardCharsets.UTF_8))));
        }
    }"""
    built, _ = build(workspace(tmp_path, Main=main))
    assert run(built, LC_ALL="C") == "true"


@needs_javac
def test_other_files_are_resources(tmp_path: Path) -> None:
    main = """
    public class Main {
        public static void main(String[] args) throws Exception {
            try (var in = Main.class.getResourceAsStream("/conf/log.properties")) {
                System.out.print(new String(in.readAllBytes()));
            }
        }
    }"""
    folder = workspace(tmp_path, Main=main)
    (folder / "src" / "conf").mkdir()
    (folder / "src" / "conf" / "log.properties").write_text("a=b")
    built, _ = build(folder)
    assert run(built) == "a=b"
    (folder / "src" / "conf" / "log.properties").write_text("a=c")
    assert run(build(folder)[0]) == "a=c"


@needs_javac
def test_the_compilers_words_name_the_file_in_the_workspace(tmp_path: Path) -> None:
    folder = workspace(tmp_path, Main=HELLO.replace("println", "printl"))
    with pytest.raises(BuildFailed) as e:
        build(folder)
    assert e.value.output.startswith("src/Main.java:4: error: cannot find symbol")
    assert str(tmp_path) not in e.value.output


@needs_javac
def test_a_package_and_several_files(tmp_path: Path) -> None:
    folder = workspace(
        tmp_path, Other='package a.b; record Other(int n) { static String s = "two"; }'
    )
    (folder / "src" / "a").mkdir()
    (folder / "src" / "a" / "Main.java").write_text(
        "package a.b; public class Main {"
        "public static void main(String[] x) { System.out.print(Other.s); } }"
    )
    assert run(build(folder, "a.b.Main")[0]) == "two"


@needs_javac
def test_the_main_class_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="no class Elsewhere"):
        build(workspace(tmp_path, Main=HELLO), "Elsewhere")


@needs_javac
def test_no_sources(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=r"no \.java file in src/"):
        build(tmp_path)


@needs_javac
def test_a_link_that_leads_out_is_not_compiled(tmp_path: Path) -> None:
    (tmp_path / "Secret.java").write_text("class Secret {}")
    folder = workspace(tmp_path, Main=HELLO.replace('"hello"', "new Secret()"))
    (folder / "src" / "Secret.java").symlink_to(tmp_path / "Secret.java")
    with pytest.raises(BuildFailed, match="Secret"):
        build(folder)


def _library(tmp_path: Path) -> bytes:
    jdk = find_jdk()
    assert isinstance(jdk, Jdk)
    made = tmp_path / "library"
    made.mkdir(exist_ok=True)
    (made / "Greeting.java").write_text(
        'package lib; public class Greeting { public static String text() { return "moin"; } }'
    )
    subprocess.run([jdk.javac, "-d", made, made / "Greeting.java"], check=True)
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as z:
        z.write(made / "lib" / "Greeting.class", "lib/Greeting.class")
    return memory.getvalue()


@needs_javac
def test_a_library_is_there_to_compile_to_run_and_to_complete(tmp_path: Path) -> None:
    folder = workspace(tmp_path, Main=HELLO.replace('"hello"', "lib.Greeting.text()"))
    content = _library(tmp_path)
    depend(folder, provide("org.a:greeting:1", content), provide("org.b:greeting:1", content))
    built, _ = build(folder)
    assert run(built) == "moin\n"
    names = sorted(path.name for path in built.editor["lib"].iterdir())
    assert names == ["greeting-1.jar", "org.b-greeting-1.jar"]
    assert all(path.exists() for path in built.editor["lib"].iterdir())


@needs_javac
def test_a_changed_list_is_resolved_and_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = workspace(tmp_path, Main=HELLO)
    artifact = provide("org.a:greeting:1", _library(tmp_path))
    asked: list[list[str]] = []

    def resolve(coordinates: list[str], progress: object = None) -> list[Artifact]:
        asked.append(coordinates)
        return [artifact]

    monkeypatch.setattr(java_libraries, "resolve", resolve)
    (folder / "dependencies.txt").write_text("# mine\norg.a:greeting:1  # and why\n")
    _, said = build(folder)
    assert asked == [["org.a:greeting:1"]]
    assert "finding out which jars the libraries need" in said
    lock = (folder / "dependencies.lock").read_text()
    assert lock.splitlines()[0].startswith(
        f"# dependencies.txt sha256 {digest(['org.a:greeting:1'])}"
    )
    assert lock.endswith(f"{artifact.sha256}  org.a:greeting:1\n")
    assert [p.name for p in folder.iterdir() if p.name.startswith(".")] == []
    # Neither a comment nor white space nor the order is a change.
    (folder / "dependencies.txt").write_text("\n  org.a:greeting:1\n\n# other words\n")
    build(folder)
    assert len(asked) == 1
    (folder / "dependencies.txt").write_text("org.a:greeting:1\norg.a:more:1\n")
    build(folder)
    assert asked[1] == ["org.a:greeting:1", "org.a:more:1"]


@needs_javac
@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ("org.a:one:1\nkafka-clients\n", "dependencies.txt, line 2: 'kafka-clients'"),
        ("org.a:../one:1\n", "dependencies.txt, line 1: "),
    ],
)
def test_a_wrong_line_of_the_list_is_named(tmp_path: Path, listed: str, words: str) -> None:
    folder = workspace(tmp_path, Main=HELLO)
    (folder / "dependencies.txt").write_text(listed)
    with pytest.raises(BuildFailed) as e:
        build(folder)
    assert words in e.value.output


@needs_javac
def test_a_library_that_does_not_exist_is_the_learners_to_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(coordinates: list[str], progress: object = None) -> list[Artifact]:
        raise NoSuchJar(f"{coordinates[0]} is not in the Maven repository", "check the spelling")

    monkeypatch.setattr(java_libraries, "resolve", resolve)
    folder = workspace(tmp_path, Main=HELLO)
    (folder / "dependencies.txt").write_text("org.a:kafak:1\n")
    with pytest.raises(BuildFailed, match=r"dependencies\.txt: org\.a:kafak:1 is not in"):
        build(folder)
    assert not (folder / "dependencies.lock").exists()


@needs_javac
def test_a_damaged_lock_says_what_to_do(tmp_path: Path) -> None:
    folder = workspace(tmp_path, Main=HELLO)
    depend(folder, provide("org.a:one:1", b""))
    with (folder / "dependencies.lock").open("a") as f:
        f.write("<<<<<<< HEAD\n")
    with pytest.raises(BuildFailed, match=r"dependencies\.lock: line 3(?s:.*)delete the file"):
        build(folder)


@needs_javac
def test_no_class_data_archive_is_no_failure(tmp_path: Path) -> None:
    folder = workspace(tmp_path, Main=HELLO)
    depend(folder, provide("org.apache.kafka:kafka-clients:0.0.1", _library(tmp_path)))
    built, said = build(folder)
    assert "preparing a quick start with these libraries (once)" in said
    assert not [flag for flag in built.argv if "SharedArchiveFile" in flag]
    assert run(built) == "hello\n"
    _, said = build(folder)
    assert said == []


@needs_javac
def test_a_class_data_archive_that_does_not_fit_is_no_failure(tmp_path: Path) -> None:
    built, _ = build(workspace(tmp_path, Main=HELLO))
    broken = tmp_path / "broken.jsa"
    broken.write_bytes(b"x" * 4096)
    argv = (built.argv[0], f"-XX:SharedArchiveFile={broken}", *built.argv[1:])
    assert run(Built(argv, {}, "java", "")) == "hello\n"


@needs_javac
def test_two_builds_at_once(tmp_path: Path) -> None:
    folder = workspace(tmp_path, Main=HELLO)
    made: list[Built] = []
    threads = [threading.Thread(target=lambda: made.append(build(folder)[0])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert len({built.argv for built in made}) == 1
    assert run(made[0]) == "hello\n"
    assert not list((cache_dir() / "builds" / "java").glob("tmp-*"))


def _fake_jdk(home: Path, version: str, *tools: str) -> Path:
    (home / "bin").mkdir(parents=True)
    for tool in tools:
        (home / "bin" / tool).write_text("#!/bin/sh\n")
        (home / "bin" / tool).chmod(0o755)
    (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return home


@pytest.mark.parametrize(
    ("version", "major"), [("17.0.15", 17), ("25", 25), ("26-ea", 26), ("21.0.1+12", 21)]
)
def test_java_home_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, major: int
) -> None:
    home = _fake_jdk(tmp_path / "jdk", version, "java", "javac")
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert find_jdk() == Jdk(home, major, version)
    assert JavaToolchain().missing() == []


def test_an_old_java_home_gives_way_to_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = _fake_jdk(tmp_path / "old", "1.8.0_402", "java", "javac")
    new = _fake_jdk(tmp_path / "new", "21.0.2", "java", "javac")
    monkeypatch.setenv("JAVA_HOME", str(old))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "javac").symlink_to(new / "bin" / "javac")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    found = find_jdk()
    assert isinstance(found, Jdk)
    assert (found.home, found.major) == (new, 21)


def test_what_is_missing_is_said_with_the_way_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    (missing,) = JavaToolchain().missing()
    assert missing.tool == "javac 17 or newer"
    assert "apt install openjdk-17-jdk-headless" in missing.fix
    assert "brew install openjdk" in missing.fix
    with pytest.raises(ToolchainMissing, match="javac 17 or newer is missing"):
        build(workspace(tmp_path, Main=HELLO))


def test_a_runtime_without_compiler_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = _fake_jdk(tmp_path / "jre", "21.0.2", "java")
    old = _fake_jdk(tmp_path / "old", "11.0.2", "java", "javac")
    monkeypatch.setenv("JAVA_HOME", str(home))
    monkeypatch.setenv("PATH", str(old / "bin"))
    (missing,) = JavaToolchain().missing()
    assert f"{home} has no compiler" in missing.tool
    assert f"{old} is version 11.0.2" in missing.tool


@needs_javac
def test_nothing_of_a_build_needs_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jdk = find_jdk()
    assert isinstance(jdk, Jdk)
    monkeypatch.setenv("JAVA_HOME", str(jdk.home))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("javac") is None
    built, _ = build(workspace(tmp_path, Main=HELLO))
    assert run(built) == "hello\n"
