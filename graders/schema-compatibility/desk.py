"""The learner's tool, called again and again, with folders and registries made for each call."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import report
from kafka_lab.api import Rights
from report import Run
from subjects import Subject, write_baseline, write_schemas

if TYPE_CHECKING:
    from kafka_lab.grading.lab import Lab

LIMIT = 15.0
"""Seconds that the brief gives one call."""


class Desk:
    """One instance of the program; used by one thread."""

    def __init__(self, lab: Lab, name: str, url: str = "") -> None:
        """``url`` is the registry's that the program is told of, if not the real one's."""
        self._lab = lab
        self.url = url
        variables = {"SCHEMA_REGISTRY_URL": url} if url else {}
        self.role = lab.role(name, variables, Rights(), files=True)
        assert self.role.files is not None
        self.files: Path = self.role.files
        self._numbers = itertools.count(1)

    def folder(self, kind: str) -> Path:
        """A new name for a folder that the program sees; made by who fills it."""
        return self.files / f"{kind}-{next(self._numbers)}"

    def against_folder(self, scenario: str, subjects: Sequence[Subject]) -> Run:
        """The proposed schemas against a folder with the earlier ones."""
        schemas, baseline = self.folder("schemas"), self.folder("baseline")
        write_schemas(schemas, subjects)
        write_baseline(baseline, subjects)
        return self.call(scenario, schemas, "--baseline", str(baseline))

    def against_registry(self, scenario: str, subjects: Sequence[Subject], url: str) -> Run:
        """The same against a registry, in which the earlier ones are already."""
        schemas = self.folder("schemas")
        write_schemas(schemas, subjects)
        return self.call(scenario, schemas, "--registry", url, "--timeout", "2")

    def call(self, scenario: str, schemas: Path, *arguments: str) -> Run:
        junit = self.files / f"report-{next(self._numbers)}.xml"
        always = ("--schemas", str(schemas), "--junit", str(junit))
        return self.run(scenario, junit, (*always, *arguments))

    def run(
        self,
        scenario: str,
        junit: Path,
        arguments: Sequence[str] = (),
        instead: Sequence[str] = (),
    ) -> Run:
        """Start it, wait for its end, and read the report that it was to leave."""
        program = self.role.program
        before = _size(program.output_path)
        program.start(arguments, instead)
        limit = self._lab.seconds(LIMIT)
        code = program.wait(limit)
        self.role.stopping = True
        program.kill()
        program.tail(1)  # its last words may still be on their way
        output = ""
        if program.output_path.exists():
            output = program.output_path.read_bytes()[before:].decode("utf-8", "replace")
        found = report.read(junit)
        self._lab.log.write("report", scenario=scenario, code=code, cases=len(found.cases))
        return Run(scenario, code, found, output, limit)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
