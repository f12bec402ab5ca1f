"""What is told to a student of a check, for platforms that show plain text."""

from __future__ import annotations

from kafka_lab.api import CheckResult, Outcome
from kafka_lab.batch.marks import Mark
from kafka_lab.reports.escape import terminal

TEXT_LIMIT = 8000
"""Characters of one text: a flood of findings must not make a file that a platform refuses."""


def cut(text: str) -> str:
    """Plain text within the limit, without control characters."""
    text = terminal(text)
    if len(text) <= TEXT_LIMIT:
        return text
    return text[: TEXT_LIMIT - 40] + f"\n… and {len(text) - TEXT_LIMIT + 40} characters more"


def of_check(check: CheckResult) -> str:
    """Its findings, or why there are none."""
    if check.outcome is Outcome.PASSED:
        return "This holds."
    if check.outcome is Outcome.NOT_REACHED:
        needs = f": it needs {', '.join(check.needs)}" if check.needs else ""
        return f"Not reached{needs}."
    if check.outcome is Outcome.ERROR:
        return "The lab itself broke here; this is not your fault."
    return cut("\n".join(f.message for f in check.findings)) or "It failed."


def of_mark(mark: Mark) -> str:
    """Above the checks: how the points came about."""
    assert mark.record is not None
    verdict = mark.record.verdict
    lines = [f"{verdict.exercise} ({verdict.language or 'no language'}): {verdict.outcome.value}."]
    if verdict.outcome is Outcome.ERROR:
        lines = ["The lab itself broke while it graded this; your instructor decides."]
    else:
        lines.append(f"{mark.earned} of {mark.possible} points earned.")
    if mark.late_days:
        less = f"{100 * (1 - mark.factor):g} % less"
        lines.append(f"Late, in day {mark.late_days} after the deadline: {less}.")
    if mark.override:
        given = f"{mark.override.points:g} points given by hand: {mark.override.reason}"
        lines.append(given)
    return cut("\n".join(lines))
