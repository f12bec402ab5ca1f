"""Which records and moments the findings are about, as their ``data`` says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kafka_lab.api import CheckResult, Finding, Outcome, Verdict

Place = tuple[str, int, int]
"""Topic, partition, offset."""
_CASES = 50
"""Cases of one finding that are marked and listed; the others are counted."""


@dataclass
class Case:
    """One thing that is wrong: what is known of it, the records, the moments."""

    facts: Mapping[str, Any]
    places: list[Place] = field(default_factory=list)
    sources: list[Place] = field(default_factory=list)
    """The inputs that it came from."""
    times: list[tuple[float, float]] = field(default_factory=list)
    missing: bool = False
    """Nothing came of the inputs, which are in ``places`` then."""


@dataclass
class Wrong:
    """A finding with its number in the report, and what it marks."""

    number: int
    check: CheckResult
    finding: Finding
    cases: list[Case]
    count: int

    def blames(self, program: str) -> bool:
        """Whether it is about this program's process itself."""
        return any(case.facts.get("program") == program for case in self.cases)

    @property
    def places(self) -> list[Place]:
        return list(dict.fromkeys(p for c in self.cases for p in c.places))


def wrongs(verdict: Verdict) -> list[Wrong]:
    """The findings of all failed checks, numbered from 1."""
    found: list[Wrong] = []
    for check in verdict.checks:
        if check.outcome is not Outcome.FAILED:
            continue
        for finding in check.findings:
            raw = finding.data.get("cases")
            several = isinstance(raw, list) and all(isinstance(c, Mapping) for c in raw)
            told: list[Any] = list(raw or ()) if several else []
            cases = [_case(c) for c in told[:_CASES]] or [_case(finding.data)]
            count = finding.data.get("count")
            number = count if isinstance(count, int) else max(1, len(told))
            found.append(Wrong(len(found) + 1, check, finding, cases, number))
    return found


def _case(facts: Mapping[str, Any]) -> Case:
    case = Case(facts)
    for path, place in _places(facts, ""):
        (case.sources if path in ("sent", "aborted", "input") else case.places).append(place)
    if not case.places and case.sources:
        case.places, case.sources, case.missing = case.sources, [], True
    began, ended, time = (facts.get(k) for k in ("began", "ended", "time"))
    if isinstance(began, int | float) and isinstance(ended, int | float):
        case.times.append((float(began), float(ended)))
    elif isinstance(time, int | float):
        case.times.append((float(time), float(time)))
    return case


def _places(value: Any, path: str) -> Iterator[tuple[str, Place]]:
    """Whatever has a topic, a partition and an offset, wherever it stands."""
    if isinstance(value, Mapping):
        topic, partition, offset = (value.get(k) for k in ("topic", "partition", "offset"))
        if isinstance(topic, str) and isinstance(partition, int) and isinstance(offset, int):
            yield path, (topic, partition, offset)
        for key, item in value.items():
            yield from _places(item, path or str(key))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _places(item, path)
