"""Whether a run's verdict is the one that the proof asks for."""

from __future__ import annotations

from kafka_lab.api import Outcome, Verdict
from kafka_lab.proof.jobs import Kind, ProofJob


def problem(job: ProofJob, verdict: Verdict) -> str:
    """What is wrong with the verdict; empty if it is as it must be."""
    if verdict.outcome is Outcome.ERROR:
        return f"the lab broke: {verdict.error}"
    if job.kind in (Kind.SOLUTION, Kind.VARIANT):
        return _must_pass(verdict)
    if job.kind is Kind.MUTANT:
        return _must_be_caught(job, verdict)
    if verdict.outcome is Outcome.PASSED:
        return "it passed"
    failed = [c for c in verdict.checks if c.outcome is Outcome.FAILED]
    if any(c.id == "build" for c in failed):
        return f"it does not build: {failed[0].findings[0].message}"
    if not any(f.message for c in failed for f in c.findings):
        return "it failed without a word"
    if job.kind is Kind.HYGIENE and verdict.earned:
        return f"it earned {verdict.earned} points"
    return ""


def _must_pass(verdict: Verdict) -> str:
    if verdict.outcome is Outcome.PASSED:
        return ""
    first = next(c for c in verdict.checks if c.outcome is not Outcome.PASSED)
    words = "; ".join(f"{f.code}: {f.message}" for f in first.findings)
    return f"{first.id} {first.outcome}: {words}"


def _must_be_caught(job: ProofJob, verdict: Verdict) -> str:
    mutant = job.mutant
    assert mutant is not None
    failed = {c.id: [f.code for f in c.findings] for c in verdict.checks if c.findings}
    if mutant.check not in failed:
        seen = ", ".join(f"{k} ({'/'.join(v)})" for k, v in failed.items()) or "nothing"
        return f"{mutant.check} did not catch it; failed: {seen}"
    if mutant.finding not in failed[mutant.check]:
        codes = ", ".join(failed[mutant.check])
        return f"{mutant.check} failed with {codes}, not with {mutant.finding}"
    others = [name for name in failed if name != mutant.check and name not in mutant.also]
    if others:
        return f"{others[0]} failed too ({', '.join(failed[others[0]])}), which is not declared"
    return ""
