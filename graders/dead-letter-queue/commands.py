"""The commands: the grader fills a dead letter queue itself, then has it inspected and put back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from depot import Depot
from history import PARTITIONS, History
from kafka_lab.api import Record
from orders import Order, status
from scenarios import PROMPT, START

if TYPE_CHECKING:
    from kafka_lab.faults.requests import Request
    from kafka_lab.grading.lab import Lab, Role

TOOL = 20.0
"""Seconds that the brief gives a command."""
CLOSED = 5.0
"""Seconds for the markers of what a command has committed."""
_LINE = 4096
"""Characters of a line of output that are looked at."""


@dataclass
class Letter:
    """A dead letter that the grader wrote, or that came back, and what it says."""

    order: Order
    error: str
    attempts: int

    def headers(self) -> tuple[tuple[str, bytes | None], ...]:
        order = self.order
        texts = {
            "dlq-topic": order.topic,
            "dlq-partition": str(order.partition),
            "dlq-offset": str(order.offset),
            "dlq-error": self.error,
            "dlq-attempts": str(self.attempts),
        }
        return (*order.headers, *((name, text.encode()) for name, text in texts.items()))

    def line(self, reprocessed: bool) -> dict[str, Any]:
        """As the command has to print it."""
        order = self.order
        return {
            "key": None if order.key is None else order.key.decode(),
            "error": self.error,
            "attempts": self.attempts,
            "topic": order.topic,
            "partition": order.partition,
            "offset": order.offset,
            "reprocessed": reprocessed,
        }


@dataclass
class Run:
    """One run of a command: its exit code (none: it did not end in time) and what it printed."""

    name: str
    code: int | None
    lines: list[dict[str, Any]]
    tail: str


@dataclass
class Desk:
    """What the scenario saw."""

    history: History
    letters: list[Letter]
    selected: list[Letter] = field(default_factory=list)
    """Those put back by their error, of which one fails once more."""
    by_key: Letter | None = None
    again: Letter | None = None
    """The one of ``selected`` that fails once more."""
    runs: dict[str, Run] = field(default_factory=dict)
    put_back: dict[str, list[Record]] = field(default_factory=dict)
    """After a run: what a read_committed reader saw in the first retry topic."""
    kills: list[str] = field(default_factory=list)
    worked: bool = False
    """The service handled what had been put back."""
    new_letter: bool = False


def tools(lab: Lab) -> Desk:
    """Inspect; put back by error, killed in the middle, and again; by key; inspect; once more."""
    depot = Depot(lab, "tools", delays=(200, 300))
    history, mint = depot.history, depot.mint
    chosen = [
        Letter(mint.order(*status(422, 200)), "http-422", 1),
        Letter(mint.binary(), "http-422", 1),
        Letter(mint.tombstone(), "http-422", 2),
    ]
    by_key = Letter(mint.order(), "http-503", 3)
    others = [
        Letter(mint.order(), "http-503", 3),
        Letter(mint.tombstone(), "timeout", 3),
        Letter(mint.keyless(), "no-key", 0),
        Letter(mint.order(), "http-4221", 1),
    ]
    letters = [*chosen, by_key, *others]
    lab.rng("letters").shuffle(letters)
    desk = Desk(history, letters, chosen, by_key, chosen[0])
    # The orders themselves are no longer in their topic: letters outlive its retention.
    for number, letter in enumerate(letters):
        order = letter.order
        order.topic, order.partition = history.topics["orders"], number % PARTITIONS["orders"]
        order.offset = 1_000_000 + 7 * number
        if len(order.plan) > 1 and order.key is not None:
            depot.courier.script(f"/{depot.tag}/shipments/{order.key.decode()}", order.plan)
        depot.produce(_as_letter(letter), "dead_letters")
    depot.flush()
    history.orders = [letter.order for letter in letters]
    service = depot.role("service")
    _run(depot, desk, service, "inspect", "inspect")
    if desk.runs["inspect"].code is None:
        depot.finish()
        return desk
    for kind in ("retry_1", "reprocessed"):
        _killed_run(depot, desk, service, kind)
        if desk.runs[f"reprocess-until-{kind}"].code is None:
            depot.finish()
            return desk
    _run(depot, desk, service, "reprocess-again", "reprocess", SELECT_ERROR="http-422")
    key = (by_key.order.key or b"").decode()
    service.program.start()
    _run(depot, desk, service, "reprocess-key", "reprocess", SELECT_KEY=key)
    back = [letter.order for letter in (*chosen, by_key)]

    def worked() -> bool:
        depot.look()
        asked = all(history.calls_of(o) for o in back)
        return asked and len(history.copies(chosen[0].order, "dead_letters")) > 1

    desk.worked = depot.until([service], worked, START)
    if desk.worked:
        _run(depot, desk, service, "inspect-selection", "inspect", SELECT_ERROR="http-422")
        # Of this error there is now one letter that was not put back: the new one.
        _run(depot, desk, service, "reprocess-once-more", "reprocess", SELECT_ERROR="http-422")

        def there() -> bool:
            depot.look()
            return len(history.calls_of(chosen[0].order)) > 1

        desk.new_letter = depot.until([service], there, PROMPT)
    depot.finish()
    return desk


def _as_letter(letter: Letter) -> Order:
    order = letter.order
    return Order(order.key, order.value, headers=letter.headers(), timestamp=order.timestamp)


def _run(depot: Depot, desk: Desk, service: Role, name: str, mode: str, **selection: str) -> None:
    role = depot.role(name, mode, service, **selection)
    role.stopping = True  # a command ends by itself
    role.program.start()
    _ended(depot, desk, name, role.program)


def _ended(depot: Depot, desk: Desk, name: str, program: Any) -> None:
    code = program.wait(depot.lab.seconds(TOOL))
    program.kill()
    tail = program.tail(8)
    desk.runs[name] = Run(name, code, _lines(program.output_path), tail)
    if code == 0:
        depot.lab.wait(depot.closed, CLOSED, 0.05)
    depot.look()
    desk.put_back[name] = list(depot.history.records["retry_1"])


def _killed_run(depot: Depot, desk: Desk, service: Role, kind: str) -> None:
    """Killed at its first record for a topic, which the cluster does not get.

    At the first order: whoever notes first has lost it. At the first note: what was put back before
    it will be put back again.
    """
    lab, topic, name = depot.lab, depot.history.topics[kind], f"reprocess-until-{kind}"
    role = depot.role(name, "reprocess", service, SELECT_ERROR="http-422")
    role.stopping = True

    def matches(request: Request) -> bool:
        places = request.facts.get("partitions", ())
        return any(lab.topic_ids.get(p[0], p[0]) == topic for p in places)

    trigger = lab.kill_at(role, "Produce", 1, "before", matches)
    role.program.start()
    _ended(depot, desk, name, role.program)
    if trigger.hit.is_set():
        desk.kills.append(kind)
    trigger.cancel()


def _lines(path: Any) -> list[dict[str, Any]]:
    """The JSON objects among the lines that a command printed; everything else is its own."""
    found = []
    text = path.read_bytes().decode("utf-8", "replace") if path.exists() else ""
    for line in text.splitlines():
        if not line.lstrip().startswith("{") or len(line) > _LINE:
            continue
        try:
            raw = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(raw, dict):
            found.append(raw)
    return found
