"""Every event of a real attempt is as the published schema says, and tells what happened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from kafka_lab.api import Outcome
from kafka_lab.runtime.events import EVENTS_SCHEMA, read_events

from .conftest import Grade, folder_of

SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "events.schema.json"

GRADER = """
from kafka_lab.api import Rights
from kafka_lab.clusters.admin import Acl

def test_it(lab):
    '''Its transaction is held, then committed; the next one dies.'''
    topic, name = lab.name("topic"), lab.name("txn")
    lab.create_topics({topic: 1})
    role = lab.role("payer", {"TOPIC": topic, "TXN": name}, lambda principal: [
        Acl(principal, "TOPIC", topic, "ALL"),
        Acl(principal, "TRANSACTIONAL_ID", name, "ALL"),
    ])
    held, hold = lab.hold_at(role, "EndTxn", 1, "after")
    paused, pause = lab.pause_at(role, "EndTxn", 2, "before")
    killed = lab.kill_at(role, "Produce", 3, "after")
    role.program.start()
    reader = lab.reader({topic: 1})

    def read():
        reader.refresh()
        return len(reader.visible(topic))

    assert lab.wait(held.hit.is_set, 30), role.program.tail()
    assert lab.wait(lambda: read() == 3, 10)
    hold.release()
    assert lab.wait(paused.hit.is_set, 30), role.program.tail()
    role.program.resume()
    pause.release()
    assert lab.wait(killed.hit.is_set, 30), role.program.tail()
    assert lab.wait(lambda: not role.program.running(), 10)
    assert lab.wait(lambda: read() == 3 and len(reader.entries(topic)) == 5, 10)
"""

PROGRAM = """
import os
from confluent_kafka import Producer
producer = Producer({
    "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
    "security.protocol": os.environ["KAFKA_SECURITY_PROTOCOL"],
    "sasl.mechanism": os.environ["KAFKA_SASL_MECHANISM"],
    "sasl.username": os.environ["KAFKA_SASL_USERNAME"],
    "sasl.password": os.environ["KAFKA_SASL_PASSWORD"],
    "transactional.id": os.environ["TXN"],
    "linger.ms": 50,
})
producer.init_transactions()
for values in (["a", "b", "c"], ["d"], ["e"]):
    producer.begin_transaction()
    for value in values:
        producer.produce(os.environ["TOPIC"], value, "key")
    producer.flush()
    if values == ["d"]:
        producer.abort_transaction()
    else:
        producer.commit_transaction()
"""


@pytest.fixture
def validator() -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_a_real_attempt_obeys_the_schema_and_tells_its_story(
    grade: Grade, source: Path, validator: Draft202012Validator
) -> None:
    (source / "main.py").write_text(PROGRAM)
    (source / "requirements.txt").write_text(_requirement())
    verdict = grade(GRADER, "it", seed=31)  # names of its own on the shared broker
    assert (verdict.outcome, verdict.error) == (Outcome.PASSED, "")
    events = read_events(folder_of(verdict) / "events.jsonl")
    wrong = [(e, found.message) for e in events for found in validator.iter_errors(e)]
    assert wrong == []
    assert events[0]["schema"] == EVENTS_SCHEMA
    assert events[0]["language"] == "python"

    def of(kind: str, **fields: Any) -> list[dict[str, Any]]:
        return [
            e for e in events if e["kind"] == kind and all(e.get(k) == v for k, v in fields.items())
        ]

    # The first batch: three records, told by request, answer and what was read back.
    asked = of("request", api="Produce")[0]
    assert (asked["records"], asked["partitions"][0][1]) == ([3], 0)
    key = {k: asked[k] for k in ("connection", "correlation")}
    (told,) = of("response", **key)
    assert told["base_offsets"] == [[*asked["partitions"][0], 0]]
    (read,) = [e for e in of("read") if e["shown"] and e["shown"][0][0] == 0]
    first = read["ranges"][0]
    assert (first[:2], first[3], first[5]) == ([0, 2], asked["producer_id"], 1)
    assert read["shown"] == [[0, "key", "a"], [1, "key", "b"], [2, "key", "c"]]
    (named,) = of("response", api="InitProducerId")
    assert (named["producer_id"], named["producer_epoch"]) == (first[3], first[4])

    markers = [m for e in of("read") for m in e["markers"]]
    assert [m[2] for m in markers] == [1, 0]  # one committed, one aborted

    # The faults name their request, and end.
    (hold,), (pause,), (kill,) = (of("fault", fault=f) for f in ("hold", "pause", "kill"))
    for fault in (hold, pause, kill):
        key = {k: fault[k] for k in ("connection", "correlation")}
        assert of("request", api=fault["api"], principal=fault["principal"], **key)
    assert [e["dropped"] for e in of("release")] == [False, False]
    assert [e["t"] for e in of("release")] > [hold["t"], pause["t"]]
    assert kill["t"] <= of("program-kill")[0]["t"] <= of("program-exit")[0]["t"]
    assert len(of("program-pause")) == len(of("program-resume")) == 1


def _requirement() -> str:
    from importlib.metadata import version

    return f"confluent-kafka=={version('confluent-kafka')}\n"


@pytest.mark.parametrize(
    "event",
    [
        {"t": 1.0, "kind": "coffee"},
        {"t": 1.0, "kind": "note"},
        {"t": 1.0, "kind": "note", "text": "x", "more": 1},
        {"t": 1.0, "kind": "attempt", "id": "x", "exercise": "x", "seed": 1},  # schema 1
        {"kind": "end"},
    ],
)
def test_the_schema_refuses_what_is_not_an_event(
    validator: Draft202012Validator, event: dict[str, Any]
) -> None:
    assert not validator.is_valid(event)
