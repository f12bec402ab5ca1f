"""The judgements of ``schema-compatibility``: what a run reported against what is right."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kafka_lab.api import Finding
from kafka_lab.oracles.text import label, listed
from pairs import Schema
from report import Case, Run
from subjects import Subject, Version

FINE, BREAKS, NO_VERDICT = 0, 1, 2
_SHOWN = 400
"""Characters of a schema that a message shows, a larger one being in the finding's data only; and
of what the program printed last."""


@dataclass
class Flaw:
    """One thing that is wrong with what was said about a subject."""

    code: str
    subject: Subject
    text: str
    version: Version | None = None


@dataclass
class Judged:
    run: Run
    subjects: Sequence[Subject]
    flaws: list[Flaw] = field(default_factory=list)


_WORDS = {
    "missed": "A breaking change passes",
    "false-alarm": "A change that breaks nothing is reported as a failure",
    "no-verdict": "There is an <error>, or no test case at all, for a subject that can be judged",
    "wrong-versions": "Other versions were compared than the level is about",
    "wrong-direction": "The type of a <failure> is not the direction that breaks",
    "no-place": "A failure does not name the field that breaks",
    "not-printed": "No printed line names both the subject and the field that breaks",
    "passed-over": "What cannot be judged must be an <error>, and is none",
}
_NEXT = {
    "missed": "Take the two schemas, and go through the rules of Avro's schema resolution by hand: "
    "who is the reader at this level, who the writer?",
    "false-alarm": "Nothing that one side writes is unreadable for the other: see the rule.",
    "no-verdict": "Look at what your program printed; does it give up on a kind of schema?",
    "wrong-versions": "BACKWARD, FORWARD and FULL compare with the latest version alone, the "
    "transitive levels with every one, NONE with none. Versions are numbers, and may have gaps.",
    "wrong-direction": "`backward`: the proposed schema cannot read the earlier data; `forward`: "
    "the earlier schema cannot read the proposed data; `full`: both.",
    "no-place": "Collect the names of the fields on the way down, and say them with dots between.",
    "not-printed": "Print a line for each failed comparison; a developer reads the log first.",
    "passed-over": "Not knowing is no pass: report an <error> for the subject, and exit with 2.",
}


def ended(run: Run) -> list[Finding]:
    """Whether it ended by itself and left a report."""
    if run.code is None:
        return [
            Finding(
                "hangs",
                f"Your program had not ended after {run.seconds:.0f} s ({run.scenario}), and was "
                "killed." + _tail(run),
            )
        ]
    if run.report.trouble:
        return [
            Finding(
                "no-report",
                f"There is no JUnit report ({run.scenario}): {run.report.trouble}. Your program "
                f"ended with exit code {run.code}. Write the file that --junit names in every "
                "case, also when something fails." + _tail(run),
            )
        ]
    return []


def _tail(run: Run) -> str:
    """Its last words, on one line and with nothing that a terminal would obey."""
    words = " ".join(run.output[-_SHOWN:].split())
    plain = "".join(c if c.isprintable() else "?" for c in words)
    return f" It printed last: {plain}" if plain else ""


def verdicts(run: Run, subjects: Sequence[Subject], where: bool = False) -> list[Finding]:
    """Everything about one run: its end, each subject's verdict, its exit code."""
    if found := ended(run):
        return found
    flaws = [flaw for one in subjects if one.proposed for flaw in _subject(run, one, where)]
    return _said(run, flaws) or exit_code(run, subjects)


def places(run: Run, subjects: Sequence[Subject]) -> list[Finding]:
    """Whether each failure names the field, in the report and in what was printed."""
    if found := ended(run):
        return found
    lines = [_plain(line) for line in run.output.splitlines()]
    flaws = []
    for subject in subjects:
        for version, case in _failed(run, subject):
            paths = _paths(subject, version)
            if not paths:
                continue
            if not _names(_plain(case.text), paths):
                said = f"expected {' or '.join(paths)}; the report says {label(case.text)}"
                flaws.append(Flaw("no-place", subject, said, version))
            elif not any(subject.name in line and _names(line, paths) for line in lines):
                said = f"expected a line with {subject.name} and {' or '.join(paths)}"
                flaws.append(Flaw("not-printed", subject, said, version))
    return _said(run, flaws)


def _failed(run: Run, subject: Subject) -> Iterable[tuple[Version, Case]]:
    cases = {case.name: case for case in run.report.of(subject.name)}
    for version in subject.compared:
        case = cases.get(f"version {version.number}")
        if subject.broken(version) and case and case.failed:
            yield version, case


def _paths(subject: Subject, version: Version) -> tuple[str, ...]:
    """Any of these will do."""
    broken = subject.broken(version)
    found: list[str] = []
    if broken in ("backward", "full"):
        found += version.at
    if broken in ("forward", "full"):
        found += version.at_forward
    return tuple(dict.fromkeys(found))


def _plain(text: str) -> str:
    """Without the marks of items and values, which may be there or not."""
    return text.replace("[]", "").replace("{}", "")


