"""A class at a glance: which learner passed what, and which checks are the hard ones.

Made from what ``kafka-lab grade`` wrote; or from verdicts as ``kafka-lab check --json`` prints
them: files below one folder, ``ada.json`` or ``ada/transactions.json``. Findings are left out: they
repeat what a program printed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from kafka_lab.api import Outcome, Verdict
from kafka_lab.exercises.catalog import Catalog
from kafka_lab.runtime.errors import UsageError

GRADES = ".kafka-lab-grades"
"""Marks a folder that ``kafka-lab grade`` made; its results lie in ``results/``."""
_SIGNS = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.ERROR: "!", Outcome.NOT_REACHED: "–"}
_SAID = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "failed",
    Outcome.ERROR: "the lab broke: check again",
    Outcome.NOT_REACHED: "not reached",
}


@dataclass(frozen=True)
class Result:
    """One graded submission."""

    learner: str
    verdict: Verdict


def read_results(folder: Path) -> list[Result]:
    """Every verdict below ``folder``; a learner's name is that of the file or folder in it.

    Raises:
        UsageError: when there is none, or a file is no verdict; it names the file.
    """
    if (folder / GRADES).is_file():
        folder = folder / "results"
    files = sorted(folder.rglob("*.json"))
    if not files:
        raise UsageError(
            f"there are no results in {folder}",
            "name what `kafka-lab grade` wrote; or put there the output of "
            "`kafka-lab check --json`, a file for each learner: ada.json",
        )
    return [_result(path, folder) for path in files]


def _result(path: Path, folder: Path) -> Result:
    first = path.relative_to(folder).parts[0]
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        # The name of a file may stand for a name that no file can have.
        learner = raw.get("submission", {}).get("student", first.removesuffix(".json"))
        return Result(str(learner), Verdict.from_json(raw))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise UsageError(
            f"{path} is no verdict: {type(e).__name__}: {e}",
            "it has to be what `kafka-lab check --json` prints; move other files away",
        ) from e


def best(results: Iterable[Result]) -> dict[tuple[str, str], Verdict]:
    """For each learner and exercise the verdict that earned most; one that passed goes first.

    An *error* is no verdict about a program, so any other takes its place.
    """
    found: dict[tuple[str, str], Verdict] = {}
    for result in results:
        key = (result.learner, result.verdict.exercise)
        if key not in found or _rank(result.verdict) > _rank(found[key]):
            found[key] = result.verdict
    return found


def _rank(verdict: Verdict) -> tuple[bool, bool, int]:
    return (
        verdict.outcome is not Outcome.ERROR,
        verdict.outcome is Outcome.PASSED,
        verdict.earned,
    )


def class_page(results: Iterable[Result], catalog: Catalog) -> str:
    """The page's Markdown: learners by exercises, then the checks of each, the hardest first."""
    chosen = best(results)
    titles = {exercise.slug: exercise.manifest.title for exercise in catalog.exercises}
    done = {slug for _, slug in chosen}
    # In the curriculum's order; those that are not installed here come last.
    slugs = [slug for slug in titles if slug in done] + sorted(done - set(titles))
    learners = sorted({learner for learner, _ in chosen}, key=str.casefold)
    passed = sum(1 for verdict in chosen.values() if verdict.outcome is Outcome.PASSED)
    parts = [
        "# Class overview",
        f"{len(learners)} learners, {len(chosen)} graded submissions, {passed} of them passed. "
        "Of several by one learner the best counts.",
        _table(learners, slugs, titles, chosen),
    ]
    for slug in slugs:
        verdicts = [verdict for (_, name), verdict in chosen.items() if name == slug]
        parts += [f"## {escape(titles.get(slug, slug))}", _checks(verdicts)]
    return "\n\n".join(parts) + "\n"


def _table(
    learners: list[str],
    slugs: list[str],
    titles: Mapping[str, str],
    chosen: Mapping[tuple[str, str], Verdict],
) -> str:
    head = "".join(f'<th scope="col">{escape(titles.get(slug, slug))}</th>' for slug in slugs)
    rows = []
    for learner in learners:
        cells = "".join(_cell(chosen.get((learner, slug))) for slug in slugs)
        rows.append(f'<tr><th scope="row">{escape(learner)}</th>{cells}</tr>')
    return (
        f'<table class="kl-class"><thead><tr><th scope="col">Learner</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _cell(verdict: Verdict | None) -> str:
    if verdict is None:
        return "<td>nothing yet</td>"
    said = _SAID[verdict.outcome]
    points = "" if verdict.outcome is Outcome.ERROR else f" {verdict.earned} of {verdict.points}"
    return (
        f'<td><span class="kl-sign--{verdict.outcome.value}" aria-hidden="true">'
        f"{_SIGNS[verdict.outcome]}</span>{points} {said}</td>"
    )


def _checks(verdicts: list[Verdict]) -> str:
    """How many passed each check. A verdict of *error* says nothing about a program's checks."""
    judged = [verdict for verdict in verdicts if verdict.outcome is not Outcome.ERROR]
    counts: dict[str, tuple[str, int, int]] = {}
    for verdict in judged:
        for check in verdict.checks:
            title, passed, seen = counts.get(check.id, (check.title, 0, 0))
            counts[check.id] = (
                title,
                passed + (check.outcome is Outcome.PASSED),
                seen + 1,
            )
    if not counts:
        return "No verdict about a program yet."
    rows = sorted(counts.items(), key=lambda item: (item[1][1] / item[1][2], item[0]))
    body = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(title)}</td>"
        f"<td>{passed} of {seen}</td></tr>"
        for name, (title, passed, seen) in rows
    )
    return (
        '<table class="kl-class"><thead><tr><th scope="col">check</th>'
        '<th scope="col">what holds when it passes</th><th scope="col">passed by</th></tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )
