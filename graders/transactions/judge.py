"""Judgements over a scenario's history, put together from kafka-lab's oracles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bank import MOST_RESTARTS, History
from kafka_lab.api import Finding, Record
from kafka_lab.oracles import (
    PartitionEnd,
    Payload,
    Seen,
    TxnEvent,
    all_transactional,
    exactly_once,
    header_text,
    no_hanging_transaction,
    offsets_in_step,
    offsets_inside,
    offsets_match,
    paired,
    read_json,
    rejects_apart,
    same_bytes,
    split_transactions,
    steady_transactional_id,
    wrong_fields,
)
from kafka_lab.oracles.text import place_of

if TYPE_CHECKING:
    from kafka_lab.faults.requests import Request


def _ledger(history: History, kind: str) -> tuple[list[Seen], list[Finding]]:
    parsed = read_json(records=history.visible[kind], id_field="transfer_id")
    return list(parsed.seen), list(parsed.findings)


def _expected(history: History) -> dict[str, Record | None]:
    by_value = {(r.key, r.value): r for r in history.inputs}
    return {t.id: by_value.get((t.key, t.value)) for t in history.sent if t.valid}


def gone(history: History) -> list[Finding]:
    """The service gave up, or never did the thing at which a fault was planned."""
    found = []
    if len(history.exits) > MOST_RESTARTS:
        codes = sorted({code for _, code in history.exits})
        said = f" Its last words: {history.output}" if history.output.strip() else ""
        found.append(
            Finding(
                "exits",
                f"The service ended by itself {len(history.exits)} times (exit codes "
                f"{', '.join(map(str, codes))}), each time it was started again. It has to run "
                f"until SIGTERM.{said}",
                {"exits": len(history.exits), "codes": codes, "program": history.exits[-1][0]},
            )
        )
    elif history.missed:
        found.append(
            Finding(
                "no-request",
                f"The service made no {history.missed} request in time although transfers were "
                "waiting. Look at whether it reads on after its last transaction, and whether it "
                f"uses {_CALLS.get(history.missed, 'the producer')}.",
                {"api": history.missed},
            )
        )
    return found


_CALLS = {
    "TxnOffsetCommit": "sendOffsetsToTransaction (send_offsets_to_transaction)",
    "EndTxn": "commitTransaction (commit_transaction)",
    "Produce": "the transactional producer to write",
}


def delivered(history: History, aborted: bool = False) -> list[Finding]:
    """Every valid transfer once in both topics, none of another, and the pairs agree."""
    expected = _expected(history)
    never = {t.id: None for t in history.aborted} if aborted else {}
    found = []
    sides: dict[str, list[Seen]] = {}
    for kind in ("debits", "credits"):
        seen, problems = _ledger(history, kind)
        # Invalid and aborted transfers that were booked have checks of their own.
        others = {t.id for t in history.sent if not t.valid}
        others |= set() if aborted else {t.id for t in history.aborted}
        sides[kind] = [s for s in seen if s.id not in others]
        found += problems
        found += exactly_once(
            expected=expected,
            seen=sides[kind],
            topic=history.topics[kind],
            noun="transfer",
            aborted=never,
        )
    found += paired(
        left=sides["debits"],
        right=sides["credits"],
        left_topic=history.topics["debits"],
        right_topic=history.topics["credits"],
        same=("amount",),
        noun="transfer",
    )
    return _merged(found)


def _merged(findings: Sequence[Finding]) -> list[Finding]:
    """One finding per code and message, in order."""
    return list({(f.code, f.message): f for f in findings}.values())


def ledger_content(history: History) -> list[Finding]:
    """Fields and keys of debits and credits."""
    found: list[Finding] = []
    for kind in ("debits", "credits"):
        seen, _ = _ledger(history, kind)
        fields: Mapping[str, Mapping[str, object]] = {
            t.id: (t.debit() if kind == "debits" else t.credit()) for t in history.sent if t.valid
        }
        keys = {
            t.id: Payload(key=(t.source if kind == "debits" else t.target).encode())
            for t in history.sent
            if t.valid
        }
        found += wrong_fields(expected=fields, seen=seen)
        found += same_bytes(expected=keys, seen=seen)
    return found


def _rejects(history: History) -> list[Seen]:
    """The rejects, each under the name of the transfer that it is, or once was."""
    invalid = [t for t in history.sent if not t.valid]
    by_bytes = {(t.key, t.value): t.id for t in invalid}
    by_value = {t.value: t.id for t in invalid if t.value}
    by_key = {t.key: t.id for t in invalid if not t.value}
    return [
        Seen(
            by_bytes.get((record.key, record.value))
            or by_value.get(record.value)
            or by_key.get(record.key)
            or f"key {record.key!r}",
            record,
        )
        for record in history.visible["rejects"]
    ]


def rejected(history: History) -> list[Finding]:
    """Every invalid transfer once in the rejects, unchanged, with a reason."""
    records = history.visible["rejects"]
    invalid = [t for t in history.sent if not t.valid]
    seen = _rejects(history)
    inputs = {(r.key, r.value): r for r in history.inputs}
    found = exactly_once(
        expected={t.id: inputs.get((t.key, t.value)) for t in invalid},
        seen=seen,
        topic=history.topics["rejects"],
        noun="invalid transfer",
    )
    found += same_bytes(
        expected={t.id: Payload(key=t.key, value=t.value) for t in invalid}, seen=seen
    )
    if records:
        found += header_text(records=records, name="reason")
    names = {t.id for t in invalid}
    for kind in ("debits", "credits"):
        booked = [s for s in _ledger(history, kind)[0] if s.id in names]
        if booked:
            found.append(
                Finding(
                    "invalid-booked",
                    f"{history.topics[kind]} holds {len(booked)} invalid transfers, such as "
                    f"{booked[0].id} at {booked[0].record.where}. Expected none of them there; "
                    "look at the brief's table of what makes a transfer valid.",
                    {
                        "count": len(booked),
                        "cases": [
                            {"id": s.id, "expected": "a reject", "seen": kind, **place_of(s.record)}
                            for s in booked[:20]
                        ],
                    },
                )
            )
    return found


def aborted_inputs(history: History) -> list[Finding]:
    """No output of a transfer whose own transaction was aborted."""
    found = delivered(history, aborted=True)
    return [f for f in found if f.code == "aborted-read"]


def _inputs(history: History) -> list[Seen]:
    names = {(t.key, t.value): t.id for t in history.sent}
    return [Seen(names.get((r.key, r.value), r.where), r) for r in history.inputs]


def offsets(history: History) -> list[Finding]:
    """The committed offsets lie just behind what was handled."""
    done = {s.id for s in _ledger(history, "debits")[0]}
    done |= {s.id for s in _rejects(history)}
    return offsets_match(
        group=history.group,
        inputs=_inputs(history),
        committed=history.committed,
        handled=done,
        noun="transfer",
    )


_KINDS = {
    "InitProducerId": "init",
    "Produce": "produce",
    "TxnOffsetCommit": "offsets",
    "OffsetCommit": "offset-commit",
    "EndTxn": "end",
}


def transaction_events(history: History) -> list[TxnEvent]:
    """The accepted requests of the service that belong to transactions."""
    events = []
    for request in history.requests:
        kind = _KINDS.get(request.api)
        if kind is None or request.error not in (0, None) or not request.answered:
            continue
        facts = request.facts
        events.append(
            TxnEvent(
                kind=kind,  # type: ignore[arg-type]
                transactional_id=facts.get("transactional_id"),
                topics=tuple(dict.fromkeys(p[0] for p in facts.get("partitions", ()))),
                group=facts.get("group"),
                committed=facts.get("committed"),
                time=request.time,
                principal=request.principal,
                written=_written(request),
                offsets=tuple((t, p, o) for t, p, o in facts.get("offsets", ())),
            )
        )
    return events


def _written(request: Request) -> tuple[tuple[str, int, int, int], ...]:
    """Where a Produce put its records; nothing where the answer does not tell."""
    firsts = {(t, p): offset for t, p, offset in request.answer.get("base_offsets", ())}
    sizes = zip(request.facts.get("partitions", ()), request.facts.get("records", ()), strict=False)
    places = [(t, p, firsts.get((t, p), -1), count) for (t, p), count in sizes]
    return tuple(places) if all(place[2] >= 0 for place in places) else ()


def in_transactions(history: History) -> list[Finding]:
    """Debit, credit and offset go together; rejects stand apart; one stable id."""
    events = transaction_events(history)
    ledger = [history.topics["debits"], history.topics["credits"]]
    outputs = [*ledger, history.topics["rejects"]]
    records = [e.record for kind in ("debits", "credits", "rejects") for e in history.entries[kind]]
    transactions = split_transactions(events)
    found = all_transactional(records=records)
    found += offsets_inside(events=events, group=history.group, outputs=outputs)
    found += rejects_apart(
        transactions=transactions, rejects=history.topics["rejects"], ledger=ledger
    )
    outcomes = [s for kind in ("debits", "credits") for s in _ledger(history, kind)[0]]
    found += offsets_in_step(
        transactions=transactions,
        inputs=_inputs(history),
        outputs=[*outcomes, *_rejects(history)],
        noun="transfer",
    )
    found += steady_transactional_id(events=events, prefix=history.transactional_id)
    half = [
        t
        for t in transactions
        if t.outcome == "committed" and len(set(t.topics) & set(ledger)) == 1
    ]
    if half:
        found.append(
            Finding(
                "half-transaction",
                f"{len(half)} committed transactions hold records for only one of "
                f"{' and '.join(ledger)}, the first for {', '.join(half[0].topics)}. A debit and "
                "its credit belong into the same transaction.",
                {"count": len(half)},
            )
        )
    return found


def hanging(history: History) -> list[Finding]:
    """No reader is left waiting for a transaction that nobody ends."""
    if not history.hanging:
        return []
    ends = [PartitionEnd(*end) for end in history.ends if end[0] != history.topics["transfers"]]
    records = [e.record for kind in ("debits", "credits", "rejects") for e in history.entries[kind]]
    found = no_hanging_transaction(ends=ends, records=records)
    return found or [
        Finding(
            "hanging-transaction",
            "After a kill -9 and a restart, readers waited too long for the dead instance's open "
            "transaction to end. Only initTransactions with the same transactional.id ends it at "
            "once; with a new id at each start it hangs until its timeout.",
        )
    ]


def after_faults(history: History) -> list[Finding]:
    """What must hold after any fault: exactly once, rejects too, offsets in step."""
    found = gone(history)
    found += delivered(history)
    found += rejected(history)
    if not found:
        found += offsets(history)
    return found


def after_a_crash(history: History) -> list[Finding]:
    """As ``after_faults``; where a hanging transaction stopped the scenario, that is the reason."""
    return hanging(history) or after_faults(history)


def zombie(history: History) -> list[Finding]:
    """The replaced instance left no trace, and ended with a non-zero code."""
    found = after_faults(history)
    if not history.zombie_woken:
        return found
    if history.zombie_exit is None:
        alive = Finding(
            "zombie-alive",
            "The first instance was still running 30 seconds after it was told that it is "
            "fenced. A fatal error cannot be handled by aborting or by trying again: the "
            "process has to end with a non-zero exit code.",
        )
        # It may hold partitions of the group, whose transfers then wait: a consequence.
        return [
            alive,
            *(f for f in found if f.code not in ("lost", "offsets-ahead", "offsets-behind")),
        ]
    if history.zombie_exit == 0:
        found.append(
            Finding(
                "zombie-exit-zero",
                "The fenced instance exited with code 0, as if all were well; expected a "
                "non-zero code, so that a supervisor notices.",
            )
        )
    return found
