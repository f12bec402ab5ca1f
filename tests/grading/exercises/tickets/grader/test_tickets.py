from __future__ import annotations

from kafka_lab.grading.lab import Lab, fail


def test_writes(lab: Lab) -> None:
    """The record is there."""
    topic = lab.name("out")
    lab.create_topics({topic: 1})
    role = lab.role("writer", {"OUT_TOPIC": topic})
    role.program.start()
    code = role.program.wait(lab.seconds(40))
    reader = lab.reader({topic: 1})
    reader.refresh()
    if code != 0 or [r.value for r in reader.visible(topic)] != [b"by ticket"]:
        raise fail("missing", f"It ended with {code}: {role.program.tail()}")
    # Whose ticket it was is known to the relay as to the broker.
    produced = [r for r in lab.relay.history if r.api == "Produce"]
    assert len(produced) == 1
