"""The grader: one scenario that breaks something, and the checks that judge what it saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from kafka_lab.api import Record, expect
from kafka_lab.oracles import Payload, Seen, at_least_once, same_bytes

if TYPE_CHECKING:
    from kafka_lab.grading.lab import Lab

PROMPTLY = 15.0
"""Seconds in which a record arrives; the brief says so."""
SESSION = 45.0
"""Seconds a killed member stays in its group where the harness does not help (`--neutral`)."""


@dataclass
class History:
    """What was sent, by id, and what arrived."""

    topic: str
    sent: dict[str, Payload]
    seen: list[Record]


def item_id(record: Record) -> str:
    """The id stands before the first `|` of the value; a tombstone has it as its key."""
    raw = record.key if record.value is None else record.value.split(b"|")[0]
    return (raw or b"").decode(errors="replace")


def inputs(lab: Lab, part: str) -> dict[str, Payload]:
    """Ordinary records and rare ones; ids are nonces, so that nobody can make them up."""
    ids = [lab.name(part, str(number)) for number in range(8)]
    made = {i: Payload(f"key {i}".encode(), f"{i}|{part}".encode()) for i in ids}
    made[ids[3]] = Payload(None, f"{ids[3]}|no key".encode())
    made[ids[4]] = Payload(ids[4].encode(), None)
    made[ids[5]] = Payload(b"\xff\x00", ids[5].encode() + b"|\xfe\xff no text")
    return made


@pytest.fixture(scope="module")
def history(lab: Lab) -> History:
    """Records before the start; a kill at the first record of a second part; a restart."""
    source, target, group = (lab.name(what) for what in ("in", "out", "group"))
    lab.create_topics({source: 2, target: 2})
    feeder = Producer(lab.cluster.harness_client_config())
    reader = lab.reader({target: 2})
    sent: dict[str, Payload] = {}

    def send(part: str) -> None:
        new = inputs(lab, part)
        sent.update(new)
        for payload in new.values():
            feeder.produce(source, payload.value, payload.key)
        feeder.flush()

    def arrived() -> bool:
        reader.refresh()
        return sent.keys() <= {item_id(record) for record in reader.visible(target)}

    role = lab.role(
        "forward",
        {"IN_TOPIC": source, "OUT_TOPIC": target, "GROUP_ID": group},
    )
    send("first")
    role.program.start()
    if lab.wait(lambda: arrived() or not role.program.running(), PROMPTLY) and arrived():
        killed = lab.kill_at(role, "Produce", 1, "before")
        send("second")
        # Without a kill the program never wrote: then the second part is lost, and is said to be.
        if lab.wait(killed.hit.is_set, PROMPTLY):
            role.program.wait(lab.seconds(PROMPTLY))
            lab.evict(group, [role.program], "it was killed")
            role.program.start()
            lab.wait(
                lambda: arrived() or not role.program.running(),
                PROMPTLY + (SESSION if lab.job.neutral else 0),
            )
    role.program.kill()
    reader.refresh()
    return History(target, sent, reader.visible(target))


@pytest.mark.hint(2)
def test_forwards_every_record(history: History) -> None:
    """Every record arrives unchanged, though the service is killed in the middle."""
    seen = [Seen(item_id(record), record) for record in history.seen]
    expect(
        at_least_once(expected=dict.fromkeys(history.sent), seen=seen, topic=history.topic)
        + same_bytes(expected=history.sent, seen=seen)
    )
