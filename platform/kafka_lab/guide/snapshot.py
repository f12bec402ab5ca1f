"""What the guide shows of a learner's progress: plain JSON, made from the progress store.

No path of the learner's machine is in it. What a program wrote stands in findings' messages: the
page shows it as text, never as markup.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kafka_lab.api import CheckResult
from kafka_lab.exercises.catalog import Catalog
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.progress import Attempt, Store
from kafka_lab.progress.running import running

SCHEMA = 1
SHOWN = 60
"""How many attempts of an exercise are drawn, the newest."""


def snapshot(store: Store, catalog: Catalog, *, live: bool = True) -> dict[str, Any]:
    """Every exercise with its state, best and last attempt, and the attempts over time.

    States: ``new``, ``tried``, ``passed``. Attempts of the reference solution are left out; those
    of some checks only are drawn, and count for nothing. ``live``: with what is running now.

    Raises:
        LabError: when the progress database cannot be read.
    """
    best, passed = store.best(), store.passed()
    now = running(store.path.parent) if live else {}
    exercises = {}
    for exercise in catalog.exercises:
        own = [a for a in store.attempts(exercise.slug) if a.workspace is not None]
        top = best.get(exercise.slug)
        exercises[exercise.slug] = {
            "title": exercise.manifest.title,
            "section": f"{exercise.manifest.section} {exercise.manifest.section_name}",
            "points": exercise.manifest.points,
            "state": _state(exercise.slug, passed, own),
            "best": None if top is None else top.earned,
            "hints_shown": store.hints_shown(exercise.slug),
            "hints": len(exercise.manifest.hints),
            "solution_seen": store.solution_revealed(exercise.slug) is not None,
            "tries": len(own),
            "attempts": [_attempt(a) for a in reversed(own[:SHOWN])],
            "last": _last(exercise, own),
            "running": now.get(exercise.slug),
        }
    return {"schema": SCHEMA, "exercises": exercises}


def _state(slug: str, passed: Iterable[str], own: list[Attempt]) -> str:
    if slug in passed:
        return "passed"
    return "tried" if own else "new"


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "id": attempt.id,
        "language": attempt.language,
        "outcome": attempt.outcome.value,
        "earned": attempt.earned,
        "points": attempt.points,
        "started": attempt.started,
        "seconds": attempt.seconds,
        "whole": attempt.whole,
    }


def _last(exercise: Exercise, own: list[Attempt]) -> dict[str, Any] | None:
    if not own:
        return None
    verdict = own[0].verdict
    return _attempt(own[0]) | {
        "seed": verdict.seed,
        "backend": verdict.backend,
        "kafka": verdict.kafka_version,
        "error": verdict.error,
        "checks": [_check(c, exercise) for c in verdict.checks],
    }


def _check(check: CheckResult, exercise: Exercise) -> dict[str, Any]:
    known = check.hint is not None and check.hint < len(exercise.manifest.hints)
    return {
        "id": check.id,
        "title": check.title,
        "outcome": check.outcome.value,
        "earned": check.earned,
        "points": check.points,
        "findings": [{"code": f.code, "message": f.message} for f in check.findings],
        "hint": check.hint + 1 if known and check.hint is not None else None,
        "needs": list(check.needs),
    }
