"""What must hold of a plugin before it is registered."""

from __future__ import annotations

import inspect

import pluggy

from kafka_lab.api import API_VERSION
from kafka_lab.exercises.problems import nearest

VERSION = "KAFKA_LAB_API"
_PREFIX = "kafka_lab_"


def version_problem(plugin: object) -> list[str]:
    """Say so if the plugin states that it was written for another version of the API."""
    stated = getattr(plugin, VERSION, API_VERSION)
    if stated == API_VERSION:
        return []
    return [f"it was written for API {stated!r}, this kafka-lab has API {API_VERSION}"]


def _specs(pm: pluggy.PluginManager) -> dict[str, tuple[str, ...]]:
    """Hook name to its arguments."""
    return {
        name: tuple(caller.spec.argnames)
        for name, caller in vars(pm.hook).items()
        if not name.startswith("_") and caller.spec is not None
    }


def hook_problems(pm: pluggy.PluginManager, plugin: object) -> list[str]:
    """Misspelled, unmarked and wrongly declared hooks of a plugin.

    pluggy says the first of these only for all plugins together and after registering
    (``check_pending``), and not at all that a hook lacks its marker: such a plugin would do
    nothing, silently.
    """
    specs = _specs(pm)
    problems: list[str] = []
    for name in dir(plugin):
        if name.startswith("__"):
            continue
        function = inspect.getattr_static(plugin, name, None)
        if not (inspect.isroutine(function) or isinstance(function, staticmethod | classmethod)):
            continue
        options = pm.parse_hookimpl_opts(plugin, name)
        if options is None:
            if name in specs:
                problems.append(f"{name} lacks the decorator kafka_lab.api.hookimpl")
            elif name.startswith(_PREFIX):
                near = nearest(name, specs)
                if near:
                    problems.append(f"{name} is no hook, did you mean {near}?")
            continue
        hook = options.get("specname") or name
        if hook not in specs:
            if not options.get("optionalhook"):
                near = nearest(hook, specs)
                known = f"did you mean {near}?" if near else f"hooks are {', '.join(specs)}"
                problems.append(f"{hook} is no hook, {known}")
            continue
        if options.get("wrapper") or options.get("hookwrapper"):
            problems.append(f"{name} is a hook wrapper; kafka-lab has none")
        method = getattr(plugin, name)
        extra = [a for a in inspect.signature(method).parameters if a not in specs[hook]]
        if extra:
            takes = ", ".join(specs[hook]) or "nothing"
            problems.append(f"{name} takes {', '.join(extra)}, but the hook gives {takes}")
    return problems
