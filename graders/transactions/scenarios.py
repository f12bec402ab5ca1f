"""What happens to the learner's service. Each scenario has topics, group and ids of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from bank import Bank, History
from transfers import BROKEN

Go = Callable[[], object]
"""Returns when a scenario may start its service; what it needs is made before."""

if TYPE_CHECKING:
    from kafka_lab.faults.requests import Request
    from kafka_lab.grading.lab import Lab, Role

START = 25.0
"""Seconds for a program to start, join its group and handle its first transfers."""
PROMPT = 15.0
"""Seconds that the brief gives for a transfer's outcome."""
TOPIC_AUTHORIZATION_FAILED = 29
FREED = 5.0
"""Seconds that a restarted service has for its predecessor's transaction after its own first."""
LIVENESS = 15.0
"""Seconds of standing still after the cluster came back, then the supervisor steps in."""
STALL = 3.0
"""Seconds for which the answer to a commit is withheld."""
ZOMBIE = 30.0
"""Seconds that the brief gives to a fenced instance to exit."""


def _commits(request: Request) -> bool:
    return bool(request.facts.get("committed", True))


def ordinary(lab: Lab, works: Callable[[], None]) -> History:
    """Nothing breaks: good and bad transfers, some of them in transactions, then SIGTERM.

    ``works`` is called once the service has handled its first transfers.
    """
    bank = Bank(lab, "ordinary")
    bank.feed(4)  # before the service starts: it has to begin at the earliest record
    service = bank.service("service")
    service.program.start()
    if bank.settle([service], START):
        works()
        mint, rng = bank.mint, lab.rng("mix")
        kinds = list(range(len(BROKEN)))
        rng.shuffle(kinds)
        third = len(kinds) // 3
        first = kinds[:third]
        for part in (first, kinds[third : 2 * third], kinds[2 * third :]):
            mixed = [mint.invalid(k) for k in part] + [mint.valid() for _ in range(4)]
            rng.shuffle(mixed)
            if part is first:
                bank.send(mixed)
            else:  # they become readable at one stroke, so that one poll brings several
                bank.send_in_transaction(mixed, commit=True)
            bank.send_in_transaction([mint.valid() for _ in range(2)], commit=False)
            bank.send_in_transaction([mint.valid()], commit=True)
            if not bank.settle([service], PROMPT):
                break
        else:
            bank.feed(1)  # one alone, with nothing behind it
            bank.settle([service], PROMPT)
    bank.stop(service)
    return bank.finish()


POINTS = [
    ("Produce", "before"),
    ("Produce", "after"),
    ("TxnOffsetCommit", "before"),
    ("TxnOffsetCommit", "after"),
    ("EndTxn", "before"),
    ("EndTxn", "after"),
]


THIRDS = (0, 1, 2)


def crashes(lab: Lab, third: int, go: Go) -> History:
    """kill -9 before and after each step of a transaction, and a restart each time.

    In three parts, each with a bank of its own, so that they can run side by side.
    """
    points = list(POINTS)
    lab.rng("crash points").shuffle(points)
    points = points[third :: len(THIRDS)]
    bank = Bank(lab, f"crashes-{third + 1}", go)
    rng = lab.rng("crashes", str(third))
    service = bank.service("service")
    bank.feed(6)
    for number, (api, when) in enumerate(points):
        nth = rng.randrange(2, 5)
        matches = _commits if api == "EndTxn" else (lambda r: True)
        trigger = lab.kill_at(service, api, nth, when, matches)
        bank.revive(service)
        hit = bank.until([service], trigger.hit.is_set, START, depth=4)
        trigger.cancel()
        if not hit:
            bank.history.missed = api
            break
        service.program.wait(10)
        service.program.exits.clear()
        bank.history.hits.append(f"{when} {api}")
        bank.history.open_hits += _was_open(lab, service)
        bank.clear_group(service, "its process was killed")
        service.program.start()
        # Readers get past the dead instance's transaction as soon as the new one begins work.
        stuck = {e.record.producer_epoch: e for e in _open_entries(bank)}
        if stuck and not _freed(bank, service, stuck):
            bank.history.hanging = True
            break
        if number == len(points) - 1:
            bank.feed(3)
    else:
        bank.settle([service], START)
    bank.stop(service)
    return bank.finish()


def _was_open(lab: Lab, service: Role) -> bool:
    """Whether the last answered request of this principal left a transaction open."""
    for request in reversed(lab.requests(service.principal)):
        if not request.answered:
            continue
        if request.api == "EndTxn" or request.api == "InitProducerId":
            return False
        if request.api in ("Produce", "TxnOffsetCommit", "AddOffsetsToTxn", "AddPartitionsToTxn"):
            return request.error in (0, None)
    return False


def _freed(bank: Bank, service: Role, stuck: dict) -> bool:  # type: ignore[type-arg]
    """Whether the dead instance's transaction ends once the new one works.

    Not left to the deadline alone: the cluster ends a transaction on its own after the timeout
    that the client chose (60 s, or 40 s in franz-go), and that is not the service's doing.
    """
    earlier = len(bank.lab.requests(service.principal))
    state = {"freed": False, "worked": 0.0}

    def decided() -> bool:
        state["freed"] = not _still_open(bank, stuck)
        if state["freed"]:
            return True
        now = time.monotonic()
        if not state["worked"]:
            new = bank.lab.requests(service.principal)[earlier:]
            if any(r.api == "EndTxn" and r.answered and not r.error for r in new):
                state["worked"] = now
        return bool(state["worked"]) and now - state["worked"] > bank.lab.seconds(FREED)

    bank.until([service], decided, START, depth=2)
    return bool(state["freed"])


