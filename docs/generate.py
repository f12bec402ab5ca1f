"""Fills the generated parts of the documentation from the code, so that they cannot disagree.

    python docs/generate.py            write what has changed
    python docs/generate.py --check    say which pages are out of date, and fail if one is

A page marks such a part with ``<!-- begin generated NAME -->`` and ``<!-- end generated -->``.
Needs kafka-lab importable: run it by ``.venv-dev/bin/python`` with ``PYTHONPATH=platform``.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

DOCS = Path(__file__).parent
ROOT = DOCS.parent
_PART = re.compile(
    r"(?P<begin><!-- begin generated (?P<name>[a-z-]+(?: [a-z-]+)?) -->\n)"
    r".*?(?P<end><!-- end generated -->)",
    re.DOTALL,
)


def commands() -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every built-in command with its full name, groups before their members."""
    from kafka_lab.cli import COMMANDS, cli

    root = click.Context(cli, info_name="kafka-lab")
    for name in COMMANDS:
        found = cli.get_command(root, name)
        assert found is not None
        yield from _below(found, name, root)


def _below(
    command: click.Command, name: str, parent: click.Context
) -> Iterator[tuple[str, click.Command, click.Context]]:
    context = click.Context(command, info_name=name, parent=parent)
    yield context.command_path, command, context
    if isinstance(command, click.Group):
        for member in command.list_commands(context):
            found = command.get_command(context, member)
            assert found is not None
            yield from _below(found, member, context)


def _cli() -> str:
    parts = []
    for path, command, context in commands():
        level = "##" if path.count(" ") == 1 else "###"
        usage = " ".join([path, *command.collect_usage_pieces(context)])
        parts.append(f"{level} `{path}`\n\n```text\n{usage}\n```\n\n{_prose(command.help or '')}\n")
        options = [_option(p, context) for p in command.get_params(context)]
        rows = [row for row in options if row]
        if rows:
            parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def _prose(help_text: str) -> str:
    return "\n\n".join(" ".join(p.split()) for p in help_text.strip().split("\n\n"))


def _option(parameter: click.Parameter, context: click.Context) -> str:
    # Every command has --help; the page says so once.
    if not isinstance(parameter, click.Option) or "--help" in parameter.opts:
        return ""
    record = parameter.get_help_record(context)
    return f"- `{record[0]}`: {record[1]}" if record else ""


def _codes() -> str:
    from kafka_lab.oracles import CODES

    rows = [f"| `{code}` | {meaning} |" for code, meaning in CODES.items()]
    return "\n".join(["| code | what it says |", "|---|---|", *rows, ""])


def _manifest() -> str:
    from kafka_lab.exercises.manifest import SCHEMA

    schema = json.loads(SCHEMA.read_text())
    rows = ["| key | required | what it is |", "|---|---|---|", *_keys(schema, "")]
    return "\n".join([*rows, ""])


def _keys(schema: Mapping[str, Any], before: str) -> Iterator[str]:
    required = schema.get("required", ())
    for name, inner in schema.get("properties", {}).items():
        key = before + name
        needed = "yes" if name in required else ""
        yield f"| `{key}` | {needed} | {inner.get('description', '')}{_values(inner)} |"
        yield from _keys(inner, f"{key}.")
        if inner.get("items", {}).get("properties"):
            yield from _keys(inner["items"], f"{key}[].")
        other = inner.get("additionalProperties")
        if isinstance(other, dict) and other.get("properties"):
            yield from _keys(other, f"{key}.NAME.")


def _values(schema: Mapping[str, Any]) -> str:
    values = schema.get("enum")
    return f" (`{'`, `'.join(map(str, values))}`)" if values else ""


def _sections() -> str:
    from kafka_lab.exercises.manifest import SECTIONS

    return "\n".join([*(f"{number}. {name}" for number, name in SECTIONS.items()), ""])


def lab_methods() -> Iterator[tuple[ast.FunctionDef, str]]:
    """The public methods of ``Lab``, each with what it says of itself."""
    tree = ast.parse((ROOT / "platform/kafka_lab/grading/lab.py").read_text())
    lab = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Lab")
    for node in lab.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            doc = ast.get_docstring(node)
            if doc:
                yield node, doc.replace("``", "`")


def _lab() -> str:
    rows = []
    for node, doc in lab_methods():
        names = [a.arg for a in node.args.args[1:]]
        if node.args.vararg:
            names.append(f"*{node.args.vararg.arg}")
        said = " ".join(doc.split("\n\n")[0].split())
        rows.append(f"- `lab.{node.name}({', '.join(names)})`: {said}")
    return "\n".join([*rows, ""])


