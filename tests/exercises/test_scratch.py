"""What ``run`` gives a program is what a check gives it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kafka_lab.api import Rights
from kafka_lab.clusters.admin import Acl, Admin
from kafka_lab.clusters.base import Cluster
from kafka_lab.exercises.manifest import Manifest, load_manifest
from kafka_lab.exercises.scratch import prepare_topics
from kafka_lab.runtime.paths import bundled


def manifest(rights: Rights | None) -> Manifest:
    found = load_manifest(bundled("exercises") / "transactions" / "exercise.toml")
    env = {"SCRATCH_TOPIC": "in", "COPY_TOPIC": "out", "GROUP_ID": "group"}
    return replace(found, contract=replace(found.contract, env=env, rights=rights))


def test_the_manifests_rights_and_no_more(cluster: Cluster, admin: Admin) -> None:
    rights = Rights(reads=("SCRATCH_TOPIC",), writes=("COPY_TOPIC",), groups=("GROUP_ID",))
    before = set(admin.rules("program-6"))
    variables = prepare_topics(cluster, manifest(rights), "program-6")
    assert variables == {"SCRATCH_TOPIC": "scratch", "COPY_TOPIC": "copy", "GROUP_ID": "group-id"}
    assert set(admin.rules("program-6")) - before == {
        Acl("program-6", "TOPIC", "scratch", "READ"),
        Acl("program-6", "TOPIC", "copy", "WRITE"),
        Acl("program-6", "GROUP", "group-id", "READ"),
    }


def test_what_no_name_tells_is_the_users_or_the_manifests(
    cluster: Cluster, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = manifest(Rights())
    env = {"MODE": "what to do", "LIMIT": "how much", "METRICS_PORT": "where", "OTHER": "whatever"}
    contract = replace(found.contract, env=env, run={"MODE": "work", "LIMIT": "5"})
    monkeypatch.setenv("LIMIT", "")
    variables = prepare_topics(cluster, replace(found, contract=contract), "program-5")
    assert int(variables.pop("METRICS_PORT")) > 1024
    assert variables == {"MODE": "work", "LIMIT": "", "OTHER": "other"}
