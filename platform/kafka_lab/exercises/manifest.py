"""``exercise.toml``: what an exercise is called, asks for, and counts.

Validated against ``manifest.schema.json`` (JSON Schema 2020-12); all mistakes are said at once,
each with file, line, key and the fix.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kafka_lab import __version__
from kafka_lab.api import Rights
from kafka_lab.api.rights import VARIABLE
from kafka_lab.clusters.spec import ClusterSpec, ShapeError
from kafka_lab.exercises.problems import ManifestError, ManifestProblem, nearest
from kafka_lab.exercises.shape import cluster_spec
from kafka_lab.exercises.toml_lines import TomlLines
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.paths import cache_dir

FILE = "exercise.toml"
SCHEMA = Path(__file__).with_name("manifest.schema.json")

SECTIONS: Mapping[int, str] = {
    1: "Advanced Kafka features",
    2: "Avro and schema registry",
    3: "Performance and monitoring",
    4: "Patterns",
    5: "Testing",
    6: "Kafka Connect",
    7: "Security",
    8: "Other languages and gateways",
    9: "Cloud",
    10: "Operations",
    11: "Use cases",
    12: "Advanced topics",
}
"""The curriculum's sections, by number."""

Difficulty = Literal["beginner", "intermediate", "advanced"]
Kind = Literal["service", "job", "tool", "config", "tests"]


@dataclass(frozen=True)
class Contract:
    """How the learner's program meets the lab; ``env``: variable name to what it means.

    ``rights``: what it may do, its names being variables of ``env``; ``None`` if the manifest does
    not say. ``run``: values of variables in ``run``, where no grader gives any.
    """

    kind: Kind
    env: Mapping[str, str]
    rights: Rights | None = None
    run: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Track:
    """One language of an exercise. ``dialect`` is ``None`` for the toolchain's own."""

    entry: str
    dialect: str | None = None


@dataclass(frozen=True)
class CheckSpec:
    """A check that the grader must report, and what it earns."""

    id: str
    points: int


@dataclass(frozen=True)
class ServiceUse:
    """A real component beside the cluster. ``kind`` is what it is; ``variables``: a variable of
    the contract → which of its addresses the program is given."""

    name: str
    kind: str
    settings: Mapping[str, Any]
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Manifest:
    """One ``exercise.toml``. ``minutes`` is how long a learner is likely to need."""

    slug: str
    title: str
    section: int
    summary: str
    difficulty: Difficulty
    minutes: int
    prerequisites: tuple[str, ...]
    covers: tuple[str, ...]
    contract: Contract
    tracks: Mapping[str, Track]
    hints: tuple[str, ...]
    checks: tuple[CheckSpec, ...]
    path: Path
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    services: tuple[ServiceUse, ...] = ()
    version: str = ""
    """The exercise's own; empty for one that counts with the package that it comes in."""
    cluster: ClusterSpec = field(default_factory=ClusterSpec)
    """The shape of the cluster that ``check``, ``run``, ``watch`` and ``verify`` start."""

    @property
    def section_name(self) -> str:
        return SECTIONS[self.section]

    @property
    def points(self) -> int:
        """What all checks together earn."""
        return sum(check.points for check in self.checks)


def load_manifest(path: Path) -> Manifest:
    """Read and validate the manifest ``path``, which lies in the exercise's folder.

    Raises:
        ManifestError: with every mistake of the file.
        LabError: when the file cannot be read.
    """
    try:
        raw = path.read_bytes()
    except OSError as e:
        raise LabError(
            f"cannot read the manifest {path}: {e.strerror}",
            "an exercise's folder holds a readable exercise.toml",
        ) from e
    try:
        text = raw.decode()
        data = tomllib.loads(text)
    except UnicodeDecodeError as e:
        line = raw[: e.start].count(b"\n") + 1
        problem = ManifestProblem(path, line, "", "this is not UTF-8", "save the file as UTF-8")
        raise ManifestError((problem,)) from e
    except tomllib.TOMLDecodeError as e:
        raise ManifestError((ManifestProblem.from_syntax(path, text, str(e)),)) from e
    lines = TomlLines(text)
    # First: what a newer kafka-lab knows may look like a mistake to this one.
    if unmet := _requirement(path, data, lines):
        raise ManifestError((unmet,))
    _validate(path, raw, data, lines)
    return _build(path, data)


def _requirement(path: Path, data: dict[str, Any], lines: TomlLines) -> ManifestProblem | None:
    """What is wrong with ``requires``, or with the kafka-lab that reads it."""
    wanted = data.get("requires")
    if not isinstance(wanted, str):
        return None
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    line = lines.find(("requires",))
    try:
        meets = SpecifierSet(wanted).contains(__version__, prereleases=True)
    except InvalidSpecifier:
        fix = "write versions as PEP 440 has them, such as >=0.2,<1"
        return ManifestProblem(path, line, "requires", f"'{wanted}' names no versions", fix)
    if meets:
        return None
    return ManifestProblem(
        path,
        line,
        "requires",
        f"this exercise needs kafka-lab {wanted}, and this is {__version__}",
        f"install such a kafka-lab, or leave it out: KAFKA_LAB_DISABLE=exercise:{path.parent.name}",
    )


