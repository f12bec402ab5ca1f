"""What a program put into its transactions, as its own requests tell.

Events are those of one program's principal, in the order in which the cluster accepted them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka_lab.api import Finding
from kafka_lab.oracles.history import Seen, Txn, TxnEvent, TxnOutcome
from kafka_lab.oracles.text import counted, label, report


@dataclass
class _Open:
    """A transaction while its requests are being read."""

    began: float
    ended: float
    topics: dict[str, None]
    groups: dict[str, None]
    written: list[tuple[str, int, int, int]] = field(default_factory=list)
    offsets: list[tuple[str, int, int]] = field(default_factory=list)

    def close(self, transactional_id: str, outcome: TxnOutcome) -> Txn:
        topics, groups = tuple(self.topics), tuple(self.groups)
        return Txn(
            transactional_id,
            topics,
            groups,
            outcome,
            self.began,
            self.ended,
            tuple(self.written),
            tuple(self.offsets),
        )


def split_transactions(events: Sequence[TxnEvent]) -> list[Txn]:
    """The transactions in the order in which they ended, then those still open.

    A transaction begins with the first ``produce`` or ``offsets`` of its transactional id and
    lasts until the next ``end``. An ``init`` of the same id aborts what was open (KIP-98). An
    ``end`` with nothing open is a retry, or an empty transaction, and makes none.
    """
    done: list[Txn] = []
    running: dict[str, _Open] = {}
    for event in events:
        name = event.transactional_id
        if name is None:
            continue
        if event.kind in ("produce", "offsets"):
            txn = running.setdefault(name, _Open(event.time, event.time, {}, {}))
            txn.ended = event.time
            txn.topics.update(dict.fromkeys(event.topics))
            if event.group is not None:
                txn.groups[event.group] = None
            txn.written += event.written
            txn.offsets += event.offsets
        elif name in running and (event.kind == "init" or event.committed is not None):
            txn = running.pop(name)
            txn.ended = event.time
            committed = event.kind == "end" and event.committed
            done.append(txn.close(name, "committed" if committed else "aborted"))
    return [*done, *(txn.close(name, "open") for name, txn in running.items())]


def offsets_inside(
    *, events: Sequence[TxnEvent], group: str, outputs: Collection[str]
) -> list[Finding]:
    """Offsets of ``group`` are committed with the output, and only so.

    ``offsets-outside-transaction`` for a plain OffsetCommit of the group, ``offsets-missing`` for
    a committed transaction with records for one of the topics ``outputs`` and no offsets.
    """
    since = min((e.time for e in events), default=0.0)
    plain = [e for e in events if e.kind == "offset-commit" and e.group == group]
    bare = [
        txn
        for txn in split_transactions(events)
        if txn.outcome == "committed" and group not in txn.groups and _writes(txn, outputs)
    ]
    return [
        *report(
            code="offsets-outside-transaction",
            said=(
                f"{counted(len(plain), 'OffsetCommit request')} for group {group} outside any "
                "transaction"
            ),
            cases=plain,
            tell=lambda e: (_after(e.time, since), {"time": e.time, "principal": e.principal}),
            look=(
                "Expected offsets to be sent with the transaction (sendOffsetsToTransaction). Look "
                "at enable.auto.commit, which must be false, and at calls of commit on the "
                "consumer."
            ),
        ),
        *report(
            code="offsets-missing",
            said=(
                f"{counted(len(bare), 'committed transaction')} with output but no offset of group "
                f"{group}"
            ),
            cases=bare,
            tell=lambda txn: _tell(txn, since),
            look=(
                "Expected the consumed offset in the transaction that holds its output. Look at "
                "sendOffsetsToTransaction: it belongs before every commit, with the consumer's "
                "group."
            ),
        ),
    ]


def offsets_in_step(
    *,
    transactions: Sequence[Txn],
    inputs: Sequence[Seen],
    outputs: Sequence[Seen],
    noun: str = "record",
) -> list[Finding]:
    """No committed transaction lets the group pass an input whose output comes in a later one.

    ``offsets-ahead-in-transaction`` otherwise: whoever dies between the two transactions has lost
    those inputs. ``transactions`` are a program's, in the order in which they ended; ``outputs``
    carry the id of the input that they stand for. Inputs without any output are not judged here,
    and nothing is while it is not known where a transaction's records went.
    """
    place_of = {(s.record.topic, s.record.partition, s.record.offset): s.id for s in outputs}
    pending = {s.id for s in outputs}
    known = {s.id: s.record for s in inputs if s.id in pending}
    committed = [txn for txn in transactions if txn.outcome == "committed"]
    if any(txn.topics and not txn.written for txn in committed):
        return []
    since = min((txn.began for txn in transactions), default=0.0)
    cases: list[tuple[Txn, str, int, str]] = []
    for txn in committed:
        for topic, partition, first, count in txn.written:
            for offset in range(first, first + count):
                pending.discard(place_of.get((topic, partition, offset), ""))
        for topic, partition, following in txn.offsets:
            ahead = sorted(
                (known[name].offset, name)
                for name in pending & known.keys()
                if (known[name].topic, known[name].partition) == (topic, partition)
                and known[name].offset < following
            )
            if ahead:
                cases.append((txn, f"{topic}-{partition}", following, ahead[0][1]))

    def tell(case: tuple[Txn, str, int, str]) -> tuple[str, dict[str, Any]]:
        txn, place, following, name = case
        return (
            f"offset {following} of {place} was committed {_after(txn.ended, since)}, and the "
            f"output of {noun} {label(name)} at {known[name].where} only later"
        ), {"partition": place, "offset": following, "id": label(name), "ended": txn.ended}

    return report(
        code="offsets-ahead-in-transaction",
        said=f"{counted(len(cases), 'transaction')} with offsets ahead of their output",
        cases=cases,
        tell=tell,
        look=(
            "Expected each transaction to take the offset just behind the last input that it, or "
            "one before it, has handled: die between the two, and the rest is lost. Look at which "
            "offsets are sent when one poll becomes several transactions."
        ),
    )


def rejects_apart(
    *, transactions: Sequence[Txn], rejects: str, ledger: Collection[str]
) -> list[Finding]:
    """No committed transaction has both the topic ``rejects`` and one of ``ledger``.

    ``mixed-reject`` otherwise.
    """
    since = min((txn.began for txn in transactions), default=0.0)
    cases = [
        txn
        for txn in transactions
        if txn.outcome == "committed" and rejects in txn.topics and _writes(txn, ledger)
    ]
    return report(
        code="mixed-reject",
        said=f"{counted(len(cases), 'committed transaction')} with {rejects} and other output",
        cases=cases,
        tell=lambda txn: _tell(txn, since),
        look=(
            f"Expected {rejects} in a transaction of its own. Look at whether the transaction in "
            "which the bad input turned up is aborted before the reject is written."
        ),
    )


def steady_transactional_id(
    *, events: Sequence[TxnEvent], prefix: str, starts: Sequence[float] = ()
) -> list[Finding]:
    """Transactional ids begin with ``prefix`` and come back at every start: ``transactional-id``.

    ``starts`` are the times at which the program was started, ascending. A start that used ids of
    which none was ever used by an earlier start is a finding; some new ones beside a known one
    are not, as a program may own one producer per partition and be killed before it made all.
    """
    ids: dict[str, None] = {}
    by_start: dict[int, dict[str, None]] = {}
    for event in events:
        name = event.transactional_id
        if name is not None:
            ids[name] = None
            by_start.setdefault(bisect_right(starts, event.time), {})[name] = None

    cases = [(name, f"does not begin with {prefix}") for name in ids if not name.startswith(prefix)]
    known: set[str] = set()
    for _, used in sorted(by_start.items()):
        if known and known.isdisjoint(used):
            cases += [(name, "is new after a restart") for name in used]
        known.update(used)

    def tell(case: tuple[str, str]) -> tuple[str, dict[str, Any]]:
        name, why = case
        return f"{label(name)} {why}", {"transactional_id": label(name), "why": why}

    return report(
        code="transactional-id",
        said=f"{counted(len(cases), 'wrong transactional.id')}",
        cases=cases,
        tell=tell,
        look=(
            f"Expected {prefix}, with the same suffix or none at every start: only so does the "
            "new instance end what the old one left open. Look at how transactional.id is made."
        ),
    )


def _writes(txn: Txn, topics: Collection[str]) -> bool:
    return any(topic in topics for topic in txn.topics)


def _after(time: float, since: float) -> str:
    return f"{time - since:.3f} s after the first request"


def _tell(txn: Txn, since: float) -> tuple[str, dict[str, Any]]:
    words = f"{label(txn.transactional_id)}, ended {_after(txn.ended, since)}, with records for "
    return words + ", ".join(txn.topics), {
        "transactional_id": label(txn.transactional_id),
        "topics": list(txn.topics),
        "groups": list(txn.groups),
        "began": txn.began,
        "ended": txn.ended,
    }
