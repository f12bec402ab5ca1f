from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from kafka_lab.api import ExerciseSource, hookimpl
from kafka_lab.exercises import builtin
from kafka_lab.exercises.plugins import Plugins


@dataclass
class Entry:
    """Stands for an entry point of an installed package."""

    name: str
    load: Callable[[], Any]
    dist: Any = field(default_factory=lambda: SimpleNamespace(name="course", version="2.0"))


def plugin(**functions: Callable[..., Any]) -> Any:
    """A plugin whose functions carry the decorator."""
    return SimpleNamespace(**{name: hookimpl(f) for name, f in functions.items()})


def installed(name: str, thing: Any) -> Entry:
    return Entry(name, lambda: thing)


def exercise(folder: Path, slug: str) -> ExerciseSource:
    (folder / slug).mkdir(parents=True, exist_ok=True)
    return ExerciseSource.in_folder(folder / slug)


def load(*entries: Entry, disable: tuple[str, ...] = (), **builtins: Any) -> Plugins:
    return Plugins(builtins, installed=entries, disable=disable)


def said(plugins: Plugins) -> str:
    return "\n".join(map(str, plugins.problems))


def test_the_exercises_of_this_repository_are_plugins_each() -> None:
    plugins = load(bundled=builtin)
    assert plugins.problems == []
    assert ("exercise:transactions", "kafka-lab") in [(i.name, i.origin) for i in plugins.infos()]
    source = next(s for s in plugins.exercises() if s.slug == "transactions")
    assert (source.exercise / "guide.md").is_file()


def test_installed_packages_are_found_by_default() -> None:
    assert Plugins({"bundled": builtin}).exercises()


def test_a_plugin_that_cannot_be_imported_is_named_and_skipped(tmp_path: Path) -> None:
    def broken() -> Any:
        raise ImportError("no module named pandas")

    def leaves() -> Any:
        raise SystemExit(3)

    good = plugin(kafka_lab_exercises=lambda: [exercise(tmp_path, "good")])
    plugins = load(Entry("broken", broken), Entry("leaves", leaves), installed("ok", good))
    assert [s.slug for s in plugins.exercises()] == ["good"]
    assert said(plugins).splitlines() == [
        "plugin broken: it cannot be loaded: ImportError: no module named pandas; "
        "update or uninstall course 2.0, or leave it out: KAFKA_LAB_DISABLE=broken",
        "plugin leaves: it cannot be loaded: SystemExit: 3; "
        "update or uninstall course 2.0, or leave it out: KAFKA_LAB_DISABLE=leaves",
    ]


def test_a_hook_that_raises_is_reported_once_and_the_others_work() -> None:
    def fails() -> Any:
        raise RuntimeError("no zig here")

    good = plugin(kafka_lab_toolchains=lambda: {"nim": object})
    plugins = load(
        installed("a", plugin(kafka_lab_toolchains=fails)), installed("b", good), builtin=plugin()
    )
    for _ in range(2):
        assert list(plugins.toolchains()) == ["nim"]
    assert said(plugins).startswith("plugin a: fails failed: RuntimeError: no zig here;")
    assert len(plugins.problems) == 1


@pytest.mark.parametrize("version", [0, 2, "1"])
def test_another_api_version_is_refused(version: object) -> None:
    plugins = load(installed("old", SimpleNamespace(KAFKA_LAB_API=version)))
    assert f"was written for API {version!r}, this kafka-lab has API 1" in said(plugins)
    assert plugins.infos() == []


def test_this_api_version_and_none_are_taken() -> None:
    plugins = load(
        installed("a", SimpleNamespace(KAFKA_LAB_API=1)), installed("b", SimpleNamespace())
    )
    assert [i.name for i in plugins.infos()] == ["a", "b"]


def test_a_misspelled_hook_is_refused_with_the_nearest() -> None:
    plugins = load(installed("typo", plugin(kafka_lab_exercizes=lambda: [])))
    assert "plugin typo: kafka_lab_exercizes is no hook" in said(plugins)
    assert "did you mean kafka_lab_exercises?" in said(plugins)
    assert plugins.infos() == []


def test_a_hook_that_is_only_optional_may_be_unknown() -> None:
    later = SimpleNamespace(kafka_lab_services=hookimpl(optionalhook=True)(lambda: []))
    assert load(installed("later", later)).problems == []


def test_a_hook_without_its_decorator_is_refused() -> None:
    def bare() -> list[ExerciseSource]:
        return []

    named = load(installed("bare", SimpleNamespace(kafka_lab_exercises=bare)))
    assert "kafka_lab_exercises lacks the decorator kafka_lab.api.hookimpl" in said(named)
    typo = load(installed("bare", SimpleNamespace(kafka_lab_exercise=bare)))
    assert "did you mean kafka_lab_exercises?" in said(typo)


