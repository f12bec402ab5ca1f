from __future__ import annotations

import importlib
import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from kafka_lab.api import Rights
from kafka_lab.clusters.spec import ClusterSpec, ListenerSpec
from kafka_lab.exercises.manifest import SCHEMA, SECTIONS, load_manifest
from kafka_lab.exercises.problems import ManifestError
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.paths import bundled

GOOD = '''\
slug = "acls"
title = "ACLs"
section = 7
summary = "Least privilege, by script."
difficulty = "beginner"
minutes = 45
covers = ["ACLs"]

[contract]
kind = "tool"
[contract.env]
GROUP_ID = "the group"

[tracks.python]
entry = "acls.py"
[tracks.java]
entry = "Acls"
dialect = "java"

[[hints]]
text = """
one
minutes = "this is text"
"""
[[hints]]
text = "two"
[[hints]]
text = "three"

[[checks]]
id = "denies"
points = 60
[[checks]]
id = "allows"
points = 40

[stand_ins]
MySQL = "MariaDB"
'''


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_LAB_CACHE", str(tmp_path / "cache"))


def write(folder: Path, text: str) -> Path:
    path = folder / "acls" / "exercise.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def mistakes(folder: Path, *replacements: tuple[str, str]) -> list[str]:
    """What is said of the good manifest with some things replaced: `line: key: what; fix`."""
    text = GOOD
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new, 1)
    path = write(folder, text)
    with pytest.raises(ManifestError) as caught:
        load_manifest(path)
    assert caught.value.exit_code == 3
    assert str(path) in caught.value.what
    return [str(p).removeprefix(f"{path}:") for p in caught.value.problems]


def test_a_good_manifest(tmp_path: Path) -> None:
    manifest = load_manifest(write(tmp_path, GOOD))
    assert manifest.slug == "acls"
    assert manifest.section_name == "Security"
    assert manifest.contract.kind == "tool"
    assert manifest.contract.env == {"GROUP_ID": "the group"}
    assert manifest.tracks["java"].entry == "Acls"
    assert (manifest.tracks["java"].dialect, manifest.tracks["python"].dialect) == ("java", None)
    assert manifest.hints == ('one\nminutes = "this is text"', "two", "three")
    assert [(c.id, c.points) for c in manifest.checks] == [("denies", 60), ("allows", 40)]
    assert manifest.points == 100
    assert manifest.prerequisites == ()
    assert manifest.stand_ins == {"MySQL": "MariaDB"}


def test_the_schema_is_a_valid_schema() -> None:
    jsonschema: Any = importlib.import_module("jsonschema")
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))
    assert sorted(SECTIONS) == list(range(1, 13))


@pytest.mark.parametrize(
    "path", sorted(bundled("exercises").glob("*/exercise.toml")), ids=lambda p: p.parent.name
)
def test_the_manifests_of_this_repository(path: Path) -> None:
    manifest = load_manifest(path)
    assert manifest.points == 100
    guide = (path.parent / "guide.md").read_text()
    for variable in manifest.contract.env:
        assert f"`{variable}`" in guide, f"the guide does not name {variable}"


