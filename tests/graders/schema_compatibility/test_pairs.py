"""The table of ``schema-compatibility``: each verdict against the real registry, and fastavro."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import fastavro
import pytest

from kafka_lab.runtime.leases import Leases
from kafka_lab.services.registry import Registry

from .checker import MODULES

pairs, subjects, naming = MODULES["pairs"], MODULES["subjects"], MODULES["naming"]
histories, references, shelf = MODULES["histories"], MODULES["references"], MODULES["shelf"]
PAIRS = pairs.PAIRS


@pytest.fixture(scope="module")
def registry(leases: Leases) -> Iterator[Any]:
    with Registry(leases) as service:
        yield shelf.Shelf(service.url)


def made(pair: Any, seed: int, depth: int) -> Any:
    rng = random.Random(f"{pair.id}-{seed}")
    return naming.named(naming.wrapped(pair, rng, depth), rng)


def asked(shelf: Any, *wanted: Any) -> dict[str, bool | None]:
    """What the real registry says to the proposed schemas: whether it registers them."""
    shelf.fill(wanted, "BACKWARD")
    return {one.name: shelf.takes(one.name, one.proposed) for one in wanted}


def right(*wanted: Any) -> dict[str, bool | None]:
    return {one.name: not one.breaks for one in wanted}


# Depth 0 is the pair itself; inside of other records it must stay what it was.
@pytest.mark.parametrize(("depth", "levels"), [(0, subjects.PLAIN), (2, ["FULL"])])
def test_the_registry_says_the_same_of_each_pair(
    registry: Any, depth: int, levels: list[str]
) -> None:
    every = [
        subjects.of_pair(made(pair, 1, depth), f"{pair.id}-{level}-{depth}", level, pair.rule)
        for pair in PAIRS
        for level in levels
    ]
    assert asked(registry, *every) == right(*every)


def test_the_registry_says_the_same_of_each_version_of_each_history(registry: Any) -> None:
    every = [
        histories.of_history(one, f"{one.id}-{level}", level, random.Random(one.id))
        for one in histories.HISTORIES
        for level in subjects.PLAIN
    ]
    registry.fill(every, "BACKWARD")
    for subject in every:
        # A transitive level says this of every version, a plain one of the latest.
        for version in replace(subject, level=f"{subject.level}_TRANSITIVE").compared:
            said = registry.compatible(subject.name, version.number, subject.proposed)
            assert said is not bool(subject.broken(version)), (subject.name, version.number)


@pytest.mark.parametrize("level", ["BACKWARD", "BACKWARD_TRANSITIVE"])
@pytest.mark.parametrize("id_", ["default-dropped", "name-used-again"])
def test_transitive_levels_look_further_back(registry: Any, id_: str, level: str) -> None:
    history = next(one for one in histories.HISTORIES if one.id == id_)
    subject = histories.of_history(history, f"back-{id_}-{level}", level, random.Random(id_))
    assert asked(registry, subject) == {subject.name: level == "BACKWARD"}


def library(prefix: str) -> Any:
    return references.Library(random.Random(prefix), prefix)


def test_what_cannot_be_referred_to_is_refused(registry: Any) -> None:
    shelf_of = library("refused")
    registry.fill([*shelf_of.types, *shelf_of.unjudged()], "BACKWARD")
    for subject in shelf_of.unjudged():
        assert registry.takes(subject.name, subject.proposed) is None, subject.name


def test_the_registry_says_the_same_once_references_stand_in_the_schema(registry: Any) -> None:
    shelf_of = library("inlined")
    kinds = {one.name: one for one in shelf_of.types}

    def inlined(written: Any) -> Any:
        schema = json.dumps(written.schema)
        for one in written.references:
            [target] = [v.written for v in kinds[one.subject].versions if v.number == one.version]
            definition = json.dumps(inlined(target).schema)
            schema = schema.replace(f'"{one.name}"', definition, 1)  # the first place defines it
        return subjects.Written(json.loads(schema))

    for subject in shelf_of.judged():
        [version] = subject.versions
        flat_one = replace(
            subject,
            versions=(replace(version, written=inlined(version.written)),),
            proposed=inlined(subject.proposed),
        )
        assert asked(registry, flat_one) == right(subject)


def test_the_registry_overlooks_that_a_type_which_is_referred_to_has_changed(registry: Any) -> None:
    """Why those verdicts are the specification's: tell the guide when this is mended."""
    shelf_of = library("overlooked")
    judged = shelf_of.judged()
    registry.fill([*shelf_of.types, *judged], "BACKWARD")
    said = {s.name.split("-")[1]: registry.takes(s.name, s.proposed) for s in judged}
    assert said == {"gift": False, "order": True, "parcel": True, "account": True, "invoice": True}


FASTAVRO_DIFFERS: dict[str, str] = {}
"""Pairs which fastavro's reader resolves otherwise than the specification says, and how."""