def test_wrong_arguments_and_wrappers_are_refused() -> None:
    def wants(groop: object) -> None: ...

    plugins = load(installed("args", plugin(kafka_lab_commands=wants)))
    assert "kafka_lab_commands takes groop, but the hook gives group" in said(plugins)

    @hookimpl(wrapper=True)
    def wraps() -> Any:
        return (yield)

    plugins = load(installed("wraps", SimpleNamespace(kafka_lab_exercises=wraps)))
    assert "is a hook wrapper" in said(plugins)


@pytest.mark.parametrize("given", [7, ["transactions"], None])
def test_what_is_no_exercise_is_reported(given: object) -> None:
    plugins = load(installed("odd", plugin(kafka_lab_exercises=lambda: given)))
    assert plugins.exercises() == []
    assert len(plugins.problems) == (given is not None)


def test_an_exercise_folder_that_is_gone_is_reported(tmp_path: Path) -> None:
    gone = ExerciseSource.in_folder(tmp_path / "gone")
    plugins = load(installed("p", plugin(kafka_lab_exercises=lambda: [gone])))
    assert "its exercise folder" in said(plugins)


def test_exercises_and_plugins_are_disabled_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = plugin(
        kafka_lab_exercises=lambda: [exercise(tmp_path, "one"), exercise(tmp_path, "two")]
    )
    monkeypatch.setenv("KAFKA_LAB_DISABLE", "exercise:one, other ,exercise:tow")
    plugins = Plugins({"course": both}, installed=[installed("other", plugin())])
    assert [s.slug for s in plugins.exercises()] == ["two"]
    assert [i.name for i in plugins.infos() if i.disabled] == ["exercise:one", "other"]
    assert said(plugins) == (
        "plugin exercise:tow: KAFKA_LAB_DISABLE names it, but there is no such plugin; "
        "did you mean exercise:two?"
    )


def test_a_disabled_plugin_is_not_even_imported() -> None:
    def explodes() -> Any:
        raise AssertionError

    assert load(Entry("p", explodes), disable=("p",)).problems == []


def test_an_outside_exercise_replaces_a_built_in_one_of_its_name(tmp_path: Path) -> None:
    ours, theirs = exercise(tmp_path / "ours", "acls"), exercise(tmp_path / "theirs", "acls")
    later = exercise(tmp_path / "later", "acls")
    plugins = load(
        installed("course", plugin(kafka_lab_exercises=lambda: [theirs])),
        installed("second", plugin(kafka_lab_exercises=lambda: [later])),
        bundled=plugin(kafka_lab_exercises=lambda: [ours]),
    )
    assert plugins.exercises() == [theirs]
    assert plugins.replaced == ["exercise:acls comes from plugin course, in place of bundled's"]
    assert "plugin second: exercise:acls is there already, from plugin course" in said(plugins)


def test_names_are_taken_once_and_those_of_exercises_are_not_given_away() -> None:
    plugins = load(
        installed("bundled", plugin()), installed("exercise:x", plugin()), bundled=plugin()
    )
    assert "course 2.0 and kafka-lab both bring it; kafka-lab's is used" in said(plugins)
    assert "plugin exercise:x: this name is given by kafka-lab" in said(plugins)
    assert [i.name for i in plugins.infos()] == ["bundled"]


def test_one_module_under_two_names_is_reported() -> None:
    same = plugin()
    plugins = load(installed("a", same), installed("b", same))
    assert "plugin b: it cannot be registered: Plugin already registered" in said(plugins)
    assert [i.name for i in plugins.infos()] == ["a"]


def test_what_is_no_mapping_of_functions_is_reported() -> None:
    plugins = load(
        installed("a", plugin(kafka_lab_toolchains=lambda: ["python"])),
        installed("b", plugin(kafka_lab_toolchains=lambda: {"go": "golang", "zig": object})),
    )
    assert list(plugins.toolchains()) == ["zig"]
    assert "kafka_lab_toolchains gave no mapping" in said(plugins)
    assert "gave 'go' no function" in said(plugins)


def test_commands_of_a_plugin_that_fails_in_the_middle_are_not_added() -> None:
    def fails(group: click.Group) -> None:
        group.add_command(click.Command("half"))
        raise RuntimeError("oops")

    def adds(group: click.Group) -> None:
        group.add_command(click.Command("check"))
        group.add_command(click.Command("grade"))

    original = click.Command("check")
    group = click.Group(commands={"check": original})
    plugins = load(
        installed("fails", plugin(kafka_lab_commands=fails)),
        installed("adds", plugin(kafka_lab_commands=adds)),
    )
    plugins.add_commands(group)
    assert sorted(group.commands) == ["check", "grade"]
    assert group.commands["check"] is not original
    assert plugins.replaced == ["the command check comes from plugin adds, in place of kafka-lab's"]
    assert "RuntimeError: oops" in said(plugins)
