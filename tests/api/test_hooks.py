"""Every hook does what its documentation says; a convention that this file also enforces."""

from __future__ import annotations

import inspect
import re
import types
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from kafka_lab.api import ExerciseSource, Outcome, Verdict, hooks
from kafka_lab.exercises.plugins import Plugins

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "hooks.md"
HOOKS = [name for name in vars(hooks) if name.startswith("kafka_lab_")]


def documented(hook: str) -> str:
    """The section of a hook in the documentation."""
    sections = re.split(r"^## ", DOCS.read_text(), flags=re.MULTILINE)
    found = [s for s in sections if s.startswith(f"`{hook}`\n")]
    assert found, f"{DOCS.name} has no heading `{hook}`"
    return found[0]


def example(hook: str, folder: Path | None = None) -> Plugins:
    """The plugins with the documentation's example of a hook among them."""
    block = re.search(r"```python\n(.*?)```", documented(hook), re.DOTALL)
    assert block, f"no example of {hook}"
    module = types.ModuleType("example")
    module.__file__ = str((folder or Path()) / "plugin.py")
    exec(block[1], vars(module))
    plugins = Plugins({"example": module}, installed=[], disable=[])
    assert plugins.problems == []
    return plugins


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_heading_a_test_and_a_docstring(hook: str) -> None:
    assert documented(hook)
    assert f"test_{hook}" in globals(), f"write test_{hook} in {__file__}"
    assert inspect.getdoc(getattr(hooks, hook))


def test_the_documentation_has_no_other_hooks() -> None:
    assert re.findall(r"^## `(.*)`$", DOCS.read_text(), re.MULTILINE) == HOOKS


def test_the_hookspecs_fit_on_a_page() -> None:
    assert len(inspect.getsource(hooks).splitlines()) <= 50


def test_kafka_lab_exercises(tmp_path: Path) -> None:
    home = tmp_path / "late-payments"
    home.mkdir()
    plugins = example("kafka_lab_exercises", tmp_path)
    assert plugins.exercises() == [ExerciseSource(home, home / "solution", home / "grader")]
    assert [info.name for info in plugins.infos()] == ["example", "exercise:late-payments"]


def test_kafka_lab_cluster_backends() -> None:
    loaders = example("kafka_lab_cluster_backends").cluster_backends()
    assert list(loaders) == ["lima"]
    with pytest.raises(ModuleNotFoundError, match="my_course"):  # only now is it imported
        loaders["lima"]()


def test_kafka_lab_toolchains() -> None:
    loaders = example("kafka_lab_toolchains").toolchains()
    assert list(loaders) == ["zig"]
    with pytest.raises(ModuleNotFoundError, match="my_course"):
        loaders["zig"]()


def test_kafka_lab_services() -> None:
    loaders = example("kafka_lab_services").services()
    assert list(loaders) == ["redis"]
    with pytest.raises(ModuleNotFoundError, match="my_course"):
        loaders["redis"]()


def test_kafka_lab_report_formats() -> None:
    formats = example("kafka_lab_report_formats").report_formats()
    verdict = Verdict("t", "go", Outcome.PASSED, (), 1, "embedded", "4.3.1", "a", 0.0, 1.0)
    assert formats["one-line"](verdict) == "t\tpassed\t0/0\n"


def test_kafka_lab_commands() -> None:
    group = click.Group()
    example("kafka_lab_commands").add_commands(group)
    result = CliRunner().invoke(group, ["greet", "Ada"])
    assert result.output == "Hello, Ada!\n"
