"""Judgements over a scenario's history, put together from kafka-lab's oracles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import schemas
from bench import INPUTS, MOST_RESTARTS, History
from kafka_lab.api import Finding, Record
from kafka_lab.oracles import (
    Payload,
    Seen,
    at_least_once,
    header_text,
    read_json,
    same_bytes,
    wrong_fields,
)
from kafka_lab.oracles.text import counted, label, place_of, report
from scans import Item, ident

DUPLICATES = 2
"""Records too many that are allowed where nothing broke: a client may send again on its own."""
MOST_ASKED = 3
"""How often one start of the service may ask the registry the same and be answered."""
Wrong = tuple[Record, str]


def gone(history: History) -> list[Finding]:
    """The service gave up."""
    if len(history.exits) <= MOST_RESTARTS:
        return []
    codes = ", ".join(map(str, sorted(set(history.exits))))
    said = f" Its last words: {history.output}" if history.output.strip() else ""
    return [
        Finding(
            "exits",
            f"The service ended by itself {len(history.exits)} times (exit codes {codes}), "
            f"each time it was started again. It has to run until SIGTERM.{said}",
            {"exits": len(history.exits)},
        )
    ]


def missed(history: History) -> list[Finding]:
    """It never did the thing at which a fault was planned."""
    if not history.missed:
        return []
    return [
        Finding(
            "no-request",
            f"The service made no {history.missed} in time although records were waiting. Look "
            "at whether it asks the registry that SCHEMA_REGISTRY_URL names, writes its output, "
            "and commits its offsets to the group.",
            {"request": history.missed},
        )
    ]


def _items(history: History, *fates: str) -> dict[str, Item]:
    return {i.id: i for i in history.sent if i.fate in fates}


def _seen(records: Sequence[Record]) -> list[Seen]:
    return [Seen(ident(r.key), r) for r in records]


def _of(items: dict[str, Item], seen: Sequence[Seen], history: History) -> list[Seen]:
    """What belongs to these items, or to nothing at all: the rest is another check's business."""
    others = {i.id for i in history.sent} - items.keys()
    return [s for s in seen if s.id not in others]


def _wrong(code: str, said: str, cases: Sequence[Wrong], look: str) -> list[Finding]:
    return report(
        code=code,
        said=f"{counted(len(cases), 'record')} {said}",
        cases=cases,
        tell=lambda case: (f"{case[0].where}: {case[1]}", place_of(case[0])),
        look=look,
    )


def _own_events(history: History) -> tuple[dict[str, Item], list[Seen]]:
    """Valid scans, and the events that the service has made (of them, or of nothing)."""
    scans = _items(history, "event")
    return scans, _of(scans, _seen(history.records["events"]), history)


# -- what it writes ---------------------------------------------------------------------------


def wire(history: History, faults: bool = False) -> list[Finding]:
    """Each scan is one event: magic byte, an id that the registry knows, the datum by it."""
    scans, seen = _own_events(history)
    unframed: list[Wrong] = []
    unknown: list[Wrong] = []
    undecodable: list[Wrong] = []
    decoded: list[Seen] = []
    for item in seen:
        if item.id not in scans:
            continue
        found = schemas.unframe(item.record.value)
        if isinstance(found, str):
            unframed.append((item.record, found))
            continue
        known = history.registered[found.schema_id]
        if not known.schema:
            swapped = history.registered[found.swapped].schema
            why = f"the registry knows no schema {found.schema_id}"
            if swapped:
                why += f" (but {found.swapped}, the same bytes from the other end)"
            unknown.append((item.record, why))
            continue
        fields = schemas.decode(known.schema, found.datum)
        if isinstance(fields, str):
            undecodable.append((item.record, f"schema {found.schema_id}: {fields}"))
        else:
            decoded.append(Seen(item.id, item.record, fields))
    return [
        *at_least_once(
            expected=dict.fromkeys(scans),
            seen=seen,
            topic=history.topics["events"],
            noun="record",
            max_duplicates=None if faults else DUPLICATES,
        ),
        *_wrong(
            "unframed",
            "not in the registry's wire format",
            unframed,
            "Expected a zero byte, the schema's id in four bytes, and then the datum.",
        ),
        *_wrong(
            "unknown-schema",
            "with the id of no schema",
            unknown,
            "Expected the id from the registry's answer, as four bytes, big-endian.",
        ),
        *_wrong(
            "undecodable",
            "that the schema of their id cannot decode",
            undecodable,
            "Look at whether the datum was written by exactly that schema, bare, without a file "
            "header.",
        ),
        *wrong_fields(expected={i.id: i.fields or {} for i in scans.values()}, seen=decoded),
    ]


def subject(history: History) -> list[Finding]:
    """The own schema, under the one subject where it belongs."""
    scans, seen = _own_events(history)
    elsewhere: list[Wrong] = []
    other: list[Wrong] = []
    for item in seen:
        found = schemas.unframe(item.record.value)
        if isinstance(found, str) or item.id not in scans:
            continue
        subjects = history.registered[found.schema_id].subjects
        if history.subject not in subjects:
            named = ", ".join(map(label, subjects)) or "no subject"
            elsewhere.append((item.record, f"schema {found.schema_id} is under {named}"))
        elif found.schema_id != history.own_id:
            other.append((item.record, f"schema {found.schema_id}, expected {history.own_id}"))
    found_wrong = _wrong(
        "wrong-subject",
        f"whose schema is not under {history.subject}",
        elsewhere,
        "Expected topic, hyphen, the record's full name (TopicRecordNameStrategy).",
    ) + _wrong(
        "wrong-schema",
        "with the id of another schema than the service's own",
        other,
        "Expected the id of parcel_scan.avsc as it is, which need not be the latest version.",
    )
    strays = sorted({s for s in _registrations(history) if s != history.subject})
    if strays and not elsewhere:
        found_wrong.append(
            Finding(
                "wrong-subject",
                f"The service registered a schema under {', '.join(map(label, strays[:3]))} too; "
                f"expected {history.subject} only. Registries are shared: leave nothing there "
                "that nobody needs.",
                {"subjects": strays[:10]},
            )
        )
    return found_wrong


def _registrations(history: History) -> list[str]:
    """Subjects under which it asked to register something."""
    found = []
    for call in history.calls:
        parts = call.path.strip("/").split("/")
        if call.method == "POST" and parts[0] == "subjects" and parts[2:] == ["versions"]:
            found.append(unquote(parts[1]))
    return found


def strict(history: History) -> list[Finding]:
    """It may not register: it leaves while its schema is missing, and looks it up once it is
    there."""
    found: list[Finding] = []
    subjects = _registrations(history)
    if subjects:
        found.append(
            Finding(
                "registered",
                f"With REGISTER_SCHEMAS=false the service asked {counted(len(subjects), 'time')} "
                f"to register a schema, under {label(subjects[0])}. Look it up only: "
                "POST /subjects/SUBJECT, without /versions.",
                {"count": len(subjects)},
            )
        )
    code = history.refused_code
    if code is None and not found:
        found.append(
            Finding(
                "no-exit",
                f"{history.subject} had no such schema as the service's, it might not register "
                "one, and scans were waiting; the service went on all the same. Expected an exit "
                "with a non-zero code, so that somebody notices.",
            )
        )
    elif code == 0:
        found.append(
            Finding(
                "exit-code",
                "The service exited with code 0 although its schema was not registered and it "
                "might not register it. Expected a non-zero code, so that somebody notices.",
                {"code": 0},
            )
        )
    return found or [*gone(history), *wire(history), *subject(history)]


# -- what it reads ----------------------------------------------------------------------------


def documents(history: History, faults: bool = False, groups: Sequence[str] = ()) -> list[Finding]:
    """Each event is one JSON record by the own schema; each tombstone a tombstone.

    ``groups``: only items of these.
    """
    items = _items(history, "event", "json", "tombstone")
    items = {i: item for i, item in items.items() if not groups or item.group in groups}
    seen = _of(items, _seen(history.records["json"]), history)
    tombstones = {i for i, item in items.items() if item.fate == "tombstone"}
    found = at_least_once(
        expected=dict.fromkeys(items),
        seen=seen,
        topic=history.topics["json"],
        noun="record",
        max_duplicates=None if faults else DUPLICATES,
    )
    rejected = {s.id for s in _seen(history.records["dead"])} & items.keys()
    if rejected:
        some = "; ".join(f"{label(i)} ({items[i].what})" for i in sorted(rejected)[:3])
        found.append(
            Finding(
                "rejected",
                f"{history.topics['dead']} has {counted(len(rejected), 'record')} that can be "
                f"understood: {some}. Look at the reason that your service gave there.",
                {"count": len(rejected)},
            )
        )
    parsed = read_json(
        records=[s.record for s in seen if s.id in items and s.id not in tombstones],
        id_field="parcel",
    )
    # By the record's key: what stands in the JSON is what is judged.
    read = [Seen(ident(s.record.key), s.record, s.fields) for s in parsed.seen]
    return [
        *found,
        *parsed.findings,
        *wrong_fields(expected={i: items[i].fields or {} for i in items}, seen=read),
        *same_bytes(
            expected={i: Payload(items[i].key, None) for i in tombstones},
            seen=[s for s in seen if s.id in tombstones],
        ),
    ]


def unreadable(history: History) -> list[Finding]:
    """What cannot be understood is in the dead topic and nowhere else, with its bytes untouched;
    and the service went on."""
    items = _items(history, "dead")
    if not items:
        return gone(history) or [_stuck()]
    seen = _of(items, _seen(history.records["dead"]), history)
    accepted = [
        (s.record, items[s.id].what)
        for kind in ("json", "events")
        for s in _seen(history.records[kind])
        if s.id in items and not (kind == "events" and items[s.id].topic == "events")
    ]
    found = gone(history)
    if history.exits and not found:
        found.append(
            Finding(
                "exits",
                f"The service ended by itself {counted(len(history.exits), 'time')} while records "
                "came that cannot be understood. Such a record is no reason to end: write it to "
                f"the dead topic and go on. Its last words: {history.output}",
                {"exits": len(history.exits)},
            )
        )
    found += _wrong(
        "accepted",
        "made of what cannot be understood",
        accepted,
        f"Expected them in {history.topics['dead']} only.",
    )
    found += at_least_once(
        expected=dict.fromkeys(items),
        seen=seen,
        topic=history.topics["dead"],
        noun="dead record",
        max_duplicates=None if history.exits else DUPLICATES,
    )
    ours = [s for s in seen if s.id in items]
    found += same_bytes(expected={i.id: Payload(i.key, i.value) for i in items.values()}, seen=ours)
    found += header_text(records=[s.record for s in ours], name="reason")
    lost = [f for f in documents(history, faults=True) if f.code == "lost"]
    return found + lost


