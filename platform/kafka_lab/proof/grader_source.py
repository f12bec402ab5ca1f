"""A grader as its source says: read, never imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CheckSource:
    """One check: a function ``test_…`` of a grader's module."""

    id: str
    path: Path
    title: str
    needs: tuple[str, ...]
    hint: int | None
    fixtures: tuple[str, ...]


@dataclass(frozen=True)
class GraderSource:
    """Checks in the order in which they run; ``fixtures``: name → what it asks for itself."""

    checks: tuple[CheckSource, ...]
    fixtures: Mapping[str, tuple[str, ...]]

    def runs_something(self, check: CheckSource) -> bool:
        """Whether it gets at the cluster and the program, or rests on a check that does."""
        if check.needs:
            return True
        seen: set[str] = set()
        todo = list(check.fixtures)
        while todo:
            name = todo.pop()
            if name == "lab":
                return True
            if name not in seen:
                seen.add(name)
                todo += self.fixtures.get(name, ())
        return False


def read_grader(folder: Path) -> GraderSource:
    """The checks and fixtures of all modules of a grader.

    Raises:
        SyntaxError: naming the file.
    """
    checks: list[CheckSource] = []
    fixtures: dict[str, tuple[str, ...]] = {}
    for path in sorted(folder.glob("*.py")):
        for node in ast.parse(path.read_bytes(), str(path)).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            if any(_called(d)[0] == "fixture" for d in node.decorator_list):
                fixtures[node.name] = _arguments(node)
            elif node.name.startswith("test_") and path.name.startswith("test_"):
                checks.append(_check(path, node))
    return GraderSource(tuple(checks), fixtures)


def _check(path: Path, node: ast.FunctionDef) -> CheckSource:
    marks = [_called(d) for d in node.decorator_list]
    hints = [value for name, values in marks if name == "hint" for value in values]
    used = [v for name, values in marks if name == "usefixtures" for v in values]
    return CheckSource(
        id=node.name.removeprefix("test_"),
        path=path,
        title=ast.get_docstring(node) or "",
        needs=tuple(str(v) for name, values in marks if name == "needs" for v in values),
        hint=next((h for h in hints if isinstance(h, int)), None),
        fixtures=(*_arguments(node), *map(str, used)),
    )


def _arguments(node: ast.FunctionDef) -> tuple[str, ...]:
    return tuple(a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))


def _called(decorator: ast.expr) -> tuple[str, list[object]]:
    """``pytest.mark.hint(2)`` → its last name and its plain arguments."""
    call = decorator if isinstance(decorator, ast.Call) else None
    function = call.func if call else decorator
    name = function.attr if isinstance(function, ast.Attribute) else ""
    name = function.id if isinstance(function, ast.Name) else name
    return name, list(_constants(call.args if call else []))


def _constants(arguments: list[ast.expr]) -> Iterator[object]:
    for argument in arguments:
        if isinstance(argument, ast.Constant):
            yield argument.value
