"""What an exercise lacks or does weakly, told from its files alone: nothing is run.

It knows more than ``verify`` refuses: what makes an exercise hard to read, unfair or easy to fool.
"""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kafka_lab.api import ExerciseSource
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.exercises.manifest import FILE
from kafka_lab.exercises.problems import ManifestError
from kafka_lab.proof.grader_source import GraderSource, read_grader
from kafka_lab.proof.jobs import read_mutants
from kafka_lab.proof.mutants import MUTANTS, mutant_problems
from kafka_lab.proof.runner import apply_patch
from kafka_lab.runtime.errors import LabError

FULL = 100
"""Points of all checks together, by convention: courses weigh exercises, not points."""
_FEW = 40
"""Changed lines up to which a mutant is still the mistake of somebody who nearly had it."""
_GENERAL = ("KAFKA_SASL_", "KAFKA_SSL_")
"""Variables that every program may get; the brief may name them together."""


@dataclass(frozen=True)
class LintProblem:
    """One thing to mend. ``key`` is a manifest's key, a mutant, a check, or empty."""

    path: Path
    key: str
    what: str
    fix: str

    def __str__(self) -> str:
        key = f" {self.key}:" if self.key else ""
        return f"{self.path}:{key} {self.what}; {self.fix}"


def lint(source: ExerciseSource) -> list[LintProblem]:
    """Everything that there is to say about an exercise's files."""
    try:
        exercise = Exercise.load(source)
    except ManifestError as e:
        return [LintProblem(p.path, p.key, p.what, p.fix) for p in e.problems]
    except LabError as e:
        return [LintProblem(source.exercise / FILE, "", e.what, e.fix)]
    return [
        *_package(exercise),
        *_manifest(exercise),
        *_guide(exercise),
        *_tracks(exercise),
        *_grader(exercise),
        *_mutants(exercise),
    ]


def _package(exercise: Exercise) -> Iterator[LintProblem]:
    """Whether an installed package would be found; the checkout of kafka-lab registers its own."""
    near = exercise.home.parents[:3]
    path = next((p / "pyproject.toml" for p in near if (p / "pyproject.toml").is_file()), None)
    if path is None or exercise.home.parent.name == "exercises":
        return
    try:
        project = tomllib.loads(path.read_text()).get("project", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        yield LintProblem(path, "", f"this is not TOML: {e}", "mend it")
        return
    if not project.get("entry-points", {}).get("kafka_lab"):
        yield LintProblem(
            path,
            "project.entry-points.kafka_lab",
            "is missing: an installed package is not found",
            "add the table, with a name and the module that has the hook kafka_lab_exercises",
        )


def _manifest(exercise: Exercise) -> Iterator[LintProblem]:
    manifest = exercise.manifest
    if manifest.points != FULL:
        yield LintProblem(
            manifest.path,
            "checks",
            f"the points of all checks sum to {manifest.points}, not to {FULL}",
            f"share out {FULL} points",
        )
    for number, hint in enumerate(manifest.hints):
        if hint in manifest.hints[:number]:
            yield LintProblem(
                manifest.path, f"hints[{number}]", "says what an earlier hint says", "say more"
            )


def _guide(exercise: Exercise) -> Iterator[LintProblem]:
    path = exercise.guide
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError):
        yield LintProblem(path, "", "cannot be read as text", "write the brief for the learner")
        return
    rows = "\n".join(line for line in text.splitlines() if line.lstrip().startswith("|"))
    if "|" not in rows:
        yield LintProblem(
            path,
            "",
            "has no table of the contract",
            "add a table with a row for each variable that the program is given",
        )
    else:
        for variable in exercise.manifest.contract.env:
            if f"`{variable}`" not in rows and not variable.startswith(_GENERAL):
                yield LintProblem(
                    path, variable, "is in no table of the guide", "add a row that says what it is"
                )
    if not any(sign in text for sign in ("```mermaid", "<svg", ".svg", ".png", "```text")):
        yield LintProblem(
            path, "", "has no diagram", "draw what flows where, such as a ```mermaid block"
        )


