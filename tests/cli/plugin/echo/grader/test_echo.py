"""The grader of ``echo``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from kafka_lab.clusters.admin import Acl
from kafka_lab.grading.lab import fail

if TYPE_CHECKING:
    from kafka_lab.api import Record
    from kafka_lab.grading.lab import Lab

COUNT = 20


@pytest.fixture(scope="module")
def seen(lab: Lab) -> list[Record]:
    source, target, group = (lab.name(what) for what in ("in", "out", "group"))
    lab.create_topics({source: 1, target: 1})

    def rights(principal: str) -> list[Acl]:
        return [
            Acl(principal, "TOPIC", source, "READ"),
            Acl(principal, "TOPIC", target, "WRITE"),
            Acl(principal, "GROUP", group, "READ"),
        ]

    variables = {"IN_TOPIC": source, "OUT_TOPIC": target, "GROUP_ID": group}
    role = lab.role("echo", variables, rights)
    role.program.start()
    feeder = Producer(lab.cluster.harness_client_config())
    for number in range(COUNT):
        feeder.produce(source, f"value {number}", f"key {number}")
    feeder.flush(10)
    reader = lab.reader({target: 1})

    def done() -> bool:
        reader.refresh()
        return len(reader.visible(target)) >= COUNT or not role.program.running()

    lab.wait(done, 15)
    role.program.kill()
    return reader.visible(target)


@pytest.mark.hint(0)
def test_copies(seen: list[Record]) -> None:
    """Each value arrives once."""
    values = sorted(record.value or b"" for record in seen)
    wanted = sorted(f"value {number}".encode() for number in range(COUNT))
    if values != wanted:
        raise fail("missing", f"{len(set(values) & set(wanted))} of {COUNT} values arrived.")


@pytest.mark.needs("copies")
def test_keeps_keys(seen: list[Record]) -> None:
    """Each value has its own key."""
    for record in seen:
        if record.key != (record.value or b"").replace(b"value", b"key"):
            raise fail("altered", f"The record at offset {record.offset} has another key.")
