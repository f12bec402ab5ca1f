"""The metric and the alert: a real Prometheus scrapes the service, by the learner's rules."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from depot import Depot
from history import History
from kafka_lab.services.prometheus import Prometheus
from orders import status
from scenarios import PROMPT, START

if TYPE_CHECKING:
    from kafka_lab.grading.lab import Lab

RULES = "alerts.yml"
ALERT = "DeadLetters"
METRIC = "dead_letters_total"
FIRES = 5.0
"""Seconds that the brief gives the alert to fire once a dead letter is in the queue."""
ENDS = 10.0
"""Seconds after the last dead letter, when it must be over."""
_LARGEST = 64 << 10


@dataclass
class Alarm:
    """What the scenario saw."""

    history: History
    complaint: str = ""
    """Why the rules cannot be used; empty if they can."""
    scraped: bool = False
    """Prometheus got an answer from the service."""
    early: list[str] = field(default_factory=list)
    """Alerts that fired before anything had died."""
    counts: dict[str, float | None] = field(default_factory=dict)
    """The metric's sum at turns of the scenario; none where there is no such series."""
    letters: dict[str, int] = field(default_factory=dict)
    fired: bool = False
    ended: bool = False


def alarm(lab: Lab) -> Alarm:
    """Nothing dies, then one order does: the alert fires, and ends."""
    depot = Depot(lab, "alarm", delays=(100, 100))
    found = Alarm(depot.history)
    prometheus = lab.service("prometheus", Prometheus)
    rules, found.complaint = _rules(lab, prometheus)
    service = depot.role("service")
    service.program.start()
    port = lab.entrance(service, depot.ports[service.program.name])
    prometheus.configure(rules, scrape={"dlq": [f"127.0.0.1:{port}"]})
    depot.feed(2)
    depot.send([depot.mint.order(*status(503, 200)) for _ in range(2)])
    if not depot.settle([service], START):
        depot.finish()
        return found

    def up() -> bool:
        return any(s.value == 1 for s in prometheus.query('up{job="dlq"}'))

    # A scrape that came after the retries: what they did to the metric is in it.
    handled = time.time()

    def fresh() -> bool:
        samples = prometheus.query(f'timestamp(up{{job="dlq"}}) > {handled}')
        return bool(samples)

    found.scraped = lab.wait(up, PROMPT, 0.1) and lab.wait(fresh, PROMPT, 0.1)
    if found.scraped:
        _count(depot, prometheus, found, "before")
        found.early = _firing(prometheus)
        _dies(depot, prometheus, found, service)
    depot.finish()
    return found


def _dies(depot: Depot, prometheus: Prometheus, found: Alarm, service: object) -> None:
    lab, roles = depot.lab, [service]
    depot.send([depot.mint.order(*status(422)), depot.mint.order(*status(404))])
    if not depot.settle(roles, PROMPT):  # type: ignore[arg-type]
        return
    found.fired = lab.wait(lambda: ALERT in _firing(prometheus), FIRES, 0.1)
    wanted = len(depot.history.records["dead_letters"])
    lab.wait(lambda: _value(prometheus) == wanted, FIRES, 0.1)
    _count(depot, prometheus, found, "after")
    if found.fired:
        found.ended = lab.wait(lambda: ALERT not in _firing(prometheus), ENDS, 0.1)


def _rules(lab: Lab, prometheus: Prometheus) -> tuple[str, str]:
    """The learner's rules, or none and why not."""
    path = Path(lab.ready.source) / RULES
    nothing = "groups: []\n"
    if not path.is_file() or path.is_symlink():
        return nothing, f"there is no file {RULES} beside your program"
    raw = path.read_bytes()
    if len(raw) > _LARGEST:
        return nothing, f"{RULES} is larger than {_LARGEST:,} bytes"
    text = raw.decode("utf-8", "replace")
    complaint = prometheus.rules_complaint(text)
    return (nothing, complaint) if complaint else (text, "")


def _firing(prometheus: Prometheus) -> list[str]:
    return [a.name for a in prometheus.alerts() if a.state == "firing"]


def _value(prometheus: Prometheus) -> float | None:
    samples = prometheus.query(f'sum({METRIC}{{job="dlq"}})')
    return samples[0].value if samples else None


def _count(depot: Depot, prometheus: Prometheus, found: Alarm, when: str) -> None:
    found.counts[when] = _value(prometheus)
    found.letters[when] = len(depot.history.records["dead_letters"])