def _open_entries(bank: Bank) -> list:  # type: ignore[type-arg]
    bank.reader.refresh()
    kinds = ("debits", "credits", "rejects")
    return [
        entry
        for kind in kinds
        for log in bank.reader.topic(bank.topics[kind])
        for entries in log.open.values()
        for entry in entries
    ]


def _still_open(bank: Bank, stuck: dict) -> bool:  # type: ignore[type-arg]
    now = {id(e) for e in _open_entries(bank)}
    return any(id(e) in now for e in stuck.values())


def zombie(lab: Lab, go: Go) -> History:
    """SIGSTOP inside an open transaction, a second instance takes over, SIGCONT."""
    bank = Bank(lab, "zombie", go)
    first, second = bank.service("first"), bank.service("second")
    bank.feed(4)
    bank.revive(first)
    if bank.settle([first], START):
        paused, hold = lab.pause_at(first, "EndTxn", 1, "before", _commits)
        if bank.until([first], paused.hit.is_set, PROMPT, depth=4):
            first.stopping = True
            # A hanging member loses its partitions after its session timeout.
            bank.clear_group(first, "it hangs for longer than its session timeout")
            bank.feed(4)
            second.program.start()
            taken_over = bank.settle([second], START if not lab.job.neutral else START + 60)
            hold.release()
            first.program.resume()
            if taken_over:
                bank.feed(2)
                bank.history.zombie_woken = True
                bank.until([second], lambda: not first.program.running(), ZOMBIE)
                bank.history.zombie_exit = first.program.exit_code
                # One that lives on may keep partitions from the second: nothing to wait for then.
                bank.settle([second], PROMPT if bank.history.zombie_exit is not None else 1)
        else:
            hold.release()
            bank.history.missed = "EndTxn"
    bank.stop(second)
    return bank.finish()


def failed_send(lab: Lab, go: Go) -> History:
    """For a moment the service may not write credits: its transaction has to be aborted."""
    from kafka_lab.clusters.admin import Acl

    bank = Bank(lab, "failed-send", go)
    service = bank.service("service")
    bank.feed(3)
    bank.revive(service)
    if bank.settle([service], START):
        right = Acl(service.principal, "TOPIC", bank.topics["credits"], "WRITE")
        lab.excuse(service.principal, "WRITE", f"Topic:{bank.topics['credits']}")
        refused = lab.at(
            service,
            ("Produce", "AddPartitionsToTxn"),  # clients before KIP-890 are refused earlier
            1,
            "after",
            lambda r: None,
            lambda r: r.error == TOPIC_AUTHORIZATION_FAILED,
        )
        lab.admin().disallow([right])
        lab.log.write("fault", fault="deny", resource=bank.topics["credits"])
        hit = bank.until([service], refused.hit.is_set, PROMPT, depth=3)
        lab.admin().allow([right])
        lab.log.write("fault", fault="allow", resource=bank.topics["credits"])
        if hit:
            bank.history.hits.append("Produce refused")
            bank.feed(2)
            bank.settle([service], START)
        else:
            bank.history.missed = "Produce"
    bank.stop(service)
    return bank.finish()


def stalled_commit(lab: Lab, go: Go) -> History:
    """The cluster commits, but its answer is late and then lost."""
    bank = Bank(lab, "stalled", go)
    service = bank.service("service")
    bank.feed(3)
    bank.revive(service)
    if bank.settle([service], START):
        held, hold = lab.hold_at(service, "EndTxn", 1, "after", _commits)
        if bank.until([service], held.hit.is_set, PROMPT, depth=3):
            bank.history.hits.append("answer to EndTxn withheld")
            bank.feed(2)
            end = time.monotonic() + STALL
            bank.until([service], lambda: time.monotonic() > end, STALL + 5)
            hold.release(drop=True)
            bank.settle([service], START)
        else:
            hold.release()
            bank.history.missed = "EndTxn"
    bank.stop(service)
    return bank.finish()


def broker_restart(lab: Lab, alone: Callable[[], None], go: Go) -> History:
    """The broker is killed when it is asked to commit, and comes back.

    ``alone`` returns when nobody else needs the broker any more.
    """
    bank = Bank(lab, "restart", go)
    service = bank.service("service")
    bank.feed(3)
    bank.revive(service)
    works = bank.settle([service], START)
    alone()
    if works:
        held, hold = lab.hold_at(service, "EndTxn", 1, "before", _commits)
        if bank.until([service], held.hit.is_set, PROMPT, depth=3):
            lab.restart_broker(1)
            bank.reconnect()
            hold.release(drop=True)
            bank.history.hits.append("broker killed at EndTxn")
            bank.feed(4)
            if not bank.settle([service], LIVENESS) and service.program.running():
                # librdkafka forgets a coordinator that goes away and may then wait for it for
                # ever, whatever timeout the program gives (its issues 5511 and 5456). No program
                # can help that, so the harness does what a liveness probe would.
                lab.note("killed restart-service, which stood still after the broker's restart")
                service.program.kill()
                service.program.exits.clear()
                bank.clear_group(service, "its process was killed")
                service.program.start()
                bank.settle([service], START)
        else:
            hold.release()
            bank.history.missed = "EndTxn"
    bank.stop(service)
    return bank.finish()
