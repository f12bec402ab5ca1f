"""What happens to the learner's programs. Each scenario has topics, group and orders of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from depot import Depot
from history import History
from kafka_lab.services.http_endpoint import Behaviour
from orders import HANG, RESET, mixed, status

if TYPE_CHECKING:
    from kafka_lab.faults.requests import Request
    from kafka_lab.grading.lab import Lab, Role

START = 25.0
"""Seconds for a program to start, join its group and handle its first orders."""
PROMPT = 15.0
"""Seconds that the brief gives for an order's next step, beside the delays."""
LONG = 90_000
"""Milliseconds for which a retry waits in the scenario about waiting: longer than all of it."""
COMMITS = ("OffsetCommit", "TxnOffsetCommit")


def ordinary(lab: Lab, works: Callable[[], None]) -> History:
    """Nothing breaks but the courier. Then SIGTERM, a new start, and some more.

    ``works`` is called once the service has handled its first orders.
    """
    depot = Depot(lab, "ordinary")
    depot.feed(4)  # before the service starts: it has to begin at the earliest record
    service = depot.role("service")
    service.program.start()
    if depot.settle([service], START):
        works()
        orders = mixed(depot.mint)
        chains = [o for o in orders if o.version > 1 or _heads(o, orders)]
        rest = [o for o in orders if o not in chains]
        lab.rng("mix").shuffle(rest)
        third = len(rest) // 3
        depot.send(rest[:third] + chains + rest[third:])
        depot.settle([service], PROMPT)
    depot.stop(service)
    if depot.history.complete and depot.history.stops.get(service.program.name) == 0:
        depot.history.restarted_at = depot.now()
        service.stopping = False
        service.program.exits.clear()
        service.program.start()
        depot.feed(3)
        depot.settle([service], START)
    return depot.finish()


def _heads(order: object, orders: list) -> bool:  # type: ignore[type-arg]
    return any(o.key == order.key and o.version > 1 for o in orders)  # type: ignore[attr-defined]


def connections(lab: Lab) -> History:
    """The courier hangs, cuts connections, and takes its time."""
    depot = Depot(lab, "connections", delays=(200, 300), timeout_ms=1000)
    mint = depot.mint
    service = depot.role("service")
    service.program.start()
    depot.feed(1)
    if depot.settle([service], START):
        depot.send(
            [
                mint.order(HANG, Behaviour()),
                mint.order(HANG, RESET, HANG),
                mint.order(RESET, Behaviour()),
                mint.tombstone(RESET),
                mint.order(Behaviour(latency=0.2)),
                mint.order(),
            ]
        )
        depot.settle([service], PROMPT)
    return depot.finish()


def waiting(lab: Lab) -> History:
    """A retry waits for longer than everything here takes; a second instance joins; SIGTERM."""
    depot = Depot(lab, "waiting", delays=(LONG, LONG))
    history = depot.history
    first, second = depot.role("first"), depot.role("second")
    first.program.start()
    depot.feed(2)
    if depot.settle([first], START):
        slow = depot.mint.order(*status(503, 200))
        depot.send([slow], 0)

        def parked() -> bool:
            depot.look()
            return bool(history.copies(slow, "retry_1"))

        if depot.until([first], parked, PROMPT):
            history.reached.add("parked")
            depot.feed(4, 0)
            if depot.settle([first], PROMPT, [slow]):
                history.reached.add("went on")
                second.program.start()
                shares = lambda: _has_partitions(lab, second)  # noqa: E731
                if depot.until([first, second], shares, START):
                    history.reached.add("shared")
                    depot.feed(3, 0)
                    depot.feed(3, 1)
                    if depot.settle([first, second], PROMPT, [slow]):
                        history.reached.add("went on together")
    depot.stop(first, second)
    return depot.finish()


def _has_partitions(lab: Lab, role: Role) -> bool:
    """Whether it has asked from where to read: the group has given it something."""
    return any(r.api == "OffsetFetch" and r.answered for r in lab.requests(role.principal))


POINTS = [
    ("courier", "before"),
    ("retry_1", "before"),
    ("retry_1", "after"),
    ("dead_letters", "before"),
    ("dead_letters", "after"),
    ("commit", "before"),
]
HALVES = (0, 1)


def crashes(lab: Lab, half: int) -> History:
    """kill -9 at the steps between an order and its commit, and a new start each time."""
    depot = Depot(lab, f"crashes-{half + 1}", delays=(200, 300))
    history = depot.history
    points = list(POINTS)
    lab.rng("crash points").shuffle(points)
    points = points[half :: len(HALVES)]
    service = depot.role("service")
    service.program.start()
    depot.feed(2)
    works = depot.settle([service], START)
    for what, when in points if works else []:
        mint = depot.mint
        batch = [
            mint.order(),
            mint.order(*status(503, 200)),
            mint.order(*status(503)),
            mint.tombstone(*status(422)),
            mint.order(),
        ]
        if what == "courier":
            hit = _kill_at_courier(depot, service)
            depot.send(batch)
            struck = depot.until([service], lambda hit=hit: bool(hit), START)  # type: ignore[misc]
        else:
            trigger = _kill_at(lab, depot, service, what, when)
            depot.send(batch)
            struck = depot.until([service], trigger.hit.is_set, START)
            trigger.cancel()
        if not struck:
            history.missed = what
            break
        service.program.wait(10)
        service.program.exits.clear()
        history.kills.append(f"{when} {what}")
        depot.clear_groups(service, "its process was killed")
        service.program.start()
    else:
        if works:
            depot.feed(2)
            depot.settle([service], START)
    return depot.finish()


def _kill_at_courier(depot: Depot, service: Role) -> list[str]:
    """Kill the service while it asks the courier: it will never know what came of it."""
    hit: list[str] = []

    def act() -> None:
        depot.lab.log.write("fault", fault="kill", program=service.program.name, api="courier")
        hit.append("courier")
        service.program.strike()

    depot.send([depot.mint.order(Behaviour(reset=True, act=act), Behaviour())])
    return hit


def _kill_at(lab: Lab, depot: Depot, service: Role, what: str, when: str):  # type: ignore[no-untyped-def]
    if what == "commit":
        return lab.kill_at(service, COMMITS, 2, when)
    topic = depot.history.topics[what]

    def matches(request: Request) -> bool:
        # Topics may be named by their ids.
        names = (p[0] for p in request.facts.get("partitions", ()))
        return any(lab.topic_ids.get(name, name) == topic for name in names)

    return lab.kill_at(service, "Produce", 1, when, matches)
