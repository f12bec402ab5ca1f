from __future__ import annotations

import json
from typing import Any

import pytest

from kafka_lab.clusters.spec import DEFAULT_VERSION, ClusterSpec, ListenerSpec
from kafka_lab.runtime.errors import LabError


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ({"brokers": 0}, "a cluster of 0 brokers"),
        ({"brokers": 7}, "a cluster of 7 brokers"),
        ({"brokers": 3, "controllers": 2}, "2 controllers"),
        ({"brokers": 1, "controllers": 3}, "3 of 1 brokers"),
        ({"brokers": 3, "controllers": 3, "later": 1}, "3 of 3 brokers"),
        ({"brokers": 2, "later": 2}, "2 of 2 brokers"),
        ({"log_dirs": 9}, "9 log directories"),
        ({"listeners": (ListenerSpec("HARNESS"),)}, "'HARNESS'"),
        ({"listeners": (ListenerSpec("A"), ListenerSpec("A"))}, "'A'"),
        ({"listeners": (ListenerSpec("A_B"),)}, "'A_B'"),
        ({"internal": ListenerSpec("OTHER", "SSL")}, "INTERNAL"),
        ({"internal": ListenerSpec("INTERNAL", "SASL_SSL", ("SCRAM-SHA-256",))}, "PLAIN"),
    ],
)
def test_shapes_that_cannot_be_made_are_refused(shape: dict[str, Any], words: str) -> None:
    with pytest.raises(LabError, match=words) as caught:
        ClusterSpec(**shape)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("listener", "words"),
    [
        ({"protocol": "TLS"}, "no protocol 'TLS'"),
        ({"mechanisms": ("NTLM",)}, "'NTLM' cannot be had"),
        ({"client_auth": "yes"}, "client_auth is 'yes'"),
    ],
)
def test_a_listener_says_only_what_kafka_says(listener: dict[str, Any], words: str) -> None:
    with pytest.raises(LabError, match=words):
        ListenerSpec(**listener)


@pytest.mark.parametrize(
    "spec",
    [
        ClusterSpec(),
        ClusterSpec(3, "4.2.0", False, {"log.retention.ms": "1000", "x": "a=b\n"}),
        ClusterSpec(
            6,
            controllers=3,
            separate=True,
            later=1,
            racks=("a", "b"),
            node_config={2: {"log.retention.ms": "7"}},
            listeners=(ListenerSpec("A", "SASL_SSL", ("SCRAM-SHA-512", "PLAIN"), "requested"),),
            internal=ListenerSpec("INTERNAL", "SSL"),
            versions={2: "4.0.0"},
            upgrades=("4.1.1",),
            release="4.0",
            tiered=True,
            jmx=True,
            log_dirs=2,
        ),
    ],
)
def test_json_round_trip(spec: ClusterSpec) -> None:
    assert ClusterSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_secured_and_current_from_the_first_day() -> None:
    assert ClusterSpec().secured
    assert ClusterSpec().version == DEFAULT_VERSION
