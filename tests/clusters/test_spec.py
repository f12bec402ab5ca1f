from __future__ import annotations

import json

import pytest

from kafka_lab.clusters.spec import DEFAULT_VERSION, ClusterSpec
from kafka_lab.runtime.errors import LabError


@pytest.mark.parametrize("brokers", [-1, 0, 2, 4, 100])
def test_other_numbers_of_brokers_are_refused(brokers: int) -> None:
    with pytest.raises(LabError, match=f"a cluster of {brokers} brokers") as caught:
        ClusterSpec(brokers=brokers)
    assert caught.value.fix == "ask for 1 or 3"


@pytest.mark.parametrize(
    "spec",
    [
        ClusterSpec(),
        ClusterSpec(3, "4.2.0", False, {"log.retention.ms": "1000", "x": "a=b\n"}),
    ],
)
def test_json_round_trip(spec: ClusterSpec) -> None:
    assert ClusterSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_secured_and_current_from_the_first_day() -> None:
    assert ClusterSpec().secured
    assert ClusterSpec().version == DEFAULT_VERSION
