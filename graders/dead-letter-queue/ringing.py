"""Judgements over the metric and its alert."""

from __future__ import annotations

from alarm import ALERT, ENDS, FIRES, METRIC, RULES, Alarm
from kafka_lab.api import Finding


def metric(alarm: Alarm) -> list[Finding]:
    """The counter is there before anything dies, and counts dead letters and nothing else."""
    if not alarm.scraped:
        return [
            Finding(
                "no-metrics",
                "Prometheus got no answer from GET /metrics on 127.0.0.1 and METRICS_PORT. Look at "
                "the address, the path, and the format: text, version 0.0.4.",
                {"metric": METRIC},
            )
        ]
    for when, words in (("before", "before any order had died"), ("after", "at the end")):
        if when not in alarm.counts:
            return [
                Finding(
                    "no-dead-letter",
                    "The service did not write two orders that the courier refuses for good to "
                    "the dead letter queue, so there was nothing to count.",
                )
            ]
        seen, wanted = alarm.counts[when], alarm.letters[when]
        if seen is None:
            return [
                Finding(
                    "no-metric",
                    f"There is no series {METRIC} {words}. Export the counter from the start, at "
                    "0: one that is born with its first dead letter has not grown when it is first "
                    "seen, and an alert on its growth stays silent.",
                    {"metric": METRIC},
                )
            ]
        if seen != wanted:
            return [
                Finding(
                    "wrong-count",
                    f"{METRIC} is {seen:g} {words}, and the queue holds {wanted} letters of this "
                    "service. Count when the cluster has acknowledged a dead letter, and nothing "
                    "else.",
                    {"metric": METRIC, "expected": wanted, "seen": seen},
                )
            ]
    return []


def alert(alarm: Alarm) -> list[Finding]:
    """Silent until something dies; then it fires, and it ends."""
    if alarm.complaint:
        return [
            Finding(
                "bad-rules",
                f"Prometheus cannot use your rules: {alarm.complaint.strip()[:600]}",
                {"file": RULES},
            )
        ]
    if ALERT in alarm.early:
        return [
            Finding(
                "false-alarm",
                f"The alert {ALERT} fired although nothing had died: two orders had been retried, "
                "with success. Look at its expression.",
                {"alert": ALERT},
            )
        ]
    if not alarm.fired:
        return [
            Finding(
                "no-alert",
                f"Two orders died, and {FIRES:.0f} seconds later the alert {ALERT} did not fire. "
                "Look at the alert's name, at `for`, and at what its expression makes of a counter "
                "that goes from 0 to 2.",
                {"alert": ALERT},
            )
        ]
    if not alarm.ended:
        return [
            Finding(
                "endless-alert",
                f"{ENDS:.0f} seconds after the last dead letter the alert {ALERT} still fired. A "
                "counter never falls: ask how much it grew in a time (increase, rate), not how "
                "high it is.",
                {"alert": ALERT},
            )
        ]
    return []
