"""The Python toolchain: environments made once, and whose fault a failure is."""

from __future__ import annotations

import socket
import subprocess
import threading
import zipfile
from pathlib import Path

import pytest

from kafka_lab.programs.toolchains.base import Built
from kafka_lab.programs.toolchains.python import PythonToolchain
from kafka_lab.runtime.errors import BuildFailed, LabError
from kafka_lab.runtime.paths import cache_dir


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_LAB_CACHE", str(tmp_path / "cache"))


def workspace(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


def wheel(folder: Path, name: str) -> Path:
    """A library of one line, to be installed without any index."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "SAYS = 'hello'\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def build(folder: Path, entry: str = "main.py") -> tuple[Built, list[str]]:
    said: list[str] = []
    return PythonToolchain().build(folder, entry, said.append), said


def run(built: Built, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        built.argv, cwd=folder, env=built.env, capture_output=True, text=True, check=False
    )


def environments() -> list[Path]:
    folder = cache_dir() / "builds" / "python"
    return [p for p in folder.iterdir() if p.is_dir()] if folder.exists() else []


def test_a_program_runs_with_its_libraries_alone(tmp_path: Path) -> None:
    library = wheel(tmp_path, "onlymine")
    folder = workspace(
        tmp_path,
        main_py="import onlymine\nprint(onlymine.SAYS)\n",
        requirements_txt=f"--no-index\n{library}\n",
    )
    built, said = build(folder)
    assert run(built, folder).stdout == "hello\n"
    assert said == ["installing the program's libraries"]
    assert built.dialect == "librdkafka"
    assert built.editor[".venv"] == Path(built.argv[0]).parents[1]
    for module in ("kafka_lab", "confluent_kafka", "pytest", "click"):
        (folder / "main.py").write_text(f"import {module}\n")
        other, said = build(folder)
        assert said == []  # the same libraries: nothing is installed again
        assert f"No module named '{module}'" in run(other, folder).stderr
        assert other.fingerprint != built.fingerprint
    assert len(environments()) == 1
    assert not list(folder.rglob("__pycache__"))


def test_without_requirements(tmp_path: Path) -> None:
    folder = workspace(tmp_path, main_py="import sys; print(sys.prefix != sys.base_prefix)")
    built, _ = build(folder)
    assert run(built, folder).stdout == "True\n"
    (folder / "requirements.txt").write_text("")
    assert build(folder)[0].argv == built.argv


def test_two_at_once_install_once(tmp_path: Path) -> None:
    folder = workspace(
        tmp_path,
        main_py="print(1)",
        requirements_txt=f"--no-index\n{wheel(tmp_path, 'onlymine')}\n",
    )
    found: list[tuple[Built, list[str]]] = []
    threads = [threading.Thread(target=lambda: found.append(build(folder))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 3
    assert len({built.argv for built, _ in found}) == 1
    assert len(environments()) == 1
    assert run(found[0][0], folder).stdout == "1\n"


def test_an_interrupted_installation_is_made_anew(tmp_path: Path) -> None:
    folder = workspace(tmp_path, main_py="print('again')")
    built, _ = build(folder)
    (made,) = environments()
    (made / "ready").unlink()
    Path(built.argv[0]).unlink()
    again, said = build(folder)
    assert said == ["installing the program's libraries"]
    assert run(again, folder).stdout == "again\n"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "main.py is not there"),
        ({"main_py": "def f(:\n"}, "main.py:1: invalid syntax\n    def f(:"),
        ({"main_py": "", "helper_py": "x = (\n"}, "helper.py:1: '(' was never closed"),
        ({"main_py": "a\0b"}, "main.py: source code string cannot contain null bytes"),
        ({"main_py": "-" * 100_000 + "1"}, "main.py"),
    ],
)
def test_a_program_that_does_not_parse(tmp_path: Path, files: dict[str, str], words: str) -> None:
    with pytest.raises(BuildFailed) as caught:
        build(workspace(tmp_path, **files))
    assert words in caught.value.output
    assert str(tmp_path) not in caught.value.output
    assert environments() == []


def test_requirements_that_cannot_be_installed(tmp_path: Path) -> None:
    folder = workspace(
        tmp_path, main_py="", requirements_txt="--no-index\nno-such-library-anywhere==1\n"
    )
    with pytest.raises(BuildFailed, match=r"requirements\.txt cannot") as caught:
        build(folder)
    assert "no-such-library-anywhere" in caught.value.output
    assert environments() == []


def test_a_network_that_is_down_is_not_the_learners_fault(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    index = f"--index-url http://127.0.0.1:{port}/\n"
    folder = workspace(tmp_path, main_py="", requirements_txt=f"{index}some-library==1\n")
    (tmp_path / "pip.conf").write_text("[global]\nretries = 1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
        patch.setenv("no_proxy", "127.0.0.1")
        with pytest.raises(LabError, match="could not be fetched") as caught:
            build(folder)
    assert "company mirror" in caught.value.fix
    assert environments() == []


def test_the_learners_folder_is_not_where_pip_starts(tmp_path: Path) -> None:
    # Else a file called like a module of pip's would run in its place.
    folder = workspace(
        tmp_path,
        main_py="print(1)",
        requests_py="raise SystemExit('HIJACKED')\n",
        pip_py="raise SystemExit('HIJACKED')\n",
        requirements_txt=f"--no-index\n{wheel(tmp_path, 'onlymine')}\n",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PYTHONPATH", str(folder))
        built, _ = build(folder)
    assert run(built, folder).stdout == "1\n"


def test_this_python_can_make_environments() -> None:
    assert PythonToolchain().missing() == []
