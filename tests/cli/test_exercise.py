"""``exercise new`` and ``exercise lint``; exercises that are not installed, and that are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import PLUGIN, Tool


@pytest.fixture
def outside(tool: Tool, tmp_path: Path, plugins: Callable[..., None]) -> Callable[[str, str], Path]:
    """Install another package ``zz-lab`` with one exercise, a copy of ``echo``."""

    def install(slug: str, extra: str = "") -> Path:
        folder = tmp_path / "outside"
        home = folder / slug
        shutil.copytree(PLUGIN / "echo", home)
        manifest = home / "exercise.toml"
        manifest.write_text(
            manifest.read_text().replace('slug = "echo"', f'slug = "{slug}"\n{extra}')
        )
        text = (PLUGIN / "echo_lab.py").read_text().replace('"echo"', f'"{slug}"')
        exercises, _, _ = text.partition("@hookimpl\ndef kafka_lab_commands")
        # A module's name of its own: what was imported once stays imported.
        (folder / f"zz_{slug}.py").write_text(exercises)
        info = folder / "zz_lab-2.0.dist-info"
        info.mkdir()
        (info / "entry_points.txt").write_text(f"[kafka_lab]\nzz-lab = zz_{slug}\n")
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zz-lab\nVersion: 2.0\n")
        plugins(folder)
        return home

    return install


def test_doctor_says_what_was_replaced_and_what_was_left_out(
    tool: Tool, outside: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_LAB_DISABLE", "exercise:echo")
    home = outside("transactions")
    said = tool.call("doctor").out
    assert "exercise:transactions comes from plugin zz-lab, in place of bundled's" in said
    assert "plugin exercise:echo: from echo-lab 1.0, left out by KAFKA_LAB_DISABLE" in said
    assert "plugin exercise:transactions: from zz-lab 2.0\n" in said
    # And it is really the one that is used.
    assert str(home) in tool.call("exercise", "lint", "transactions").out


def test_an_exercise_for_another_kafka_lab_says_so_and_the_others_work(
    tool: Tool, outside: Callable[..., Path]
) -> None:
    outside("later", 'requires = ">=99"\nfrom_the_future = 1')
    listed = tool.call("list")
    assert "echo" in listed.out
    asked = tool.call("start", "later")
    assert asked.code == 3
    assert "this exercise needs kafka-lab >=99, and this is" in asked.err
    assert "from_the_future" not in asked.err


def test_new_makes_a_package_in_which_lint_finds_nothing(tool: Tool) -> None:
    done = tool.call("exercise", "new", "late-orders")
    assert done.code == 0
    assert "pip install --no-deps -e late-orders" in done.out
    made = tool.folder / "late-orders"
    files = [p for p in made.rglob("*") if p.is_file()]
    assert made / ".github" / "workflows" / "exercise.yml" in files
    assert [p for p in files if "{{" in p.read_text()] == []
    assert [p.name for p in tool.folder.iterdir()] == ["late-orders"]
    assert tool.call("exercise", "lint", "late-orders").out == "nothing found\n"
    tool.folder = made
    assert tool.call("exercise", "lint").out == "nothing found\n"


def test_new_refuses_what_is_there_and_what_is_no_name(tool: Tool) -> None:
    assert tool.call("exercise", "new", "a").code == 0
    again = tool.call("exercise", "new", "a")
    assert again.code == 2
    assert "a is there already" in again.err
    odd = tool.call("exercise", "new", "Late_Orders", "--directory", "sub")
    assert odd.code == 2
    assert "lower case letters" in odd.err
    assert not (tool.folder / "sub").exists()


def test_new_says_that_it_would_replace_an_exercise(tool: Tool) -> None:
    assert "takes the place of the exercise echo" in tool.call("exercise", "new", "echo").out


def test_lint_names_file_key_and_fix_of_an_installed_exercise(tool: Tool) -> None:
    done = tool.call("exercise", "lint", "echo")
    assert done.code == 1
    assert "exercise.toml: checks: the points of all checks sum to 10, not to 100;" in done.out
    assert done.out.endswith("5 found\n")


def test_a_folder_without_an_exercise_is_told(tool: Tool) -> None:
    assert "there is no exercise.toml in" in tool.call("exercise", "lint").err
    assert "there is no folder ./gone" in tool.call("exercise", "lint", "./gone").err
    assert "did you mean echo?" in tool.call("verify", "ecko").err


def test_a_folder_with_two_exercises_asks_which(tool: Tool) -> None:
    for name in ("one", "two"):
        assert tool.call("exercise", "new", name, "--directory", "both").code == 0
    folders = [next((tool.folder / "both").glob(f"{n}/src/*/{n}")) for n in ("one", "two")]
    for folder in folders:
        folder.rename(tool.folder / "both" / f"{folder.name}-exercise")
    assert "holds 2 exercises" in tool.call("exercise", "lint", "both").err


def test_verify_proves_a_folder_that_is_not_installed(tool: Tool) -> None:
    assert tool.call("exercise", "new", "late-orders").code == 0
    done = tool.run("verify", "late-orders", "--kind", "solution")
    assert "late-orders: 1 runs" in done.out
    assert done.out.count("1 passed, 0 failed") == 1, done.said
    assert done.code == 0
