"""What happens to the learner's service. Each scenario has topics and a group of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import schemas
from bench import Bench, History
from kafka_lab.services.http_endpoint import Behaviour
from scans import unreadable

if TYPE_CHECKING:
    from kafka_lab.grading.lab import Lab
    from kafka_lab.services.http_endpoint import Received

START = 25.0
"""Seconds for a program to start, join its group and handle its first records."""
PROMPT = 15.0
"""Seconds that the brief gives for a record's outcome."""
TROUBLED = 20.0
"""The same while the registry does not answer at first."""
ERROR = b'{"error_code":50003,"message":"a fault of the lab"}'
AWAY = Behaviour(503, ERROR, headers=(("Content-Type", "application/vnd.schemaregistry.v1+json"),))


def make_noise(lab: Lab) -> None:
    """Schemas of others, so that ids begin with no number that could be guessed."""
    from desk import Desk

    desk = Desk(lab.service("registry").addresses()["url"])
    subject = f"noise-{lab.name('noise')}-value"
    desk.free(subject)
    for number in range(lab.rng("noise").randrange(3, 12)):
        desk.register(subject, schemas.noise(number))


def ordinary(lab: Lab, works: Callable[[], None]) -> History:
    """Nothing breaks, and nobody else writes; then SIGTERM.

    ``works`` is called once the service has handled its first records.
    """
    bench = Bench(lab, "ordinary")
    # Before the service starts: it has to begin at the earliest record.
    bench.feed(5)
    bench.revive()
    if bench.settle(START):
        works()
        mint = bench.mint
        bench.send([mint.scan() for _ in range(10)])
        bench.send([mint.scan(note=...), mint.scan(handler=...), mint.scan(grams=3_000_000_000)])
        if bench.settle(PROMPT):
            bench.feed(1)  # one alone, with nothing behind it
            bench.settle(PROMPT)
    return bench.finish()


def writers(lab: Lab) -> History:
    """Events by schemas that the service has never met, many of each."""
    bench = Bench(lab, "writers")
    bench.feed(1)
    bench.revive()
    if bench.settle(START):
        bench.desk.free(bench.subject)
        kinds = {
            "an event of an old release": schemas.FIRST,
            "an event of a later release": schemas.NEXT,
            "an event of another team": schemas.TWISTED,
        }
        mint, items = bench.mint, [bench.mint.tombstone("writers") for _ in range(2)]
        for what, schema in kinds.items():
            number = bench.desk.register(bench.subject, schema)
            items += [mint.event(number, schema, "writers", what) for _ in range(8)]
            if schema is schemas.NEXT:
                items.append(mint.event(number, schema, "writers", what, status="DAMAGED"))
        own = bench.desk.register(bench.subject, schemas.OWN)
        items += [mint.event(own, schemas.OWN, "writers") for _ in range(4)]
        bench.rng.shuffle(items)
        bench.send(items)
        bench.settle(PROMPT)
    return bench.finish()


def dead(lab: Lab) -> History:
    """What cannot be understood, between good records."""
    bench = Bench(lab, "dead")
    bench.feed(1)
    bench.revive()
    if bench.settle(START):
        bench.desk.free(bench.subject)
        other = f"{bench.topics['events']}-logistics.DepotClosed"
        ids = {
            "own": bench.desk.register(bench.subject, schemas.OWN),
            "double": bench.desk.register(bench.subject, schemas.GRAMS_AS_DOUBLE),
            "no-time": bench.desk.register(bench.subject, schemas.NO_TIME),
            "closed": bench.desk.register(other, schemas.CLOSED),
            "json": bench.desk.register(
                f"{bench.topics['events']}-json", schemas.JSON_SCHEMA, "JSON"
            ),
        }
        # Far above what the registry has given out, and none of them another one's mirror image.
        unknown = [bench.rng.randrange(1 << 24, 1 << 30) | 1 << 24 for _ in range(3)]
        items = unreadable(bench.mint, ids, unknown) + bench.mint.bad_scans()
        for _ in range(8):
            items.append(bench.mint.scan())
            items.append(bench.mint.event(ids["own"], schemas.OWN))
        bench.rng.shuffle(items)
        bench.send(items)
        if bench.settle(PROMPT):
            bench.feed(1)
            bench.settle(PROMPT)
    return bench.finish()


def strict(lab: Lab) -> History:
    """It may not register anything: at first its schema is not there, then it is."""
    bench = Bench(lab, "strict", register=False)
    desk = bench.desk
    desk.free(bench.subject)
    desk.register(bench.subject, schemas.FIRST)
    bench.feed(4)
    program = bench.role.program
    program.start()

    def written() -> bool:
        bench.reader.refresh()
        return bool(bench.reader.visible(bench.topics["events"]))

    # Once it has written an event nobody need wait any longer: it did not leave.
    bench.lab.wait(lambda: not program.running() or written(), START)
    if not program.running():
        bench.history.refused_code = program.exits[-1]
        # Written differently, and not the latest: a look-up finds it all the same.
        desk.register(bench.subject, schemas.OWN, indent=True)
        desk.register(bench.subject, schemas.LATER)
        bench.restart("its process has exited")
        if bench.settle(START):
            bench.feed(2)
            bench.settle(PROMPT)
    return bench.finish()


def trouble(lab: Lab) -> History:
    """The registry answers 503, cuts the line, says nothing; and once it is away for longer."""
    bench = Bench(lab, "trouble")
    at_start = bench.gateway.fail([AWAY], lambda r: r.path.startswith("/subjects/"))
    bench.feed(2)
    bench.revive()
    well = bench.settle(START)
    if not at_start.done.is_set():
        bench.history.missed = "request for its schema's id"
    if not well or bench.history.missed:
        return bench.finish()
    bench.history.hits.append("no id at the start")
    bench.desk.free(bench.subject)
    number = bench.desk.register(bench.subject, schemas.NEXT)

    def asks(request: Received) -> bool:
        return request.path.split("?")[0].rstrip("/").endswith(f"/ids/{number}")

    new = bench.gateway.fail([AWAY, Behaviour(reset=True), Behaviour(hang=True)], asks)
    bench.send([bench.mint.event(number, schemas.NEXT, "new", "an event of a new writer")])
    if bench.settle(TROUBLED):
        if not new.done.is_set():
            bench.history.missed = f"three requests for the new schema {number}"
            return bench.finish()
        bench.history.hits.append("a new id without an answer")
        bench.feed(1)  # should it have been started again: it asks for its own id once more
        if not bench.settle(PROMPT):
            return bench.finish()
        # Everything that it needs now it has been told already.
        bench.gateway.fail([AWAY], stays=True)
        bench.feed(4)
        bench.send(
            [bench.mint.event(number, schemas.NEXT, "known", "of a known writer") for _ in range(4)]
        )
        bench.settle(PROMPT)
        bench.history.hits.append("away")
    return bench.finish()


def crashes(lab: Lab) -> History:
    """kill -9 before a write of output and before a commit, and a restart each time."""
    bench = Bench(lab, "crashes")
    rng = lab.rng("crashes")
    points = [("Produce", "before"), ("OffsetCommit", "before")]
    rng.shuffle(points)
    bench.feed(3)
    for api, when in points:
        trigger = lab.kill_at(bench.role, api, rng.randrange(2, 5), when)
        bench.revive()
        hit = bench.until(trigger.hit.is_set, START, depth=4)
        trigger.cancel()
        if not hit:
            bench.history.missed = f"{api} request"
            break
        bench.history.hits.append(f"{when} {api}")
        bench.restart()
    else:
        bench.feed(1)
        bench.settle(START)
    return bench.finish()