def _stuck() -> Finding:
    return Finding(
        "stuck",
        "The service never got as far as these records: an earlier one has no outcome. See the "
        "other checks first.",
    )


def every_writer(history: History) -> list[Finding]:
    """Events of writers that the service has never met."""
    if not any(item.group == "writers" for item in history.sent):
        return gone(history) or [_stuck()]
    return gone(history) + documents(history)


# -- the registry -----------------------------------------------------------------------------


def asked(history: History) -> list[Finding]:
    """The same is asked once, and a no is an answer."""
    most = MOST_ASKED * history.starts
    unknown = Counter(item.schema_id for item in history.sent if item.schema_id >= 0)
    answered: Counter[tuple[str, str]] = Counter()
    refused: Counter[tuple[str, str]] = Counter()
    for call in history.calls:
        if 200 <= call.status < 300:
            answered[call.method, call.path] += 1
        elif 400 <= call.status < 500 and "/ids/" in call.path:
            refused[call.method, call.path] += 1

    def allowed(path: str) -> int:
        number = path.rstrip("/").rsplit("/", 1)[1]
        records = unknown[int(number)] if number.isdigit() else 1
        return most * max(records, 1)

    cases: list[tuple[str, int, str]] = [
        (f"{method} {path}", n, "answered each time")
        for (method, path), n in sorted(answered.items())
        if n > most
    ]
    cases += [
        (f"{method} {path}", n, "refused each time")
        for (method, path), n in sorted(refused.items())
        if n > allowed(path)
    ]

    def tell(case: tuple[str, int, str]) -> tuple[str, dict[str, Any]]:
        what, n, how = case
        return f"{label(what)} {n:,} times, {how}", {"request": label(what), "times": n}

    return report(
        code="asked-too-often",
        said=f"The service asked the registry {counted(len(cases), 'thing')} over and over",
        cases=cases,
        tell=tell,
        look=(
            f"Expected the same request at most {MOST_ASKED} times in one start. An id's schema "
            "never changes: keep it. And 404 is an answer, which more requests do not change."
        ),
    )


def trouble(history: History) -> list[Finding]:
    """No answer is no outcome: everything comes out right once the registry answers."""
    found = gone(history) + [
        f for f in documents(history, faults=True) if f.code != "too-many-duplicates"
    ]
    found = found or missed(history)
    if not found and "away" not in history.hits:
        found = [_stuck()]
    return found


def nothing_lost(history: History) -> list[Finding]:
    """At least once, after a kill."""
    found = gone(history) + missed(history)
    found += [f for f in wire(history, faults=True) if f.code == "lost"]
    return found + documents(history, faults=True)


def stopped(history: History) -> list[Finding]:
    """SIGTERM: exit code 0 in time, everything committed."""
    if not history.stopped:
        return gone(history) or [
            Finding("exits", "The service had ended before it was told to. It runs until SIGTERM.")
        ]
    code = history.stop_code
    if code is None:
        return [
            Finding(
                "no-stop",
                "The service was still running 10 seconds after SIGTERM. Look at whether its loop "
                "checks a flag that the signal handler sets, and at calls that block.",
            )
        ]
    if code != 0:
        meaning = f"was ended by signal {-code}" if code < 0 else f"exited with code {code}"
        return [
            Finding(
                "exit-code",
                f"After SIGTERM the service {meaning}; expected exit code 0. Catch the signal, "
                "leave the loop, close the clients, then end normally.",
                {"code": code},
            )
        ]
    return _uncommitted(history)


def _uncommitted(history: History) -> list[Finding]:
    ends: dict[tuple[str, int], int] = {}
    for kind in INPUTS:
        for record in history.records[kind]:
            at = (record.topic, record.partition)
            ends[at] = max(ends.get(at, 0), record.offset + 1)
    behind = {at: n for at, n in ends.items() if history.committed.get(at, 0) < n}
    if not behind:
        return []
    some = "; ".join(
        f"{topic}-{partition}: {history.committed.get((topic, partition), 'nothing')}, "
        f"expected {end}"
        for (topic, partition), end in sorted(behind.items())[:3]
    )
    return [
        Finding(
            "offsets-behind",
            f"After SIGTERM the group's committed offset lies before records that were handled: "
            f"{some}. The next start would handle them again. Commit the offset of the *next* "
            "record (last handled + 1), also at the end.",
            {"partitions": len(behind)},
        )
    ]