def _validate(path: Path, raw: bytes, data: dict[str, Any], lines: TomlLines) -> None:
    """Raise for every mistake; a text that was found good once is not validated again.

    Importing jsonschema costs more than all the rest of starting a command.
    """
    schema = SCHEMA.read_bytes()
    digest = hashlib.sha256(schema + b"\0" + raw).hexdigest()
    seen = cache_dir() / "manifests" / digest
    problems: list[ManifestProblem] = []
    if not seen.exists():
        from kafka_lab.exercises.problems import schema_problems

        problems = schema_problems(path, schema, data, lines)
    # Not in the digest: these need the folder, or more than a schema can say.
    problems += _beyond_schema(path, data, lines)
    if not problems:
        problems += _shape_problem(path, data, lines)
        problems += _rights_problems(path, data, lines)
        problems += _run_problems(path, data, lines)
    if problems:
        ordered = sorted(problems, key=lambda p: (p.line or 0, p.key))
        raise ManifestError(tuple(ordered))
    try:
        seen.parent.mkdir(parents=True, exist_ok=True)
        seen.touch()
    except OSError:
        pass  # only the next start is slower


def _beyond_schema(path: Path, data: dict[str, Any], lines: TomlLines) -> list[ManifestProblem]:
    problems: list[ManifestProblem] = []
    slug, folder = data.get("slug"), path.parent.name
    if isinstance(slug, str) and slug != folder:
        problems.append(
            ManifestProblem(
                path,
                lines.find(("slug",)),
                "slug",
                f"'{slug}' is not the name of the folder, '{folder}'",
                f'write slug = "{folder}", or rename the folder',
            )
        )
    checks = data.get("checks")
    ids: dict[str, int] = {}
    for index, check in enumerate(checks if isinstance(checks, list) else ()):
        name = check.get("id") if isinstance(check, dict) else None
        if not isinstance(name, str):
            continue
        if name in ids:
            problems.append(
                ManifestProblem(
                    path,
                    lines.find(("checks", index, "id")),
                    f"checks[{index}].id",
                    f"'{name}' is the id of checks[{ids[name]}] too",
                    "give every check an id of its own",
                )
            )
        ids.setdefault(name, index)
    return problems + list(_unlisted(path, data, lines))


def _unlisted(path: Path, data: dict[str, Any], lines: TomlLines) -> Iterator[ManifestProblem]:
    """Variables that a service gives and the contract does not list."""
    contract = data.get("contract")
    listed = contract.get("env", {}) if isinstance(contract, dict) else {}
    services = data.get("services")
    for name, use in services.items() if isinstance(services, dict) else ():
        given = use.get("variables", {}) if isinstance(use, dict) else {}
        for variable in given if isinstance(given, dict) else ():
            if variable not in listed:
                yield ManifestProblem(
                    path,
                    lines.find(("services", name, "variables", variable)),
                    f"services.{name}.variables.{variable}",
                    "the contract does not list this variable",
                    "say in contract.env what it means",
                )


def _contract(data: dict[str, Any]) -> Contract:
    rights = Rights.from_json(data["rights"]) if "rights" in data else None
    return Contract(data["kind"], dict(data["env"]), rights, dict(data.get("run", {})))


def _run_problems(path: Path, data: dict[str, Any], lines: TomlLines) -> list[ManifestProblem]:
    """Values for variables that the contract does not have."""
    contract = data["contract"]
    return [
        ManifestProblem(
            path,
            lines.find(("contract", "run", name)),
            f"contract.run.{name}",
            "is no variable of the contract",
            "take it out, or list it in contract.env",
        )
        for name in contract.get("run", {})
        if name not in contract["env"]
    ]


def _rights_problems(
    path: Path, data: dict[str, Any], lines: TomlLines
) -> Iterator[ManifestProblem]:
    """Rights on something that the contract does not name."""
    known = data["contract"]["env"]
    for key, name in (_contract(data["contract"]).rights or Rights()).words():
        found = VARIABLE.match(name)
        if found is None or found[1] not in known:
            near = nearest(found[1], known) if found else None
            yield ManifestProblem(
                path,
                lines.find(("contract", "rights", key.split(".")[0])),
                f"contract.rights.{key}",
                f"'{name}' names no variable of the contract",
                f"did you mean {near}?" if near else f"known are {', '.join(known)}",
            )


def _shape_problem(path: Path, data: dict[str, Any], lines: TomlLines) -> list[ManifestProblem]:
    """What is wrong with a cluster each of whose keys is right by itself."""
    try:
        cluster_spec(data.get("cluster", {}))
    except ShapeError as e:
        key = f"cluster.{e.key}".rstrip(".")
        parts = key.split(".")
        # An array's entries are found by their number, a table's keys are text.
        listed = parts[1:2] == ["listeners"]
        at = tuple(int(part) if listed and part.isdigit() else part for part in parts)
        return [ManifestProblem(path, lines.find(at), key, e.what, e.fix)]
    return []


def _build(path: Path, data: dict[str, Any]) -> Manifest:
    return Manifest(
        slug=data["slug"],
        title=data["title"],
        section=int(data["section"]),
        summary=data["summary"],
        difficulty=data["difficulty"],
        minutes=int(data["minutes"]),
        prerequisites=tuple(data.get("prerequisites", ())),
        covers=tuple(data["covers"]),
        contract=_contract(data["contract"]),
        tracks={
            language: Track(track["entry"], track.get("dialect"))
            for language, track in data["tracks"].items()
        },
        hints=tuple(hint["text"].strip() for hint in data["hints"]),
        checks=tuple(CheckSpec(check["id"], int(check["points"])) for check in data["checks"]),
        path=path,
        stand_ins=dict(data.get("stand_ins", {})),
        services=tuple(
            ServiceUse(
                name,
                use.get("kind", name),
                dict(use.get("settings", {})),
                dict(use.get("variables", {})),
            )
            for name, use in data.get("services", {}).items()
        ),
        version=data.get("version", ""),
        cluster=cluster_spec(data.get("cluster", {})),
    )
