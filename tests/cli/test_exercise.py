"""``exercise new`` and ``exercise lint``, and exercises that are not installed."""

from __future__ import annotations

from .conftest import Tool


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