def _tracks(exercise: Exercise) -> Iterator[LintProblem]:
    for language in exercise.languages:
        folders: list[Path] = []
        for part, find in (("starter", exercise.starter), ("solution", exercise.solution)):
            try:
                folders.append(find(language))
            except LabError:
                home = exercise.home / "starter" if part == "starter" else exercise.solutions
                yield LintProblem(
                    home / language, "", f"there is no {part} in {language}", "add the folder"
                )
        if len(folders) == 2 and _contents(folders[0]) == _contents(folders[1]):
            yield LintProblem(
                folders[0], "", "the starter is the solution", "take out what is to be learnt"
            )
        entry = exercise.track(language).entry
        for folder in folders:
            if language == "python" and not (folder / entry).is_file():
                yield LintProblem(
                    folder, f"tracks.{language}.entry", f"{entry} is not there", "add the file"
                )
        if not exercise.variants(language):
            yield LintProblem(
                exercise.graders / "variants" / language,
                "",
                f"it has no variant in {language}",
                "add a folder with a right solution that is built differently: it shows that the "
                "grader asks for no more than the brief",
            )


def _contents(folder: Path) -> dict[str, bytes]:
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and "__pycache__" not in p.parts)
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def _grader(exercise: Exercise) -> Iterator[LintProblem]:
    if not list(exercise.graders.glob("test_*.py")):
        yield LintProblem(
            exercise.graders, "", "there is no grader", "add a module test_….py with the checks"
        )
        return
    try:
        source = read_grader(exercise.graders)
    except SyntaxError as e:
        path = Path(e.filename or exercise.graders)
        yield LintProblem(path, f"line {e.lineno}", f"is not Python: {e.msg}", "mend it")
        return
    yield from _listed(exercise, source)
    points = {check.id: check.points for check in exercise.manifest.checks}
    before: set[str] = set()
    for check in source.checks:
        if not check.title:
            yield LintProblem(
                check.path,
                check.id,
                "has no docstring, which is the sentence that the learner reads",
                "write what holds when it passes",
            )
        for need in check.needs:
            if need not in before:
                yield LintProblem(
                    check.path,
                    check.id,
                    f"needs {need!r}, which is no check before it",
                    "move it up, or mend the name",
                )
        if check.hint is not None and not 0 <= check.hint < len(exercise.manifest.hints):
            last = len(exercise.manifest.hints) - 1
            yield LintProblem(
                check.path, check.id, f"there is no hint {check.hint}", f"hints go from 0 to {last}"
            )
        if points.get(check.id) and not source.runs_something(check):
            yield LintProblem(
                check.path,
                check.id,
                f"earns {points[check.id]} points alone, and runs nothing: it only reads files",
                "judge what the program does (use the fixture lab), or mark it with needs(…)",
            )
        before.add(check.id)


def _listed(exercise: Exercise, source: GraderSource) -> Iterator[LintProblem]:
    there, listed = {c.id: c for c in source.checks}, {c.id for c in exercise.manifest.checks}
    for name in [n for n in there if n not in listed]:
        yield LintProblem(
            exercise.manifest.path,
            "checks",
            f"{name} is in the grader ({there[name].path.name}) and not listed here",
            f'add [[checks]] with id = "{name}" and points',
        )
    for name in sorted(listed - there.keys()):
        yield LintProblem(
            exercise.manifest.path,
            "checks",
            f"{name} is listed, and the grader has no function test_{name}",
            "write it, or take it out of the list",
        )


def _mutants(exercise: Exercise) -> Iterator[LintProblem]:
    path = exercise.graders / MUTANTS
    try:
        mutants = read_mutants(exercise)
    except LabError as e:
        yield LintProblem(path, "", e.what, e.fix)
        return
    for problem in mutant_problems(exercise, mutants):
        yield LintProblem(path, problem.key, problem.what, problem.fix)
    for mutant in mutants:
        solution = exercise.solutions / mutant.track
        if not mutant.patch.is_file() or not solution.is_dir():
            continue
        changed = _changed_lines(mutant.patch)
        if changed > _FEW:
            yield LintProblem(
                mutant.patch,
                mutant.id,
                f"changes {changed} lines, more than {_FEW}",
                "make it the one mistake that it is about",
            )
        with tempfile.TemporaryDirectory(prefix="kafka-lab-lint-") as scratch:
            folder = Path(scratch) / "program"
            shutil.copytree(solution, folder, symlinks=True)
            if wrong := apply_patch(mutant.patch, folder):
                yield LintProblem(
                    mutant.patch,
                    mutant.id,
                    wrong,
                    "make it again against the solution as it is (diff -u, or git diff)",
                )


def _changed_lines(patch: Path) -> int:
    lines = patch.read_text(errors="replace").splitlines()
    signs = [line[:1] for line in lines if not line.startswith(("+++", "---"))]
    return max(signs.count("+"), signs.count("-"))
