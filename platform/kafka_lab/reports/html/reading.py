"""From the lines of ``events.jsonl`` to a ``Story``. What is not understood is passed over.

The file is the harness's, but topics, client ids and values in it are a program's: any text at all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any

from kafka_lab.reports.html.model import Asked, Commit, Fault, Lane, Life, Run, Story, Txn

_IN_TXN = frozenset({"Produce", "AddPartitionsToTxn", "AddOffsetsToTxn", "TxnOffsetCommit"})
_FACTS = ("transactional_id", "partitions", "offsets", "group", "committed", "records")


def read(events: Iterable[dict[str, Any]]) -> Story:
    """The story that these events tell."""
    return _Reader().read(events)


class _Reader:
    def __init__(self) -> None:
        self.story = Story()
        self.names: dict[str, str] = {}
        self.pending: dict[tuple[str, int, int], Asked] = {}
        self.living: dict[str, Life] = {}
        self.held: dict[tuple[str, int, int], Fault] = {}
        self.running: dict[str, Txn] = {}
        self.ranges: dict[Lane, list[tuple[float, list[int]]]] = {}
        self.markers: dict[Lane, dict[int, list[tuple[int, int]]]] = {}
        self.by_txn: list[tuple[Run, Txn]] = []

    def read(self, events: Iterable[dict[str, Any]]) -> Story:
        handlers: dict[str, Callable[[float, dict[str, Any]], None]] = {
            "cluster": self._cluster,
            "topics": self._topics,
            "role": self._role,
            "request": self._request,
            "response": self._response,
            "fault": self._fault,
            "release": self._release,
            "read": self._read,
        }
        for event in events:
            try:
                t, kind = float(event["t"]), str(event["kind"])
                self.story.end = max(self.story.end, t)
                if kind == "attempt":
                    self.story.attempt = event
                elif kind == "note":
                    self.story.notes.append((t, str(event["text"])))
                elif kind.startswith("program-"):
                    self._program(t, kind.removeprefix("program-"), event)
                elif kind in handlers:
                    handlers[kind](t, event)
            except (KeyError, TypeError, ValueError, IndexError):
                continue  # of a newer schema, or damaged: the rest still tells something
        self._put_together()
        return self.story

    # -- one event ------------------------------------------------------------------------

    def _in(self, event: dict[str, Any], name: str) -> str:
        """A topic's name, marked with its cluster where that is not the exercise's own."""
        name = self.names.get(name, name)
        cluster = event.get("cluster")
        return f"{cluster}/{name}" if cluster else name

    def _cluster(self, t: float, event: dict[str, Any]) -> None:
        other = event.get("name", "")
        self.story.brokers += [_broker(n, other) for n in event["brokers"]]

    def _topics(self, t: float, event: dict[str, Any]) -> None:
        self.names |= {str(k): str(v) for k, v in event["ids"].items()}
        named = {self._in(event, str(k)): int(v) for k, v in event["topics"].items()}
        self.story.topics |= named
        self.story.families.append(list(named))

    def _role(self, t: float, event: dict[str, Any]) -> None:
        self.story.roles[str(event["principal"])] = str(event["program"])

    def _program(self, t: float, what: str, event: dict[str, Any]) -> None:
        program = str(event["program"])
        if what == "start":
            life = self.living[program] = Life(program, t)
            self.story.lives.append(life)
            return
        known = self.living.get(program)
        if known is None:
            return
        if what == "exit":
            known.end, known.code = t, int(event["code"])
            for pause in known.pauses:
                if len(pause) == 1:
                    pause.append(t)
        elif what == "kill":
            known.killed = True
        elif what == "pause" and not (known.pauses and len(known.pauses[-1]) == 1):
            known.pauses.append([t])
        elif what == "resume" and known.pauses and len(known.pauses[-1]) == 1:
            known.pauses[-1].append(t)

    def _request(self, t: float, event: dict[str, Any]) -> None:
        facts = {k: event[k] for k in _FACTS if event.get(k) is not None}
        for key in ("partitions", "offsets"):
            if key in facts:
                facts[key] = [[self._in(event, str(p[0])), *p[1:]] for p in facts[key]]
        asked = Asked(
            t,
            str(event["api"]),
            str(event["principal"]),
            int(event["broker"]),
            int(event["connection"]),
            int(event["correlation"]),
            facts,
        )
        self.story.asked.append(asked)
        self.pending[_key(event)] = asked
        name = facts.get("transactional_id")
        if name is not None and asked.api in _IN_TXN:
            txn = self.running.get(name)
            if txn is None:
                txn = self.running[name] = Txn(str(name), asked.principal, t)
                self.story.txns.append(txn)
            txn.lanes.update((p[0], int(p[1])) for p in facts.get("partitions", ()))

    def _response(self, t: float, event: dict[str, Any]) -> None:
        asked = self.pending.pop(_key(event), None)
        if asked is None:
            return
        asked.answered, asked.error = t, event.get("error")
        name = asked.facts.get("transactional_id")
        txn = self.running.get(name) if name is not None else None
        if asked.api == "Produce":
            self._produced(t, asked, event, txn)
        elif asked.api in ("OffsetCommit", "TxnOffsetCommit") and not asked.error:
            for topic, partition, offset in asked.facts.get("offsets", ()):
                group = str(asked.facts.get("group", ""))
                inside = asked.api == "TxnOffsetCommit"
                self.story.commits.append(
                    Commit(t, topic, partition, offset, group, asked.principal, inside)
                )
        elif asked.error == 0 and txn is not None and asked.api in ("EndTxn", "InitProducerId"):
            # A new InitProducerId aborts what was left open (KIP-98).
            committed = asked.api == "EndTxn" and bool(asked.facts.get("committed"))
            txn.ended, txn.outcome = t, "committed" if committed else "aborted"
            del self.running[txn.id]

    def _produced(self, t: float, asked: Asked, event: dict[str, Any], txn: Txn | None) -> None:
        parts = asked.facts.get("partitions", ())
        counts = {
            (p[0], p[1]): n for p, n in zip(parts, asked.facts.get("records", ()), strict=False)
        }
        for raw, partition, base in event.get("base_offsets", ()):
            lane = (self._in(event, str(raw)), int(partition))
            if base < 0 or not counts.get(lane):
                continue
            run = Run(*lane, base, base + counts[lane] - 1, t, asked.principal)
            run.transactional = txn is not None
            if txn is not None:
                self.by_txn.append((run, txn))
            self.story.runs.setdefault(lane, []).append(run)

    def _fault(self, t: float, event: dict[str, Any]) -> None:
        fault = Fault(t, str(event["fault"]))
        for name in ("program", "principal", "api", "when", "resource"):
            setattr(fault, name, str(event.get(name, "")))
        if "broker" in event:
            fault.broker = _broker(event["broker"], str(event.get("cluster", "")))
        self.story.faults.append(fault)
        if fault.kind in ("hold", "pause") and "correlation" in event:
            self.held[_key(event)] = fault

    def _release(self, t: float, event: dict[str, Any]) -> None:
        fault = self.held.pop(_key(event), None)
        if fault is not None:
            fault.until, fault.dropped = t, bool(event.get("dropped"))

    def _read(self, t: float, event: dict[str, Any]) -> None:
        lane = (self._in(event, str(event["topic"])), int(event["partition"]))
        self.ranges.setdefault(lane, []).extend((t, list(r)) for r in event["ranges"])
        for offset, producer, committed in event["markers"]:
            ends = self.markers.setdefault(lane, {}).setdefault(producer, [])
            ends.append((offset, committed))
        for offset, key, value in event["shown"]:
            self.story.shown[(*lane, offset)] = (key, value)

    # -- the end --------------------------------------------------------------------------

    def _put_together(self) -> None:
        outcomes = {id(run): txn.outcome for run, txn in self.by_txn}
        for lane, ranges in self.ranges.items():
            runs = sorted(self.story.runs.get(lane, ()), key=lambda r: r.first)
            self.story.runs[lane] = sorted(
                [*runs, *_unseen(lane, runs, ranges)], key=lambda r: (r.first, r.t)
            )
        for lane, runs in self.story.runs.items():
            ends = {p: sorted(found) for p, found in self.markers.get(lane, {}).items()}
            producers = _producers(self.ranges.get(lane, []))
            for run in runs:
                if run.producer < 0:
                    run.producer = producers(run.first)
                if run.transactional:
                    found = ends.get(run.producer, [])
                    at = bisect_right(found, (run.last, 2))
                    if at < len(found):
                        run.state = "committed" if found[at][1] else "aborted"
                    else:
                        run.state = outcomes.get(id(run), "open")
        # The log knows better than an answer that never came.
        for run, txn in self.by_txn:
            if run.state == "committed":
                txn.outcome = "committed"


def _broker(number: Any, cluster: str) -> str:
    return f"{cluster}/broker {number}" if cluster else f"broker {number}"


def _key(event: dict[str, Any]) -> tuple[str, int, int]:
    """What a request, its answer and the faults at it have in common."""
    return str(event.get("cluster", "")), int(event["connection"]), int(event["correlation"])


def _producers(ranges: list[tuple[float, list[int]]]) -> Callable[[int], int]:
    """Offset to producer id, from what was read."""
    known = sorted((r[0], r[3]) for _, r in ranges)

    def of(offset: int) -> int:
        at = bisect_right(known, (offset, 1 << 62)) - 1
        return known[at][1] if at >= 0 else -1

    return of


def _unseen(lane: Lane, runs: list[Run], ranges: list[tuple[float, list[int]]]) -> list[Run]:
    """Of what was read, the records that no answer told of; each once."""
    taken = [(run.first, run.last) for run in runs]
    found: list[Run] = []
    next_free = 0
    at = 0
    for t, (first, last, _, producer, _, transactional) in sorted(ranges, key=lambda r: r[1][0]):
        first = max(first, next_free)
        while first <= last:
            while at < len(taken) and taken[at][1] < first:
                at += 1
            until = last
            if at < len(taken) and taken[at][0] <= last:
                if taken[at][0] <= first:
                    first = taken[at][1] + 1
                    continue
                until = taken[at][0] - 1
            run = Run(*lane, first, until, t, "", producer, bool(transactional))
            found.append(run)
            first = until + 1
        next_free = max(next_free, last + 1)
    return found
