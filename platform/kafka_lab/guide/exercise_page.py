"""The page of an exercise: its guide, with what its manifest and its grader's docstrings say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kafka_lab.exercises.exercise import Exercise
from kafka_lab.guide.topics import curriculum

LANGUAGES = {
    "python": "Python",
    "java": "Java",
    "go": "Go",
    "typescript": "TypeScript",
    "rust": "Rust",
    "csharp": "C#",
    "config": "configuration",
}
_KINDS = {
    "service": "a service: it runs until SIGTERM, then stops in good order and exits with 0",
    "job": "a job: it ends by itself",
    "tool": "a tool: a command with arguments, output and an exit code",
    "config": "configuration: files that are given to real components",
    "tests": "tests: they are run against right and broken services",
}
_FENCE = re.compile(r"^(`{3,}|~{3,})")


@dataclass(frozen=True)
class Part:
    """A second-level section of a guide; ``text`` has its heading as its first line."""

    title: str
    text: str


def exercise_page(exercise: Exercise) -> str:
    """The page's Markdown. Has nothing that a grader hides: of it, only checks' docstrings."""
    head, parts = split(exercise.guide.read_text(encoding="utf-8"))
    title, _, opening = head.partition("\n")
    blocks = [title, _facts(exercise), opening.strip()]
    grader = _first(parts, r"grader")
    ending = _first(parts, r"mistake|further reading|read on")
    at = grader if grader is not None else ending if ending is not None else len(parts)
    after = at + 1 if grader is not None else at
    brief = _first(parts, r"brief")
    for number, part in enumerate(parts):
        if number == at:
            blocks.append(_hints(exercise))
        if number == after:
            blocks.append(_checks(exercise))
        blocks.append(part.text.strip())
        if number == brief:
            blocks.append(_contract(exercise, part.text))
    if at == len(parts):
        blocks.append(_hints(exercise))
    if after >= len(parts):
        blocks.append(_checks(exercise))
    if brief is None:
        blocks.insert(3, _contract(exercise, ""))
    return "\n\n".join(block for block in blocks if block) + "\n"


def split(guide: str) -> tuple[str, list[Part]]:
    """What stands before the first second-level heading, and the parts that follow.

    A line in a code block is no heading, whatever it looks like.
    """
    head: list[str] = []
    parts: list[tuple[str, list[str]]] = []
    fence = ""
    for line in guide.splitlines():
        mark = _FENCE.match(line)
        if fence:
            if line.startswith(fence) and not line.strip("`~ "):
                fence = ""
        elif mark:
            fence = mark[1]
        if not fence and line.startswith("## "):
            parts.append((line[3:].strip(), [line]))
        elif parts:
            parts[-1][1].append(line)
        else:
            head.append(line)
    return "\n".join(head).strip(), [Part(name, "\n".join(lines)) for name, lines in parts]


def check_titles(graders: Path) -> dict[str, str]:
    """Check id to the sentence that holds when it passes: the docstrings, and nothing else.

    Empty when the grader is not in this installation (a course may keep its graders private).
    """
    titles: dict[str, str] = {}
    for path in sorted(graders.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                said = ast.get_docstring(node) or ""
                titles[node.name.removeprefix("test_")] = " ".join(said.split())
    return titles


def _first(parts: list[Part], words: str) -> int | None:
    found = (n for n, p in enumerate(parts) if re.search(words, p.title, re.IGNORECASE))
    return next(found, None)


def _facts(exercise: Exercise) -> str:
    m = exercise.manifest
    languages = ", ".join(LANGUAGES.get(name, name) for name in exercise.languages)
    facts = {
        "Section": f"{m.section} {m.section_name}",
        "Difficulty": m.difficulty,
        "Time": f"about {m.minutes} minutes",
        "Points": str(m.points),
        "Languages": languages,
    }
    rows = "".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in facts.items())
    lines = [
        f'<p class="kl-summary">{m.summary}</p>',
        f'<dl class="kl-facts">{rows}</dl>',
        f'<div class="kl-progress" data-kl-exercise="{exercise.slug}" hidden></div>',
        f"```sh\nkafka-lab start {exercise.slug}\n```",
    ]
    needs = [*m.prerequisites, *_earlier(exercise.slug)]
    if needs:
        lines.append("You should know:\n\n" + "\n".join(f"- {need}" for need in needs))
    lines += [
        f'!!! info "Stand-in: {name}"\n\n{_indented(text)}' for name, text in m.stand_ins.items()
    ]
    return "\n\n".join(lines)


def _earlier(slug: str) -> Iterator[str]:
    topic = curriculum().topics.get(slug)
    for before in topic.after if topic else ():
        yield f"what the exercise *{curriculum().topics[before].title}* teaches"


def _contract(exercise: Exercise, brief: str) -> str:
    """Kind and entry points; the variables too, unless the brief has them already."""
    m = exercise.manifest
    lines = ["## The contract", "", f"Your program is {_KINDS[m.contract.kind]}.", ""]
    lines += ["| track | entry point |", "|---|---|"]
    for name, track in m.tracks.items():
        lines.append(f"| {LANGUAGES.get(name, name)} | `{track.entry}` |")
    missing = [name for name in m.contract.env if f"`{name}`" not in brief]
    if missing:
        lines += ["", "| variable | meaning |", "|---|---|"]
        lines += [f"| `{name}` | {text} |" for name, text in m.contract.env.items()]
    return "\n".join(lines)


def _hints(exercise: Exercise) -> str:
    hints = exercise.manifest.hints
    lines = [
        "## Hints",
        "From a nudge to nearly the answer. `kafka-lab hint` shows them one by one as well.",
    ]
    for number, text in enumerate(hints, 1):
        lines.append(f'??? tip "Hint {number} of {len(hints)}"\n\n{_indented(text.strip())}')
    return "\n\n".join(lines)


def _checks(exercise: Exercise) -> str:
    titles = check_titles(exercise.graders)
    lines = ["## Checks and points", "", "| check | what holds when it passes | points |"]
    lines.append("|---|---|--:|")
    for check in exercise.manifest.checks:
        said = titles.get(check.id, "").replace("|", "\\|")
        lines.append(f"| `{check.id}` | {said} | {check.points} |")
    lines.append(f"| all | | {exercise.manifest.points} |")
    return "\n".join(lines)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.strip().splitlines())