def test_all_mistakes_are_said_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        ('difficulty = "beginner"', 'difficulty = "advancd"'),
        ("minutes = 45", 'minutes = "45"'),
        ('covers = ["ACLs"]', "covers = []\ndificulty = 1"),
        ('kind = "tool"', 'kind = "server"'),
        ("GROUP_ID =", "group-id ="),
        ('entry = "Acls"', 'entyr = "Acls"'),
        ("points = 40", "points = -1"),
    )
    assert found == [
        "5: difficulty: 'advancd' is none of beginner, intermediate, advanced; "
        "did you mean 'advanced'?",
        "6: minutes: '45' is not a whole number; "
        "write how long a learner is likely to need, in minutes",
        "7: covers: has 0, at least 1 must be there; "
        "write the bullets of the topic list that it covers, one or more",
        "8: dificulty: is not a key of a manifest; did you mean difficulty?",
        "11: contract.kind: 'server' is none of service, job, tool, config, tests; "
        "did you mean 'service'?",
        "13: contract.env.group-id: cannot be a name here; "
        "use capital letters, digits and underscores",
        "17: tracks.java.entry: is missing; "
        "add entry: what starts the program: a file, a class or a package, as the language has it",
        "18: tracks.java.entyr: is not a key of a manifest; did you mean entry?",
        "36: checks[1].points: -1 is out of range (at least 0); "
        "write what it earns, a whole number from 0",
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "ACLs"\n', "", "title: is missing; add title: a title in a few words"),
        ('title = "ACLs"', 'title = ""', "2: title: is empty; write a title in a few words"),
        ('"ACLs"', '"' + "x" * 81 + '"', "2: title: has 81 characters, at most 80 fit"),
        ("section = 7", "section = 13", "3: section: 13 is out of range (at most 12)"),
        ("section = 7", "section = true", "3: section: true is not a whole number"),
        ("points = 40", "points = 4.5", "35: checks[1].points: 4.5 is not a whole number"),
        ('"denies"', '"Denies"', "31: checks[0].id: 'Denies' is not of the right form"),
        ('"allows"', '"denies"', "34: checks[1].id: 'denies' is the id of checks[0] too"),
        ('[[hints]]\ntext = "three"', "", "20: hints: has 2, at least 3 must be there"),
        ('"acls"', '"acl"', "1: slug: 'acl' is not the name of the folder, 'acls'; write slug"),
        ("dialect = ", "dialect = 'x' #", "18: tracks.java.dialect: 'x' is none of java, librd"),
    ],
)
def test_one_mistake(tmp_path: Path, old: str, new: str, said: str) -> None:
    (found,) = mistakes(tmp_path, (old, new))
    assert said in found


def test_what_is_not_toml_names_line_and_column(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, ("section = 7", "section = seven"))
    assert found.startswith("3: this is not TOML: Invalid value, at column 11")
    (found,) = mistakes(tmp_path, ('"MariaDB"\n', '"""MariaDB\n'))
    assert "this is not TOML" in found


