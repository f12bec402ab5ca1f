"""What a grader or a plugin may import; nothing else of kafka-lab is public but the oracles."""

from kafka_lab.api.plugin import ExerciseSource, Loader, ReportFormat, hookimpl, hookspec
from kafka_lab.api.rights import Rights
from kafka_lab.api.types import (
    API_VERSION,
    VERDICT_SCHEMA,
    CheckResult,
    Finding,
    Findings,
    Outcome,
    Record,
    Verdict,
    expect,
)

__all__ = [
    "API_VERSION",
    "VERDICT_SCHEMA",
    "CheckResult",
    "ExerciseSource",
    "Finding",
    "Findings",
    "Loader",
    "Outcome",
    "Record",
    "ReportFormat",
    "Rights",
    "Verdict",
    "expect",
    "hookimpl",
    "hookspec",
]
