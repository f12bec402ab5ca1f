"""What the learner's program wrote: a JUnit file, which may be anything."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

LARGEST = 8 << 20


@dataclass(frozen=True)
class Case:
    """A ``testcase``; ``failure`` is the type, ``text`` message and body of what went wrong."""

    subject: str
    name: str
    failed: bool
    failure: str
    text: str
    error: bool
    skipped: bool


@dataclass(frozen=True)
class Report:
    """``trouble`` says why there is none."""

    cases: tuple[Case, ...] = ()
    trouble: str = ""

    def of(self, subject: str) -> list[Case]:
        return [case for case in self.cases if case.subject == subject]


@dataclass
class Run:
    """One call of the program and what came of it."""

    scenario: str
    code: int | None = None
    """Its exit code; ``None``: it had to be killed."""
    report: Report = field(default_factory=Report)
    output: str = ""
    seconds: float = 0.0
    """How long it was given."""


def read(path: Path) -> Report:
    """The report at this place, never following a link."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return Report(trouble="there is no such file")
    except OSError as e:
        return Report(trouble=e.strerror or "it cannot be read")
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return Report(trouble="it is no ordinary file")
    with os.fdopen(handle, "rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        return Report(trouble=f"it is larger than {LARGEST >> 20} MB")
    return parsed(data)


def parsed(data: bytes) -> Report:
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        return Report(trouble="it has a document type, which JUnit does not need")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as e:
        return Report(trouble=f"it is no XML: {e}")
    if root.tag not in ("testsuite", "testsuites"):
        return Report(trouble=f"its root is <{root.tag[:40]}>, not <testsuite> or <testsuites>")
    return Report(tuple(_case(found) for found in root.iter("testcase")))


def _case(found: ElementTree.Element) -> Case:
    failures = found.findall("failure")
    text = " ".join(f"{one.get('message', '')} {''.join(one.itertext())}" for one in failures)
    return Case(
        found.get("classname", ""),
        found.get("name", ""),
        bool(failures),
        " ".join(one.get("type", "") for one in failures).strip(),
        text.strip(),
        found.find("error") is not None,
        found.find("skipped") is not None,
    )
