"""The learner's CI workflow: a file that is read here as GitHub Actions reads it, and its step run.

After GitHub's "Workflow syntax for GitHub Actions": ``on``, ``jobs.<id>.steps``, ``shell``,
``continue-on-error``, and "Contexts" for ``${{ vars.NAME }}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml  # type: ignore[import-untyped]

from kafka_lab.api import Finding
from kafka_lab.oracles.text import label

PLACE = ".github/workflows/schemas.yml"
STEP = "compatibility"
LARGEST = 64 << 10
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_OF_THE_LAB = re.compile(r"(?:vars|secrets|env)\.(\w+)")
_PINNED = re.compile(r"[\w.-]+/[\w./-]+@[\w./-]+")
_SHELLS = {
    "": ("bash", "-e"),
    "bash": ("bash", "--noprofile", "--norc", "-eo", "pipefail"),
    "sh": ("sh", "-e"),
}
"""How GitHub starts a script, by the `shell` that the step names; without one: no pipefail."""


@dataclass(frozen=True)
class Step:
    """What is run, and what is uploaded afterwards."""

    script: str
    shell: tuple[str, ...]
    env: Mapping[str, str]
    folder: str
    upload: str
    """The path of the JUnit report, from the workspace."""


@dataclass
class Workflow:
    """``troubles`` say what is wrong with the file; without any there is a step."""

    troubles: list[str] = field(default_factory=list)
    step: Step | None = None

    @property
    def findings(self) -> list[Finding]:
        return [
            Finding("workflow", f"{PLACE}: {trouble}", {"file": PLACE}) for trouble in self.troubles
        ]


def read(workspace: Path) -> Workflow:
    """Read and lint the file in a copy of the workspace."""
    path = workspace / PLACE
    if path.is_symlink() or not path.is_file():
        return Workflow(["there is no such file. It is the workflow that calls your program"])
    data = path.read_bytes()[: LARGEST + 1]
    if len(data) > LARGEST:
        return Workflow([f"it has more than {LARGEST >> 10} kB"])
    try:
        found = yaml.safe_load(data)
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        return Workflow([f"it is not YAML: {label(' '.join(str(e).split()))}"])
    if not isinstance(found, dict):
        return Workflow(["its outermost level is no mapping with on and jobs"])
    return _linted(found)


def _linted(found: dict[Any, Any]) -> Workflow:
    workflow = Workflow()
    say = workflow.troubles.append
    # YAML 1.1 reads the key `on` as true.
    triggers = found.get("on", found.get(True))
    named = [triggers] if isinstance(triggers, str) else list(triggers or ())
    if "pull_request" not in named:
        say("`on` does not name pull_request: nothing stops a merge that has not run")
    jobs = found.get("jobs")
    if not isinstance(jobs, dict) or not all(isinstance(j, dict) for j in jobs.values()):
        say("`jobs` is no mapping from names to jobs")
        return workflow
    for name, job in jobs.items():
        workflow.troubles += _steps(str(name), job)
    if workflow.troubles:
        return workflow
    mine = [(j, n) for j in jobs.values() for n, s in enumerate(j["steps"]) if s.get("id") == STEP]
    if len(mine) != 1:
        say(f"{len(mine)} steps have `id: {STEP}`; exactly one calls your program")
        return workflow
    job, number = mine[0]
    permissions = job.get("permissions", found.get("permissions"))
    if permissions is None or permissions == "write-all":
        say("`permissions` is missing or write-all: say `contents: read`, the check needs no more")
    elif isinstance(permissions, dict) and permissions.get("contents") == "write":
        say("`permissions` has `contents: write`, which the check does not need")
    _the_step(workflow, found, job, number)
    return workflow


def _steps(name: str, job: dict[Any, Any]) -> Iterator[str]:
    if not job.get("runs-on"):
        yield f"the job {label(name)} has no runs-on"
    steps = job.get("steps")
    if not isinstance(steps, list) or not all(isinstance(s, dict) for s in steps):
        yield f"the job {label(name)} has no list of steps"
        return
    for number, step in enumerate(steps, 1):
        where = f"step {number} of the job {label(name)}"
        if ("uses" in step) == ("run" in step):
            yield f"{where} needs either uses or run"
        elif "uses" in step and not _PINNED.fullmatch(str(step["uses"])):
            yield f"{where} uses {label(str(step['uses']))}: name an action with a version (a/b@v1)"


def _the_step(workflow: Workflow, found: dict[Any, Any], job: dict[Any, Any], number: int) -> None:
    say, steps = workflow.troubles.append, job["steps"]
    step = steps[number]
    if "run" not in step:
        say(f"the step {STEP} has no run")
        return
    for thing, what in ((job, "the job"), (step, f"the step {STEP}")):
        if thing.get("continue-on-error") not in (None, False):
            say(f"{what} has continue-on-error: a breaking change would not stop the merge")
        if "if" in thing:
            say(f"{what} has an `if`: a check that is skipped counts as passed")
    if not any(str(s.get("uses", "")).startswith("actions/checkout@") for s in steps[:number]):
        say(f"no actions/checkout comes before the step {STEP}")
    shell = str(step.get("shell") or _default(found, job, "shell") or "")
    if shell not in _SHELLS:
        say(f"the shell {label(shell)} of the step {STEP} is not bash or sh")
    upload = _upload(steps[number + 1 :])
    if upload is None:
        say(
            f"after the step {STEP} no actions/upload-artifact keeps the JUnit report: it needs "
            "`if: always()`, or it is left out just when the check fails, and `path`"
        )
    texts = [str(step["run"])]
    env: dict[str, str] = {}
    for level in (found, job, step):
        given = level.get("env") or {}
        if isinstance(given, dict):
            env |= {str(k): str(v) for k, v in given.items()}
    for text in (*texts, *env.values()):
        for expression in _EXPRESSION.findall(text):
            if not _OF_THE_LAB.fullmatch(expression):
                say(f"the step {STEP} uses ${{{{ {label(expression)} }}}}; vars.NAME is all it may")
    folder = str(step.get("working-directory") or _default(found, job, "working-directory") or ".")
    if _leads_out(folder):
        say("working-directory leads out of the workspace")
    if not workflow.troubles:
        assert upload is not None
        workflow.step = Step(texts[0], _SHELLS[shell], env, folder, upload)


def _default(found: dict[Any, Any], job: dict[Any, Any], key: str) -> Any:
    for level in (job, found):
        run = (level.get("defaults") or {}).get("run") or {}
        if run.get(key):
            return run[key]
    return None


def _upload(steps: list[dict[Any, Any]]) -> str | None:
    for step in steps:
        if not str(step.get("uses", "")).startswith("actions/upload-artifact@"):
            continue
        condition = re.sub(r"[\s${}]", "", str(step.get("if", "")))
        path = str((step.get("with") or {}).get("path", "")).strip()
        if condition in ("always()", "!cancelled()") and path and not _leads_out(path):
            return path
    return None


def _leads_out(path: str) -> bool:
    parts = PurePosixPath(path)
    return parts.is_absolute() or ".." in parts.parts or "\n" in path


def resolved(text: str, values: Mapping[str, str]) -> str:
    """With the values in place of ``${{ vars.NAME }}``; one that is not there is empty."""

    def value(found: re.Match[str]) -> str:
        named = _OF_THE_LAB.fullmatch(found[1])
        return values.get(named[1], "") if named else ""

    return _EXPRESSION.sub(value, text)