def test_what_is_not_text(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    path.write_bytes(b'slug = "acls"\ntitle = "\xff"\n')
    with pytest.raises(ManifestError, match=r"exercise.toml:2: this is not UTF-8"):
        load_manifest(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot read the manifest"):
        load_manifest(tmp_path / "exercise.toml")


def test_a_manifest_found_good_once_costs_no_import_of_jsonschema(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    load_manifest(path)
    program = (
        "import sys; from pathlib import Path;"
        "from kafka_lab.exercises.manifest import load_manifest;"
        f"load_manifest(Path({str(path)!r})); assert 'jsonschema' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert mistakes(tmp_path, ("minutes = 45", "minutes = 0"))  # a change is seen nevertheless


SHAPE = """\
[cluster]
brokers = 3
controllers = 3
separate = true
racks = ["a", "b"]
mechanism = "SCRAM-SHA-256"
protocol = "SASL_SSL"
config = { "num.io.threads" = 4, "unclean.leader.election.enable" = true }
node_config = { 2 = { "log.retention.ms" = "1" } }
"""


def shaped(cluster: str) -> tuple[str, str]:
    return "[tracks.python]", f"{cluster}\n[tracks.python]"


def test_a_shape(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert load_manifest(path).cluster == ClusterSpec()
    path = write(tmp_path, GOOD.replace(*shaped(SHAPE)))
    assert load_manifest(path).cluster == ClusterSpec(
        3,
        controllers=3,
        separate=True,
        racks=("a", "b"),
        broker_config={"num.io.threads": "4", "unclean.leader.election.enable": "true"},
        node_config={2: {"log.retention.ms": "1"}},
        listeners=(ListenerSpec("CLIENT", "SASL_SSL", ("SCRAM-SHA-256",)),),
    )
    several = """\
    [[cluster.listeners]]
    name = "MUTUAL"
    protocol = "SSL"
    client_auth = "required"
    [[cluster.listeners]]
    name = "TOKENS"
    mechanisms = ["OAUTHBEARER"]
    """
    path = write(tmp_path, GOOD.replace(*shaped(textwrap.dedent(several))))
    assert load_manifest(path).cluster.listeners == (
        ListenerSpec("MUTUAL", "SSL", client_auth="required"),
        ListenerSpec("TOKENS", "SASL_PLAINTEXT", ("OAUTHBEARER",)),
    )


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        ("cluster.brokers = 7", "14: cluster.brokers: 7 is out of range (at most 6)"),
        ("cluster.brokers = 'two'", "14: cluster.brokers: 'two' is not a whole number"),
        ("cluster.rack = ['a']", "cluster.rack: is not a key of a manifest; did you mean racks?"),
        ("cluster.config = {a = []}", "cluster.config.a: [] is not text in quotes or a whole num"),
        (
            "[cluster]\ncontrollers = 3\n",
            "15: cluster.controllers: 3 of 1 brokers cannot be controllers at the start; "
            "ask for more brokers, or for separate controllers",
        ),
        ("[cluster]\nlater = 1\n", "15: cluster.later: 1 of 1 brokers cannot come later"),
        (
            "[cluster]\nmechanism = 'PLAIN'\nprotocol = 'SSL'\n",
            "15: cluster.mechanism: means nothing with the protocol SSL; leave it out",
        ),
        ("[cluster]\ncertificate = 'expired'\n", "cluster.certificate: means nothing with the pr"),
        ("cluster.certificate = 'old'", "cluster.certificate: 'old' is none of valid, expired"),
        ("[cluster]\nclient_auth = 'required'\n", "cluster.client_auth: means nothing with the pr"),
        (
            "[cluster]\nprotocol = 'SSL'\n[[cluster.listeners]]\nname = 'A'\n",
            "15: cluster.protocol: is said for all, and there are [[cluster.listeners]]",
        ),
        ("[[cluster.listeners]]\nname = 'HARNESS'\n", "listeners: a listener for programs cannot"),
        ("[cluster.versions]\n4 = '4.2.0'\n", "15: cluster.versions.4: there is no node 4; 1 to 1"),
        ("[cluster.versions]\n1 = '4'\n", "15: cluster.versions.1: '4' is not of the right form"),
    ],
)
def test_what_is_wrong_with_a_shape(tmp_path: Path, cluster: str, said: str) -> None:
    if cluster.startswith("["):
        (found,) = mistakes(tmp_path, shaped(cluster))
    else:
        (found,) = mistakes(tmp_path, ('covers = ["ACLs"]\n', f'covers = ["ACLs"]\n{cluster}\n'))
        said = said.replace("14:", "8:")
    assert said in found


RIGHTS = """\
[contract.rights]
groups = ["GROUP_ID"]
writes = ["GROUP_ID-*"]
cluster = ["IdempotentWrite"]
more = { "group:GROUP_ID" = ["Describe", "Delete"] }
"""


def test_rights(tmp_path: Path) -> None:
    assert load_manifest(write(tmp_path, GOOD)).contract.rights is None
    path = write(tmp_path, GOOD.replace(*shaped(RIGHTS)))
    assert load_manifest(path).contract.rights == Rights(
        groups=("GROUP_ID",),
        writes=("GROUP_ID-*",),
        cluster=("IdempotentWrite",),
        more={"group:GROUP_ID": ("Describe", "Delete")},
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'groups = ["GROUP_ID"]',
            'groups = ["GROUPS_ID"]',
            "15: contract.rights.groups.0: 'GROUPS_ID' names no variable of the contract; "
            "did you mean GROUP_ID?",
        ),
        (
            "group:GROUP",
            "group:X_GROUP",
            "18: contract.rights.more.group:X_GROUP_ID: 'X_GROUP_ID' na",
        ),
        (
            "GROUP_ID-*",
            "my-topic",
            "contract.rights.writes[0]: 'my-topic' is not of the right form",
        ),
        ("IdempotentWrite", "Idempotent", "did you mean 'IdempotentWrite'?"),
        (
            "group:",
            "groups:",
            "cannot be a name here; use topic:, group:, transactional_id: or del",
        ),
        ("writes", "write", "is not a key of a manifest; did you mean writes?"),
    ],
)
def test_what_is_wrong_with_rights(tmp_path: Path, old: str, new: str, said: str) -> None:
    (found,) = mistakes(tmp_path, shaped(RIGHTS), (old, new))
    assert said in found


def test_values_for_run_are_those_of_variables(tmp_path: Path) -> None:
    run = ("[contract.env]", '[contract.run]\nMODE = "work"\n\n[contract.env]')
    known = ("[contract.env]", '[contract.env]\nMODE = "what to do"')
    found = load_manifest(write(tmp_path, GOOD.replace(*known).replace(*run)))
    assert found.contract.run == {"MODE": "work"}
    (said,) = mistakes(tmp_path, run)
    assert "contract.run.MODE: is no variable of the contract" in said
