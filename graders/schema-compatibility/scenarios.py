"""What the learner's tool is called with."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import workflow
from desk import Desk
from histories import HISTORIES, of_history
from kafka_lab.services.http_endpoint import Behaviour, Received
from kafka_lab.services.registry import Registry
from naming import named, wrapped
from pairs import PAIRS, RULES, Pair
from references import Library
from report import Run
from shelf import Shelf
from subjects import LEVELS, PLAIN, Subject, Written, of_pair, write_schemas

if TYPE_CHECKING:
    from kafka_lab.grading.lab import Lab
    from kafka_lab.services.http_gateway import HttpGateway

Subjects = Sequence[Subject]
GLOBAL = "FORWARD"
"""The registry's own level: not the one that everybody takes for granted."""
TOOL = "schema-check"
"""What a program that is one file is called in the workflow."""
SAMPLE = 14
"""How many pairs of the table are asked of the registry; all are against a folder."""
SHELVED = (
    ("gap", "FULL"),
    ("default-dropped", "BACKWARD"),
    ("default-dropped", "BACKWARD_TRANSITIVE"),
    ("removed-in-two-steps", ""),
    ("name-used-again", "FULL_TRANSITIVE"),
    ("latest-is-the-odd-one", "FORWARD"),
    ("nothing-yet", ""),
)
"""Histories in the registry, each at a level."""
_EASY = ("added-default", "removed-default", "reordered", "documented")
_PLAIN_BREAKS = (
    ("added-required", "BACKWARD"),
    ("removed-required", "FORWARD"),
    ("int-string", "BACKWARD"),
    ("renamed", "FULL"),
)


def pair(id_: str) -> Pair:
    """One of the table. Raises ``StopIteration`` when there is none."""
    return next(one for one in PAIRS if one.id == id_)


def _subject(lab: Lab, one: Pair, level: str, *purpose: str, depth: int = 0) -> Subject:
    rng = lab.rng(one.id, level, *purpose)
    made = named(wrapped(one, rng, depth), rng)
    name = f"{lab.name('subject', one.id, level, *purpose)}-value"
    return of_pair(made, name, level, f"Avro: “{RULES[one.rule]}”")


def compatible(lab: Lab) -> list[Subject]:
    """Ordinary changes that break nothing."""
    return [_subject(lab, pair(id_), "FULL", "easy") for id_ in _EASY]


def breaking(lab: Lab) -> list[Subject]:
    """The breaking changes of the first page of any tutorial, among others that are none."""
    plain = [_subject(lab, pair(id_), level, "plain") for id_, level in _PLAIN_BREAKS]
    return plain + [_subject(lab, pair(id_), "BACKWARD", "plain") for id_ in _EASY[:2]]


def levels(lab: Lab) -> list[Subject]:
    """A few pairs that fit in one direction only, at each level."""
    ids = ("added-required", "removed-required", "int-long", "long-int", "renamed")
    return [
        _subject(lab, pair(id_), level, "levels") for id_ in ids for level in (*LEVELS, "NONE", "")
    ]


def table(lab: Lab, groups: Sequence[str]) -> list[Subject]:
    """Each pair of these groups at three levels, one of them perhaps in its transitive form."""
    found = []
    for one in PAIRS:
        if one.group in groups:
            rng = lab.rng("table", one.id)
            for level in PLAIN:
                chosen = f"{level}_TRANSITIVE" if rng.random() < 0.3 else level
                depth = rng.choice([0, 0, 1, 2])
                found.append(_subject(lab, one, chosen, "table", depth=depth))
    return found


def histories(
    lab: Lab, purpose: str, levels: Sequence[str] = LEVELS, ids: Sequence[str] = ()
) -> list[Subject]:
    """Each history, or these, at each of these levels."""
    return [
        of_history(
            one,
            f"{lab.name('history', one.id, level, purpose)}-value",
            level,
            lab.rng("history", one.id, level, purpose),
        )
        for one in HISTORIES
        if not ids or one.id in ids
        for level in levels
    ]