def _lab_reference() -> str:
    """A heading for each method, with its signature and all of its docstring."""
    parts = []
    for node, doc in lab_methods():
        signature = ast.unparse(node.args).removeprefix("self").removeprefix(", ")
        result = ast.unparse(node.returns) if node.returns else "None"
        property_ = any(isinstance(d, ast.Name) and d.id == "property" for d in node.decorator_list)
        call = "" if property_ else f"({signature})"
        shown = f"```text\nlab.{node.name}{call} -> {result}\n```"
        parts.append(f"### `lab.{node.name}`\n\n{shown}\n\n{_sections_of(doc)}\n")
    return "\n".join(parts)


def _sections_of(doc: str) -> str:
    """A docstring as Markdown: paragraphs, and ``Args`` and ``Raises`` as lists."""
    parts = []
    for paragraph in doc.strip().split("\n\n"):
        first, *rest = paragraph.splitlines()
        if first.strip() in ("Args:", "Raises:", "Returns:"):
            entries: list[str] = []
            for line in rest:
                if line.startswith("    ") and not line.startswith("     "):
                    entries.append(f"- {line.strip()}")
                elif entries:
                    entries[-1] += f" {line.strip()}"
            parts.append("\n".join([f"{first.strip()}", "", *entries]))
        else:
            parts.append(" ".join(paragraph.split()))
    return "\n\n".join(parts)


def _layers() -> str:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = rules["contracts"][0]["layers"]
    names = [" · ".join(x.strip().removeprefix("kafka_lab.") for x in n.split("|")) for n in layers]
    return "```text\n" + "\n".join(names) + "\n```\n"


def _shapes() -> str:
    """The table of shapes, from the decorators of the tests that show them."""
    rows = ["| shape | what a client observed | embedded | testcontainers |", "|---|---|---|---|"]
    for path in sorted((ROOT / "tests" / "clusters" / "shapes").glob("test_*.py")):
        for found in ast.parse(path.read_text()).body:
            for mark in getattr(found, "decorator_list", ()):
                if isinstance(mark, ast.Call) and getattr(mark.func, "id", "") == "shape":
                    name, seen = (ast.literal_eval(a) for a in mark.args)
                    refused = [ast.literal_eval(k.value) for k in mark.keywords]
                    by = ["refused" if b in refused else "yes" for b in _BACKENDS]
                    rows.append(f"| {name} | {seen} | {' | '.join(by)} |")
    return "\n".join(rows) + "\n"


def _attacks() -> str:
    """The table of attacks, from the decorators of the tests that try them."""
    rows = ["| what is tried | what stops it | bubblewrap | container |", "|---|---|---|---|"]
    for path in sorted((ROOT / "tests" / "attacks").glob("*.py")):
        for found in ast.parse(path.read_text()).body:
            for mark in getattr(found, "decorator_list", ()):
                name = getattr(mark.func, "id", "") if isinstance(mark, ast.Call) else ""
                if isinstance(mark, ast.Call) and name in ("attack", "stopped"):
                    what, by = (ast.literal_eval(a) for a in mark.args)
                    there = "stopped" if _in_each_kind(name, found) else "any kind"
                    rows.append(f"| {what} | {by} | {there} | {there} |")
    return "\n".join(rows) + "\n"


def _in_each_kind(mark: str, test: ast.stmt) -> bool:
    """Probes run in each kind, as do tests that ask for it; the others in one or in none."""
    words = {n.arg for n in ast.walk(test) if isinstance(n, ast.arg)}
    words |= {n.id for n in ast.walk(test) if isinstance(n, ast.Name)}
    return mark == "attack" or bool(words & {"kind", "usable_kinds"})


_BACKENDS = ("embedded", "testcontainers")

PARTS: Mapping[str, Callable[..., str]] = {
    "cli": _cli,
    "codes": _codes,
    "manifest": _manifest,
    "sections": _sections,
    "lab": _lab,
    "lab-reference": _lab_reference,
    "layers": _layers,
    "shapes": _shapes,
    "attacks": _attacks,
}


def filled(text: str) -> str:
    """A page with its generated parts as they ought to be."""

    def part(found: re.Match[str]) -> str:
        name, *arguments = found["name"].split()
        return f"{found['begin']}\n{PARTS[name](*arguments)}\n{found['end']}"

    return _PART.sub(part, text)


def main() -> int:
    stale = []
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text()
        wanted = filled(text)
        if wanted != text:
            stale.append(page.relative_to(ROOT).as_posix())
            if "--check" not in sys.argv[1:]:
                page.write_text(wanted)
    for name in stale:
        print(f"{name}: {'out of date' if '--check' in sys.argv[1:] else 'written'}")
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
