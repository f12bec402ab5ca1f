"""What a program may not do is found, named, and never put down to the lab: on both backends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kafka_lab.api import Outcome, Rights
from kafka_lab.clusters.spec import ClusterSpec, ListenerSpec
from kafka_lab.grading.attempt import Request, check
from kafka_lab.programs.toolchains.python import PythonToolchain

from .conftest import HEAD
from .test_shapes import backend

__all__ = ["backend"]

PROGRAM = """
import os
from confluent_kafka import Consumer, Producer

settings = {"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
            "security.protocol": os.environ["KAFKA_SECURITY_PROTOCOL"]}
for name in ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location",
             "sasl.mechanism", "sasl.username", "sasl.password"):
    variable = "KAFKA_" + name.upper().replace(".", "_")
    if variable in os.environ:
        settings[name] = os.environ[variable]
failed = []
producer = Producer(settings | {"message.timeout.ms": 20000})
for topic in (os.environ["OUT_TOPIC"], os.environ["OUT_TOPIC"] + "-derived"):
    producer.produce(topic, b"x", on_delivery=lambda e, m: failed.append(e.name()) if e else None)
producer.flush()
if os.environ["MODE"] == "curious":
    consumer = Consumer(settings | {"group.id": "a-group-of-mine"})
    consumer.subscribe([os.environ["OUT_TOPIC"]])
    while not (message := consumer.poll(1)) or not message.error():
        pass
    failed.append(message.error().name())
print(*failed)
"""

GRADER = """
def world(lab, mode):
    topic = lab.name("out", mode)
    lab.create_topics({topic: 1, topic + "-derived": 1})
    role = lab.role(mode, {"OUT_TOPIC": topic, "MODE": mode})
    role.program.start()
    if role.program.wait(lab.seconds(60)) is None:
        raise fail("hangs", role.program.tail())
    return role.program.tail().strip()

def test_allowed(lab):
    '''The positive control: everything that it does is allowed.'''
    said = world(lab, "modest")
    if said:
        raise fail("refused", said)
    assert lab.denials() == []

def test_denied(lab):
    '''It does what it has no right to.'''
    said = world(lab, "curious")
    if said:
        raise fail("refused", said)
"""

ALL = Rights(writes=("OUT_TOPIC*",))


def request(backend: str, tmp_path: Path, rights: Rights | None) -> Request:
    source, grader = tmp_path / "source", tmp_path / "grader"
    for folder in (source, grader):
        folder.mkdir()
    (source / "main.py").write_text(PROGRAM)
    (source / "requirements.txt").write_text("confluent-kafka==2.16.1\n")
    (grader / "test_it.py").write_text(HEAD + GRADER)
    return Request(
        exercise="rights",
        language="python",
        source=source,
        entry="main.py",
        grader=grader,
        checks=[("allowed", 2), ("denied", 2)],
        toolchain=PythonToolchain(),
        backend=backend,
        rights=rights,
    )


def test_a_denial_is_a_finding_that_names_the_right(
    backend: str,
    tmp_path: Path,
    home: Path,
) -> None:
    verdict = check(request(backend, tmp_path, ALL))
    assert verdict.error == ""
    allowed, denied = verdict.checks
    assert allowed.outcome is Outcome.PASSED, allowed.findings
    assert denied.outcome is Outcome.FAILED
    refused, found = denied.findings
    assert (refused.code, refused.message) == ("refused", "GROUP_AUTHORIZATION_FAILED")
    assert found.code == "denied"
    assert "it has no right to use the consumer group a-group-of-mine" in found.message
    assert verdict.notes == ()


@pytest.mark.parametrize("mutual", [False, True])
def test_without_the_prefix_the_derived_topic_is_denied(
    tmp_path: Path, home: Path, mutual: bool
) -> None:
    asked = replace(request("embedded", tmp_path, Rights(writes=("OUT_TOPIC",))), only=("allowed",))
    if mutual:  # the authorizer knows the program by its certificate's name
        door = ListenerSpec("MUTUAL", "SSL", client_auth="required")
        asked = replace(asked, spec=ClusterSpec(listeners=(door,)))
    verdict = check(asked)
    assert verdict.error == ""
    (allowed,) = verdict.checks
    refused, found = allowed.findings
    assert "TOPIC_AUTHORIZATION_FAILED" in refused.message
    assert found.data["right"].startswith("to ")
    assert str(found.data["resource"]).endswith("-derived")


def test_rights_that_nobody_stated(tmp_path: Path, home: Path) -> None:
    verdict = check(replace(request("embedded", tmp_path, None), only=("allowed",)))
    assert verdict.outcome is Outcome.ERROR
    assert "add [contract.rights] to exercise.toml" in verdict.error