def unreadable(lab: Lab) -> list[Subject]:
    """What is proposed is no schema at all, among others that are."""

    def broken(what: str, raw: str, about: str) -> Subject:
        name = f"{lab.name('unreadable', what)}-value"
        return Subject(name, (), Written(raw=raw), judged=False, about=about)

    return [
        *compatible(lab)[:2],
        broken("cut", '{"type": "record", "name": "Cut", "fields": [', "it is no JSON"),
        broken("empty", " ", "the file is empty"),
        broken(
            "unknown",
            '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "strnig"}]}',
            "a field's type is neither Avro's nor defined anywhere",
        ),
    ]


# -- against the registry -------------------------------------------------------------------


class Shelves:
    """What lies in the registry, put there once for all scenarios."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.service = lab.service("registry", Registry)
        rng = lab.rng("shelves")
        self.ordinary = [_global(s) for s in self._ordinary(rng)]
        self.library = Library(lab.rng("library", "registry"), lab.name("library", "registry"))
        self.referring = [
            _global(s)
            for s in (*self.library.types, *self.library.judged(), *self.library.unjudged())
        ]
        self.fine = [_global(s) for s in compatible(lab)]
        self.bad = [_global(_subject(lab, pair("int-string"), "BACKWARD", "ci"))]
        every = [*self.ordinary, *self.referring, *self.fine, *self.bad]
        Shelf(self.service.url).fill(every, GLOBAL)

    def _ordinary(self, rng: Random) -> list[Subject]:
        lab = self._lab
        found = [
            _subject(lab, one, rng.choice([*LEVELS, ""]), "registry", depth=rng.choice([0, 1]))
            for one in rng.sample(PAIRS, SAMPLE)
        ]
        # Whatever chance chose, the global level counts for some, and tells.
        for id_ in ("added-required", "removed-required"):
            found.append(_subject(lab, pair(id_), "", "registry-global"))
        return found + [
            one for id_, level in SHELVED for one in histories(lab, "registry", (level,), (id_,))
        ]


def _global(subject: Subject) -> Subject:
    # A subject that is not there yet has no level of its own.
    level = subject.level if subject.versions else ""
    return replace(subject, default=GLOBAL, level=level)


def against_registry(desk: Desk, shelves: Shelves, gateway: HttpGateway) -> Run:
    scenario = "levels and versions in the registry"
    return desk.against_registry(scenario, shelves.ordinary, gateway.url)


def no_answers(desk: Desk, shelves: Shelves, gateway: HttpGateway) -> list[tuple[Run, bool]]:
    """Every way in which a registry gives no answer; and whether it was asked at all."""
    page = b"<html><body>Sign in</body></html>"
    ways = {
        "the registry answers 503": Behaviour(503, b"busy"),
        "the registry answers 500": Behaviour(
            500, b'{"error_code": 50001, "message": "Error in the backend data store"}'
        ),
        "the registry hangs": Behaviour(hang=True),
        "the registry cuts the connection": Behaviour(reset=True),
        "a login page answers 200 in the registry's place": Behaviour(200, page),
        "a web server answers 404 with a page of its own": Behaviour(404, page),
    }
    found = []
    for scenario, behaviour in ways.items():
        fault = gateway.fail([behaviour], stays=True)
        run = desk.against_registry(scenario, shelves.fine, gateway.url)
        gateway.heal(fault)
        found.append((run, fault.hits > 0))
    closed = f"http://127.0.0.1:{_closed_port()}"
    run = desk.against_registry("nobody listens at the registry's port", shelves.fine, closed)
    found.append((run, True))
    return found


def one_subject_lost(desk: Desk, shelves: Shelves, gateway: HttpGateway) -> tuple[Run, bool]:
    """The registry answers for all subjects but one, of which it gives only the list."""
    lost = shelves.fine[1].name
    listing = f"/subjects/{lost}/versions"

    def about(request: Received) -> bool:
        path = request.path.partition("?")[0].rstrip("/")
        return lost in path and path != listing and not path.startswith("/config")

    fault = gateway.fail([Behaviour(503, b"busy")], about, stays=True)
    scenario = f"the registry answers 503 to every request for a schema of {lost}"
    run = desk.against_registry(scenario, shelves.fine, gateway.url)
    gateway.heal(fault)
    return run, fault.hits > 0


def _closed_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def no_folders(desk: Desk, lab: Lab) -> list[Run]:
    """Nothing to compare with, and nothing to compare."""
    schemas, baseline = desk.folder("schemas"), desk.folder("baseline")
    write_schemas(schemas, compatible(lab))
    missing = desk.call("the baseline's folder does not exist", schemas, "--baseline", "nowhere")
    empty = desk.folder("schemas")
    empty.mkdir()
    baseline.mkdir()
    arguments = ("--baseline", str(baseline))
    nothing = desk.call("there is no schema in the folder", empty, *arguments)
    return [missing, nothing]


# -- the workflow ---------------------------------------------------------------------------

_WRAPPER = """\
#!/usr/bin/env bash
# What a runner does around the step: a checkout of one's own, and the report kept.
set -u
mkdir -p "$HOME/bin" && export PATH="$HOME/bin:{bin}:$PATH" || exit 90
{link}
place="$HOME/{run}"
mkdir -p "$place" && cp -r . "$place/" && rm -rf "$place/schemas" || exit 90
cp -r {files}/{schemas} "$place/schemas" || exit 90
cd "$place/"{folder} || exit 91
{shell} {files}/{run}.sh
code=$?
cd "$place" && cp {upload} {files}/{run}.xml
exit $code
"""


def workflow_runs(
    desk: Desk, step: workflow.Step, shelves: Shelves, gateway: HttpGateway
) -> list[tuple[Run, Subjects | None]]:
    """The step with sound schemas, with a breaking one, and without a registry (no subjects)."""
    bad = [*shelves.fine[:2], *shelves.bad]
    fine = _in_ci(desk, step, "ci-fine", "the workflow's step, nothing breaks", shelves.fine)
    breaks = _in_ci(desk, step, "ci-bad", "the workflow's step, one change breaks", bad)
    fault = gateway.fail([Behaviour(503, b"busy")], stays=True)
    scenario = "the workflow's step, the registry answers 503"
    lost = _in_ci(desk, step, "ci-lost", scenario, shelves.fine)
    gateway.heal(fault)
    return [(fine, shelves.fine), (breaks, bad), (lost, None)]


def _in_ci(desk: Desk, step: workflow.Step, run: str, scenario: str, subjects: Subjects) -> Run:
    files = desk.files
    schemas = desk.folder("ci-schemas")
    write_schemas(schemas, subjects)
    values = {"SCHEMA_REGISTRY_URL": desk.url}
    lines = [
        f"export {name}={shlex.quote(workflow.resolved(value, values))}"
        for name, value in step.env.items()
        if name.isidentifier()
    ]
    script = workflow.resolved(step.script, values)
    (files / f"{run}.sh").write_text("\n".join([*lines, script, ""]))
    argv = desk.role.program.argv
    # As `go install` would leave it; an interpreter is found by its own folder.
    link = f'ln -sf {shlex.quote(argv[0])} "$HOME/bin/{TOOL}"' if len(argv) == 1 else ""
    text = _WRAPPER.format(
        bin=Path(argv[0]).parent,
        link=link,
        run=run,
        files=shlex.quote(str(files)),
        schemas=schemas.name,
        folder=shlex.quote(step.folder),
        shell=" ".join(step.shell),
        upload=shlex.quote(step.upload),
    )
    (files / f"{run}-runner.sh").write_text(text)
    junit = files / f"{run}.xml"
    return desk.run(scenario, junit, instead=("bash", str(files / f"{run}-runner.sh")))