def _names(text: str, paths: Iterable[str]) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(path)}(?!\w|\.\w)", text) for path in paths)


def _subject(run: Run, subject: Subject, where: bool) -> list[Flaw]:
    cases = run.report.of(subject.name)
    if not subject.judged:
        ok = any(case.error for case in cases)
        return [] if ok else [Flaw("passed-over", subject, subject.about)]
    if not cases or any(case.error or case.skipped for case in cases):
        return [Flaw("no-verdict", subject, subject.about)]
    if flaws := _versions(subject, cases):
        return flaws
    by_name = {case.name: case for case in cases}
    for version in subject.compared:
        case, broken = by_name[f"version {version.number}"], subject.broken(version)
        if broken and not case.failed:
            return [Flaw("missed", subject, subject.about, version)]
        if case.failed and not broken:
            said = f"{subject.about}; the report says {label(case.text)}"
            return [Flaw("false-alarm", subject, said, version)]
        if broken and case.failure != broken:
            said = f"expected type {broken}, got {label(case.failure) or 'none'}"
            return [Flaw("wrong-direction", subject, said, version)]
    return []


def _versions(subject: Subject, cases: Sequence[Case]) -> list[Flaw]:
    expected = [f"version {version.number}" for version in subject.compared] or ["none"]
    seen = [case.name for case in cases]
    if sorted(seen) == sorted(expected):
        return []
    there = ", ".join(str(version.number) for version in subject.versions) or "no versions"
    said = (
        f"it has {there}; expected test cases {', '.join(expected)}; "
        f"got {', '.join(label(name) or 'one without a name' for name in seen[:5])}"
    )
    return [Flaw("wrong-versions", subject, said)]


def exit_code(run: Run, subjects: Sequence[Subject]) -> list[Finding]:
    expected = FINE
    if any(s.breaks for s in subjects if s.proposed and s.judged):
        expected = BREAKS
    if not all(s.judged for s in subjects):
        expected = NO_VERDICT
    if run.code == expected:
        return []
    why = {
        FINE: "nothing breaks",
        BREAKS: "at least one change breaks",
        NO_VERDICT: "at least one subject cannot be judged",
    }[expected]
    return [
        Finding(
            "wrong-exit",
            f"The exit code is {run.code}, expected {expected} ({run.scenario}): {why}, and CI "
            "looks at nothing else.",
            {"expected": expected, "seen": run.code},
        )
    ]


def no_verdict(run: Run, asked: bool = True) -> list[Finding]:
    """A run in which nothing could be judged: it must end, say so, and exit with 2."""
    if run.code is None:
        return ended(run)
    if run.code != NO_VERDICT:
        return [
            Finding(
                "passed-over" if run.code == FINE else "wrong-exit",
                f"The exit code is {run.code}, expected {NO_VERDICT}: {run.scenario}. Not knowing "
                "is no pass, and no breaking change either." + _tail(run),
                {"expected": NO_VERDICT, "seen": run.code},
            )
        ]
    if run.report.trouble:
        return ended(run)
    if not any(case.error for case in run.report.cases):
        return [
            Finding(
                "passed-over",
                f"The JUnit report has no <error>: {run.scenario}. CI shows the report; it has to "
                "say that there is no verdict.",
            )
        ]
    if not asked:
        return [
            Finding(
                "no-request",
                f"Your program never asked the registry: {run.scenario}. Read what --registry "
                "names.",
            )
        ]
    return []


def _said(run: Run, flaws: Sequence[Flaw]) -> list[Finding]:
    """One finding for each kind of flaw, with some examples."""
    found = []
    for code, words in _WORDS.items():
        mine = [flaw for flaw in flaws if flaw.code == code]
        if mine:
            text = listed([_example(flaw) for flaw in mine], len(mine))
            message = f"{words} ({run.scenario}): {text}. {_NEXT[code]}"
            found.append(Finding(code, message, {"cases": [_facts(flaw) for flaw in mine[:100]]}))
    return found


def _example(flaw: Flaw) -> str:
    subject, version = flaw.subject, flaw.version
    head = f"{subject.name} at {subject.counts}"
    if version is None or subject.proposed is None:
        return f"{head}: {flaw.text}"
    broken = subject.broken(version) or "none"
    old, new = _shown(version.written.schema), _shown(subject.proposed.schema)
    schemas = f" [earlier {old} proposed {new}]" if old and new else ""
    return f"{head}, version {version.number} (breaks: {broken}): {flaw.text}{schemas}"


def _shown(schema: Schema) -> str:
    text = json.dumps(schema, separators=(",", ":"))
    return text if len(text) <= _SHOWN else ""


def _facts(flaw: Flaw) -> dict[str, object]:
    subject, version = flaw.subject, flaw.version
    facts: dict[str, object] = {"id": subject.name, "level": subject.counts, "said": flaw.text}
    if version is not None and subject.proposed is not None:
        facts |= {
            "version": version.number,
            "expected": subject.broken(version) or "fine",
            "earlier": version.written.text,
            "proposed": subject.proposed.text,
        }
    return facts
