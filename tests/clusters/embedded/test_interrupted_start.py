"""A start whose owner clears up in the middle of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kafka_lab.clusters.embedded.backend import EmbeddedBackend
from kafka_lab.clusters.embedded.broker import EmbeddedBroker
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.runtime.leases import Leases


def clusters(scratch: Path) -> set[Path]:
    return set(scratch.rglob("cluster-*"))


def test_nothing_is_left_when_the_leases_were_cleared_before(scratch: Path) -> None:
    own, before = Leases.open(), clusters(scratch)
    own.clear()
    with pytest.raises(FileNotFoundError):
        EmbeddedBackend().start(ClusterSpec(), (), own)
    assert clusters(scratch) == before


def test_nothing_is_left_when_they_are_cleared_between_two_brokers(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, before = Leases.open(), clusters(scratch)
    real, launched = EmbeddedBroker.launch, []

    def launch(broker: EmbeddedBroker) -> None:
        if launched:
            own.clear()
        launched.append(broker)
        real(broker)

    monkeypatch.setattr(EmbeddedBroker, "launch", launch)
    with pytest.raises(FileNotFoundError):
        EmbeddedBackend().start(ClusterSpec(3), (), own)
    assert len(launched) == 2
    assert not any(broker.alive() for broker in launched)
    assert clusters(scratch) == before
