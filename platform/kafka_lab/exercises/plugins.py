"""Plugins: found, checked, listed, disabled and asked.

What comes with kafka-lab is registered the same way as a package that somebody else wrote. A plugin
that is broken is reported by name and skipped; it never takes the lab down.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

from kafka_lab.api import ExerciseSource, Loader, ReportFormat, hooks
from kafka_lab.api.plugin import PROJECT
from kafka_lab.exercises.plugin_checks import hook_problems, version_problem
from kafka_lab.exercises.problems import nearest

if TYPE_CHECKING:
    import click

DISABLE = "KAFKA_LAB_DISABLE"
EXERCISE = "exercise:"
_OURSELVES = "kafka-lab"


class Installed(Protocol):
    """As much of ``importlib.metadata.EntryPoint`` as is used here."""

    @property
    def name(self) -> str: ...
    def load(self) -> Any: ...


@dataclass(frozen=True)
class Problem:
    """Why a plugin, or a part of it, is not used."""

    plugin: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"plugin {self.plugin}: {self.what}; {self.fix}"


@dataclass(frozen=True)
class PluginInfo:
    """A plugin in the list. ``origin`` says which package it came with."""

    name: str
    origin: str
    disabled: bool = False


def _itself(plugin: object) -> object:
    return plugin


def _origin(entry: Installed) -> str:
    dist = getattr(entry, "dist", None)
    return f"{dist.name} {dist.version}" if dist else "an installed package"


class Plugins:
    """All plugins. ``problems`` and ``replaced`` grow as plugins are asked for things."""

    def __init__(
        self,
        builtins: Mapping[str, object],
        *,
        installed: Iterable[Installed] | None = None,
        disable: Iterable[str] | None = None,
    ) -> None:
        """Register ``builtins`` by name, then what is installed.

        Args:
            builtins: modules or objects with hooks that come with kafka-lab.
            installed: entry points; those of the group ``kafka_lab`` by default.
            disable: names to leave out; by default what ``KAFKA_LAB_DISABLE`` lists.
        """
        self.problems: list[Problem] = []
        self.replaced: list[str] = []
        self._infos: dict[str, PluginInfo] = {}
        self._builtin = frozenset((*builtins, _OURSELVES))
        if disable is None:
            disable = os.environ.get(DISABLE, "").split(",")
        self._disabled = frozenset(name.strip() for name in disable if name.strip())
        self._pm = pluggy.PluginManager(PROJECT)
        self._pm.add_hookspecs(hooks)
        for name, plugin in builtins.items():
            self._add(name, _OURSELVES, partial(_itself, plugin))
        entries = metadata.entry_points(group=PROJECT) if installed is None else installed
        for entry in sorted(entries, key=lambda e: e.name):
            self._add(entry.name, _origin(entry), entry.load)
        self._add_exercises()
        for name in sorted(self._disabled - set(self._infos)):
            near = nearest(name, self._infos)
            fix = f"did you mean {near}?" if near else "take it out of the list"
            self._report(name, f"{DISABLE} names it, but there is no such plugin", fix)

    def _report(self, plugin: str, what: str, fix: str) -> None:
        problem = Problem(plugin, what, fix)
        if problem not in self.problems:
            self.problems.append(problem)

    def _add(self, name: str, origin: str, load: Callable[[], object]) -> None:
        if name.startswith(EXERCISE):
            self._report(name, "this name is given by kafka-lab to exercises", "name it otherwise")
            return
        if name in self._infos:
            holder = self._infos[name].origin
            self._report(
                name, f"{origin} and {holder} both bring it; {holder}'s is used", "rename one"
            )
            return
        if name in self._disabled:
            self._infos[name] = PluginInfo(name, origin, disabled=True)
            return
        update = f"update or uninstall {origin}, or leave it out: {DISABLE}={name}"
        try:
            plugin = load()
        # An import can do anything, exit included; whatever it did, the lab goes on without it.
        except (Exception, SystemExit) as e:
            self._report(name, f"it cannot be loaded: {type(e).__name__}: {e}", update)
            return
        wrong = version_problem(plugin) or hook_problems(self._pm, plugin)
        for what in wrong:
            self._report(name, what, update)
        if wrong:
            return
        try:
            self._pm.register(plugin, name)
        except (ValueError, pluggy.PluginValidationError) as e:
            # Such as one module under two names; after the first line comes pluggy's state.
            self._report(name, f"it cannot be registered: {str(e).splitlines()[0]}", update)
            return
        self._infos[name] = PluginInfo(name, origin)

    def _add_exercises(self) -> None:
        """Make each exercise a plugin of its own, under its own name."""
        owners: dict[str, str] = {}
        for plugin, sources in self._ask("kafka_lab_exercises"):
            if not isinstance(sources, Sequence):
                self._report(plugin, "kafka_lab_exercises gave no list", "return a list of sources")
                continue
            for source in sources:
                if not isinstance(source, ExerciseSource):
                    what = f"kafka_lab_exercises gave {source!r}"
                    self._report(plugin, what, "return ExerciseSource values")
                    continue
                if not source.exercise.is_dir():
                    what = f"its exercise folder {source.exercise} is not there"
                    self._report(plugin, what, "install the package again")
                    continue
                name = EXERCISE + source.slug
                if not self._takes(name, plugin, owners):
                    continue
                self._infos[name] = PluginInfo(
                    name, self._infos[plugin].origin, disabled=name in self._disabled
                )
                if self._pm.has_plugin(name):
                    self._pm.unregister(name=name)
                if name not in self._disabled:
                    self._pm.register(source, name)

    def _takes(self, thing: str, plugin: str, owners: dict[str, str]) -> bool:
        """Whether ``plugin`` may have the name ``thing``: a built-in gives way, others do not."""
        owner = owners.get(thing)
        if owner is not None and owner not in self._builtin:
            self._report(plugin, f"{thing} is there already, from plugin {owner}", "rename one")
            return False
        if owner is not None:
            note = f"{thing} comes from plugin {plugin}, in place of {owner}'s"
            if note not in self.replaced:
                self.replaced.append(note)
        owners[thing] = plugin
        return True

    def _impls(self, hook: str) -> list[pluggy.HookImpl]:
        """Who implements a hook, built-ins first."""
        impls = getattr(self._pm.hook, hook).get_hookimpls()
        return sorted(impls, key=lambda impl: impl.plugin_name not in self._builtin)

    def _call(self, impl: pluggy.HookImpl, **given: Any) -> tuple[bool, Any]:
        """Call one plugin's hook: whether it went well, and what it gave."""
        try:
            return True, impl.function(*(given[name] for name in impl.argnames))
        except (Exception, SystemExit) as e:
            what = f"{impl.function.__name__} failed: {type(e).__name__}: {e}"
            fix = f"update or uninstall it, or leave it out: {DISABLE}={impl.plugin_name}"
            self._report(impl.plugin_name, what, fix)
            return False, None

    def _ask(self, hook: str) -> Iterator[tuple[str, Any]]:
        """What each plugin gives; ``None`` is nothing."""
        for impl in self._impls(hook):
            well, result = self._call(impl)
            if well and result is not None:
                yield impl.plugin_name, result

    def _named(self, hook: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        owners: dict[str, str] = {}
        for plugin, things in self._ask(hook):
            if not isinstance(things, Mapping):
                self._report(plugin, f"{hook} gave no mapping", "return names to functions")
                continue
            for name, thing in things.items():
                if not isinstance(name, str) or not callable(thing):
                    self._report(plugin, f"{hook} gave {name!r} no function", "give it one")
                elif self._takes(name, plugin, owners):
                    found[name] = thing
        return found

    def infos(self) -> list[PluginInfo]:
        """Every plugin that works or is disabled, by name."""
        return sorted(self._infos.values(), key=lambda info: info.name)

    def exercises(self) -> Sequence[ExerciseSource]:
        """The exercises that are not disabled, by slug."""
        return sorted(
            (p for _, p in self._pm.list_name_plugin() if isinstance(p, ExerciseSource)),
            key=lambda source: source.slug,
        )

    def cluster_backends(self) -> dict[str, Loader]:
        return self._named("kafka_lab_cluster_backends")

    def toolchains(self) -> dict[str, Loader]:
        return self._named("kafka_lab_toolchains")

    def services(self) -> dict[str, Loader]:
        return self._named("kafka_lab_services")

    def report_formats(self) -> dict[str, ReportFormat]:
        return self._named("kafka_lab_report_formats")

    def add_commands(self, group: click.Group) -> None:
        """Let every plugin add its commands; one that fails in the middle adds none."""
        import click

        owners = {f"the command {name}": _OURSELVES for name in group.commands}
        for impl in self._impls("kafka_lab_commands"):
            # A group of its own for each, so that half a plugin is never left in ours.
            added = click.Group()
            well, _ = self._call(impl, group=added)
            for name, command in added.commands.items() if well else ():
                if self._takes(f"the command {name}", impl.plugin_name, owners):
                    group.add_command(command, name)