def data(schema: Any, rng: random.Random) -> Iterator[Any]:
    """Data of a schema, in which each branch and each symbol comes up sooner or later."""
    types: dict[str, Any] = {}

    def learn(one: Any, namespace: str) -> None:
        if isinstance(one, list):
            for branch in one:
                learn(branch, namespace)
        elif isinstance(one, dict):
            inner = one.get("namespace", namespace)
            if "name" in one:
                types[f"{inner}.{one['name']}"] = one
            for field in one.get("fields", ()):
                learn(field["type"], inner)
            for key in ("items", "values", "type"):
                learn(one.get(key), inner)

    learn(schema, "")

    def datum(one: Any, depth: int) -> Any:
        if isinstance(one, list):
            branch = "null" if depth > 6 and "null" in one else rng.choice(one)
            value = datum(branch, depth + 1)
            named = types.get(branch, branch) if isinstance(branch, str) else branch
            if isinstance(named, dict) and "name" in named:
                return (f"{named.get('namespace', schema['namespace'])}.{named['name']}", value)
            return value
        kind = one["type"] if isinstance(one, dict) else one
        if kind in types:
            return datum(types[kind], depth + 1)
        if kind == "record":
            return {f["name"]: datum(f["type"], depth + 1) for f in one["fields"]}
        if kind in ("array", "map"):
            inner = one["items" if kind == "array" else "values"]
            values = [datum(inner, depth + 1) for _ in range(0 if depth > 6 else 2)]
            return values if kind == "array" else {str(n): v for n, v in enumerate(values)}
        return {
            "null": lambda: None,
            "boolean": lambda: rng.random() < 0.5,
            "int": lambda: rng.randrange(100),
            "long": lambda: rng.randrange(1 << 33, 1 << 40),
            "float": lambda: 0.5,
            "double": lambda: 0.25,
            "bytes": lambda: b"ab",
            "string": lambda: "ab",
            "fixed": lambda: bytes(one["size"]),
            "enum": lambda: rng.choice(one["symbols"]),
        }[kind]()

    for _ in range(40):
        yield datum(schema, 0)


def resolves(writer: Any, reader: Any) -> bool:
    """Whether fastavro reads all of some data of the writer's schema."""
    for one in data(writer, random.Random(7)):
        written = io.BytesIO()
        fastavro.schemaless_writer(written, writer, one)
        written.seek(0)
        try:
            fastavro.schemaless_reader(written, writer, reader)
        except Exception:
            return False
    return True


@pytest.mark.parametrize("pair", [made(p, 1, 0) for p in PAIRS], ids=lambda pair: str(pair.id))
def test_fastavro_resolves_as_the_table_says(pair: Any) -> None:
    backward, forward = resolves(pair.old, pair.new), resolves(pair.new, pair.old)
    if pair.id in FASTAVRO_DIFFERS:
        assert (backward, forward) != (pair.backward, pair.forward), "it resolves this rightly now"
    else:
        assert (backward, forward) == (pair.backward, pair.forward)


def flat(pair: Any) -> tuple[bool, bool]:
    """What somebody says who compares the fields of the outermost record, name by name."""

    def reads(reader: Any, writer: Any) -> bool:
        written = {field["name"]: field["type"] for field in writer["fields"]}
        for field in reader["fields"]:
            if field["name"] not in written:
                if "default" not in field:
                    return False
            elif str(field["type"]) != str(written[field["name"]]):
                return False
        return True

    return reads(pair.new, pair.old), reads(pair.old, pair.new)


def test_a_diff_of_the_outermost_fields_is_wrong_about_a_third() -> None:
    wrong = [pair.id for pair in PAIRS if flat(pair) != (pair.backward, pair.forward)]
    assert len(PAIRS) >= 60
    assert len(wrong) >= 34, wrong


def lenient(pair: Any) -> tuple[bool, bool]:
    """The same, by somebody who compares only the kinds of types: record with record, and so on."""

    def kind(schema: Any) -> str:
        if isinstance(schema, list):
            return "union"
        return str(schema["type"]) if isinstance(schema, dict) else str(schema)

    def reduced(schema: Any) -> Any:
        fields = [{**field, "type": kind(field["type"])} for field in schema["fields"]]
        return {**schema, "fields": fields}

    return flat(replace(pair, old=reduced(pair.old), new=reduced(pair.new)))


def test_neither_is_a_diff_of_their_kinds_right() -> None:
    wrong = [pair.id for pair in PAIRS if lenient(pair) != (pair.backward, pair.forward)]
    assert len(wrong) >= 20, wrong


def test_each_pair_names_its_rule_and_where_it_breaks() -> None:
    assert len({pair.id for pair in PAIRS}) == len(PAIRS)
    for pair in PAIRS:
        assert pair.rule in pairs.RULES
        assert bool(pair.at) is not (pair.backward and pair.forward), pair.id
    assert {pair.rule for pair in PAIRS} == set(pairs.RULES)


def test_names_follow_from_the_seed_and_none_stays() -> None:
    pair = next(one for one in PAIRS if one.id == "deep-required")
    first, again, other = made(pair, 1, 2), made(pair, 1, 2), made(pair, 2, 2)
    assert first == again
    assert first.at != other.at
    assert "@" not in str(first)
