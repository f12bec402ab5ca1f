"""A grader of one honest check: what comes in goes out, once it has come in."""

from __future__ import annotations

from confluent_kafka import Producer

from kafka_lab.api import Rights
from kafka_lab.grading.lab import fail

PROMPTLY = 8.0


def test_copies_every_record(lab) -> None:
    """Each record of the input is copied to the output."""
    source, target, group = (lab.name(what) for what in ("in", "out", "group"))
    lab.create_topics({source: 1, target: 1})
    role = lab.role(
        "copier",
        {"IN_TOPIC": source, "OUT_TOPIC": target, "GROUP_ID": group},
        Rights(reads=(source,), writes=(target,), groups=(group,)),
    )
    role.program.start()
    sent = [lab.name("value", str(number)) for number in range(5)]
    feeder = Producer(lab.cluster.harness_client_config())
    for value in sent:
        feeder.produce(source, value)
    if feeder.flush(PROMPTLY):
        raise RuntimeError("the broker does not take the inputs")  # the lab's error, not a finding
    reader = lab.reader({target: 1})

    def arrived() -> bool:
        reader.refresh()
        seen = {(r.value or b"").decode(errors="replace") for r in reader.visible(target)}
        return set(sent) <= seen

    if not lab.wait(lambda: arrived() or not role.program.running(), PROMPTLY) or not arrived():
        raise fail("lost", f"not all records were copied\n{role.program.tail(40)}")
