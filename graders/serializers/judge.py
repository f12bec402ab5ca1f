"""Judgements over a scenario's history, put together from kafka-lab's oracles."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import codec
from bench import INPUTS, MOST_RESTARTS, History
from kafka_lab.api import Finding, Record
from kafka_lab.oracles import Payload, Seen, at_least_once, header_text, same_bytes
from kafka_lab.oracles.text import counted, label, place_of, report, show_bytes
from orders import Item, ident

DUPLICATES = 2
"""Records too many that are allowed where nothing broke: a client may send again on its own."""
Wrong = tuple[Record, str]


def gone(history: History) -> list[Finding]:
    """The service gave up, or never did the thing at which a fault was planned."""
    if len(history.exits) > MOST_RESTARTS:
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
    if history.missed:
        return [
            Finding(
                "no-request",
                f"The service made no {history.missed} request in time although records were "
                "waiting. Look at whether it writes its output, and commits its offsets to the "
                "group.",
                {"api": history.missed},
            )
        ]
    return []


def _items(history: History, group: str | None, *fates: str) -> list[Item]:
    return [i for i in history.sent if i.fate in fates and group in (None, i.group)]


def _seen(records: Sequence[Record]) -> list[Seen]:
    return [Seen(ident(r.key, r.value), r) for r in records]


def _unsent(history: History, group: str) -> list[Finding]:
    if any(item.group == group for item in history.sent):
        return []
    return [
        Finding(
            "stuck",
            "The service never got as far as these records: an earlier one has no outcome. See "
            "the other checks first.",
        )
    ]


def events(history: History, group: str | None = None, faults: bool = False) -> list[Finding]:
    """Each command has its event, and it decodes to the order in the encoding asked for."""
    commands = {i.id: i for i in _items(history, group, "event")}
    mine = {i.id for i in history.sent if i.topic == "events"}
    every = {i.id for i in history.sent if i.fate == "event"}
    seen = [s for s in _seen(history.records["events"]) if s.id not in mine]
    # What belongs to another group is another check's business.
    seen = [s for s in seen if s.id in commands or s.id not in every]
    undecodable: list[Wrong] = []
    different: list[Wrong] = []
    for item in (s for s in seen if s.id in commands):
        command = commands[item.id]
        order = codec.decode(item.record.value, command.content_type)
        if isinstance(order, str):
            undecodable.append((item.record, f"asked for as {command.content_type}: {order}"))
        elif order != command.order:
            different.append((item.record, _difference(command.order, order)))
    return [
        *at_least_once(
            expected=dict.fromkeys(commands),
            seen=seen,
            topic=history.topics["events"],
            noun="event",
            max_duplicates=None if faults else DUPLICATES,
        ),
        *_wrong(
            "undecodable",
            "that cannot be decoded",
            undecodable,
            "Look at the layout of the encoding in the brief, byte by byte.",
        ),
        *_wrong(
            "wrong-field",
            "with another content than its command",
            different,
            "Look at how the field is taken from the command and written.",
        ),
    ]


def _difference(wanted: codec.Order | None, got: codec.Order) -> str:
    assert wanted is not None
    parts = [
        f"{name} should be {_shown(value)}, seen {_shown(getattr(got, name))}"
        for name, value in vars(wanted).items()
        if value != getattr(got, name)
    ]
    return f"{label(wanted.order_id)}: {'; '.join(parts)}"


def _shown(value: object) -> str:
    return label(value) if isinstance(value, str) and value else repr(value)


def _wrong(code: str, said: str, cases: Sequence[Wrong], look: str) -> list[Finding]:
    return report(
        code=code,
        said=f"{counted(len(cases), 'record')} {said}",
        cases=cases,
        tell=lambda case: (f"{case[0].where}: {case[1]}", place_of(case[0])),
        look=look,
    )


def event_headers(history: History, group: str | None = None) -> list[Finding]:
    """The four headers of each event, each exactly once."""
    commands = {i.id: i for i in _items(history, group, "event")}
    wrong: list[Wrong] = []
    for item in _seen(history.records["events"]):
        command = commands.get(item.id)
        if command is None:
            continue
        sent = [value for name, value in command.headers if name == "trace-id"]
        trace = sent[-1] if sent else None
        rules: dict[str, tuple[str, Callable[[bytes | None], bool]]] = {
            "content-type": (
                command.content_type,
                lambda v, c=command: v == c.content_type.encode(),  # type: ignore[misc]
            ),
            "schema-version": ("1", lambda v: v == b"1"),
            "trace-id": (
                f"{show_bytes(trace)}, the last one of the command" if trace else "a new text",
                lambda v, t=trace: v == t if t else bool(v),  # type: ignore[misc]
            ),
            "produced-at": (
                "the milliseconds since 1970 UTC at which it was made, in decimal digits",
                lambda v: _between(v, history.began - 5000, history.ended + 5000),
            ),
        }
        for name, (words, right) in rules.items():
            values = [value for key, value in item.record.headers if key == name]
            if len(values) != 1:
                wrong.append((item.record, f"{name} is there {counted(len(values), 'time')}"))
            elif not right(values[0]):
                wrong.append((item.record, f"{name} is {show_bytes(values[0])}, expected {words}"))
    return _wrong(
        "wrong-header",
        "whose headers are not as the brief says",
        wrong,
        "Look at the headers given when the event is produced.",
    )


def _between(value: bytes | None, low: float, high: float) -> bool:
    digits = value is not None and value.isdigit() and len(value) < 20
    return bool(digits) and low <= int(value or b"") <= high


def documents(history: History, group: str | None = None, faults: bool = False) -> list[Finding]:
    """Each event is one canonical JSON record, byte for byte; each tombstone a tombstone."""
    items = _items(history, group, "event", "json", "tombstone")
    every = {i.id for i in history.sent}
    wanted = {i.id: i for i in items}
    seen = [s for s in _seen(history.records["json"]) if s.id in wanted or s.id not in every]
    expected = {
        i.id: Payload(i.key, None if i.order is None else codec.canonical(i.order)) for i in items
    }
    found = at_least_once(
        expected=dict.fromkeys(wanted),
        seen=seen,
        topic=history.topics["json"],
        noun="event",
        max_duplicates=None if faults else DUPLICATES,
    )
    dead = {s.id for s in _seen(history.records["dead"])} & wanted.keys()
    if dead:
        some = "; ".join(f"{label(i)} ({wanted[i].what})" for i in sorted(dead)[:3])
        found.append(
            Finding(
                "rejected",
                f"{history.topics['dead']} has {counted(len(dead), 'record')} that can be "
                f"understood: {some}. Look at the reason that your service gave there.",
                {"count": len(dead)},
            )
        )
    return found + same_bytes(expected=expected, seen=seen)


def rare(history: History, group: str) -> list[Finding]:
    """Everything about one group of rare records."""
    return (
        _unsent(history, group)
        + events(history, group)
        + documents(history, group)
        + dead(history, group)
    )


def kept_headers(history: History, group: str | None = None) -> list[Finding]:
    """JSON records keep all headers of their event, and say that they are JSON."""
    items = {i.id: i for i in _items(history, group, "json", "tombstone")}
    own = {i.id: i for i in _items(history, group, "event")}
    events = {s.id: s.record for s in _seen(history.records["events"]) if s.id in own}
    wrong: list[Wrong] = []
    for seen in _seen(history.records["json"]):
        if seen.id in items:
            source, tombstone = items[seen.id].headers, items[seen.id].fate == "tombstone"
        elif seen.id in events:
            source, tombstone = events[seen.id].headers, False
        else:
            continue
        wanted = [h for h in source if tombstone or h[0] != "content-type"]
        got = [h for h in seen.record.headers if tombstone or h[0] != "content-type"]
        if got != wanted:
            wrong.append((seen.record, f"expected {_tell(wanted)}, seen {_tell(got)}"))
        types = [v for name, v in seen.record.headers if name == "content-type"]
        if not tombstone and types != [b"application/json"]:
            shown = ", ".join(map(show_bytes, types)) or "none"
            wrong.append((seen.record, f"content-type should be application/json, seen {shown}"))
    return _wrong(
        "headers-lost",
        "whose headers are not those of its event",
        wrong,
        "Headers are a list: a name may occur twice, a value may be null, the order counts.",
    )


def _tell(headers: Sequence[tuple[str, bytes | None]]) -> str:
    return "[" + ", ".join(f"{label(n)}: {show_bytes(v)}" for n, v in headers) + "]"


def dead(history: History, group: str | None = None) -> list[Finding]:
    """Each poison record is in the dead topic and nowhere else, with its bytes untouched."""
    items = {i.id: i for i in _items(history, group, "dead")}
    if not items:
        return []
    every = {i.id for i in history.sent} - items.keys()
    seen = [s for s in _seen(history.records["dead"]) if s.id not in every]
    accepted = [
        (s.record, items[s.id].what)
        for kind in ("json", "events")
        for s in _seen(history.records[kind])
        if s.id in items and not (kind == "events" and items[s.id].topic == "events")
    ]
    found = _wrong(
        "accepted",
        "made of what cannot be understood",
        accepted,
        f"Expected them in {history.topics['dead']} only. Look at what the decoder lets pass.",
    )
    found += at_least_once(
        expected=dict.fromkeys(items),
        seen=seen,
        topic=history.topics["dead"],
        noun="poison record",
        max_duplicates=DUPLICATES,
    )
    ours = [s for s in seen if s.id in items]
    found += same_bytes(expected={i.id: Payload(i.key, i.value) for i in items.values()}, seen=ours)
    lost: list[Wrong] = []
    for s in ours:
        wanted = list(items[s.id].headers)
        got = list(s.record.headers[: len(wanted)])
        if got != wanted:
            lost.append((s.record, f"expected {_tell(wanted)} first, seen {_tell(got)}"))
    found += _wrong(
        "headers-lost",
        "whose headers are not those of the poison record",
        lost,
        "Headers are a list: keep it as it is and append the reason.",
    )
    return found + _own_reason(
        [s.record for s in ours if s.record not in [r for r, _ in lost]], items
    )


def _own_reason(records: Sequence[Record], items: dict[str, Item]) -> list[Finding]:
    added = [
        Record(
            r.topic,
            r.partition,
            r.offset,
            r.key,
            r.value,
            r.headers[len(items[ident(r.key, r.value)].headers) :],
        )
        for r in records
    ]
    return header_text(records=added, name="reason")


def carried_on(history: History) -> list[Finding]:
    """Poison has neither ended the service nor kept a good record from being handled."""
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
    lost = [f for f in documents(history, faults=True) if f.code == "lost"]
    return found + lost


def nothing_lost(history: History) -> list[Finding]:
    """At least once, after a fault."""
    return (
        gone(history)
        + [f for f in events(history, faults=True) if f.code == "lost"]
        + documents(history, faults=True)
    )


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
