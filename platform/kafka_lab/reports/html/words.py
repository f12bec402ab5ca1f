"""What faults, requests and records are called in the picture and in its table."""

from __future__ import annotations

from kafka_lab.reports.html.model import Asked, Fault, Life, Run, Story, Txn

_PLAIN = {
    "broker-kill": "kill -9 of {broker}",
    "broker-stop": "{broker} is stopped",
    "broker-start": "{broker} is back",
    "broker-pause": "{broker} is frozen",
    "broker-resume": "{broker} goes on",
    "log-dir-offline": "a disk of {broker} fails",
    "refuse": "{broker} out of reach",
    "accept": "{broker} within reach",
    "cut": "connections cut",
    "link": "link to {broker} changes",
    "deny": "{resource}: right taken away",
    "allow": "{resource}: right given back",
}
STATES = {
    "plain": "outside any transaction",
    "committed": "committed",
    "aborted": "aborted: no reader sees it",
    "open": "its transaction has not ended",
}


def fault(found: Fault) -> str:
    """In a few words."""
    if found.kind in _PLAIN:
        return _PLAIN[found.kind].format(broker=found.broker, resource=found.resource)
    at = f" {found.when} {found.api}" if found.api else ""
    if found.kind == "kill":
        return f"kill -9{at}"
    if found.kind == "pause":
        return f"frozen{at}"
    if found.kind == "hold":
        what = f"answer to {found.api}" if found.when == "after" else found.api
        return f"{what} held back"
    return f"{found.kind}{at}"


def release(found: Fault) -> str:
    """How a hold ended."""
    what = f"answer to {found.api}" if found.when == "after" else found.api
    return f"{what} lost, its connection closed" if found.dropped else f"{what} let go"


def request(asked: Asked) -> str:
    """A request, with how it ended."""
    said = asked.api
    if asked.api == "EndTxn":
        said += " (commit)" if asked.facts.get("committed") else " (abort)"
    if asked.answered is None:
        return f"{said}: no answer"
    return f"{said}: error {asked.error}" if asked.error else said


def run(found: Run, story: Story) -> str:
    """Some records, who wrote them, what became of them."""
    who = story.roles.get(found.principal, "") or "past the relay"
    where = f"{found.topic}-{found.partition}@{found.first}"
    if found.count > 1:
        where += f"…{found.last} ({found.count:,} records)"
    said = f"{where}, written by {who}"
    if found.principal == "":
        said = f"{where}, read back (not written through the relay, or the answer never came)"
    if found.state != "plain":
        said += f"; {STATES[found.state]}"
    content = story.shown.get((found.topic, found.partition, found.first))
    if content is not None and found.count == 1:
        key, value = ("null" if part is None else part for part in content)
        said += f"\nkey {key}\nvalue {value}"
    return said


def life(found: Life) -> str:
    """A process, from start to end."""
    said = f"{found.program}, started at {found.start:.3f} s"
    if found.end is None:
        return said
    return f"{said}, {ending(found)} at {found.end:.3f} s"


def ending(found: Life) -> str:
    """How a process ended."""
    if found.code is None:
        return "still running"
    if found.code < 0:
        by = " by the harness" if found.killed else ""
        return f"ended by signal {-found.code}{by}"
    return f"exit code {found.code}"


def txn(found: Txn) -> str:
    """A transaction, from begin to end."""
    took = "" if found.ended is None else f", {(found.ended - found.began) * 1000:.0f} ms"
    return f"transaction of {found.id}: {found.outcome}{took}"
