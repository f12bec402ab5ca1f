"""Judgements over dead letters: what was kept, and what is written on them."""

from __future__ import annotations

from history import History
from kafka_lab.api import Finding, Record
from kafka_lab.oracles import Payload, Seen, same_bytes
from kafka_lab.oracles.text import counted, place_of, report, show_bytes
from orders import Order

NAMES = ("dlq-topic", "dlq-partition", "dlq-offset", "dlq-error", "dlq-attempts")


def letters(history: History) -> list[tuple[Order, Record]]:
    """Each dead letter with the order that it is, or once was."""
    found = []
    for record in history.records.get("dead_letters", ()):
        order = _order(history, record)
        if order is not None:
            found.append((order, record))
    return found


def _order(history: History, record: Record) -> Order | None:
    by_bytes = [o for o in history.orders if (o.key, o.value) == (record.key, record.value)]
    by_key = [o for o in history.orders if o.key is not None and o.key == record.key]
    by_value = [o for o in history.orders if record.value and o.value == record.value]
    by_place = [o for o in history.orders if o.place == _place(record)]
    return next(iter(by_bytes or by_key or by_value or by_place), None)


def _place(record: Record) -> str:
    texts = [_last(record, name) for name in NAMES[:3]]
    return "/".join("" if t is None else t.decode("utf-8", "replace") for t in texts)


def _last(record: Record, name: str) -> bytes | None:
    values = [value for key, value in record.headers if key == name]
    return values[-1] if values else None


def kept(history: History) -> list[Finding]:
    """Key, value, headers and timestamp of a letter are the order's."""
    pairs = letters(history)
    expected = {o.id: Payload(o.key, o.value, o.headers) for o, _ in pairs}
    found = same_bytes(expected=expected, seen=[Seen(o.id, r) for o, r in pairs])
    moved = [(o, r) for o, r in pairs if r.timestamp != o.timestamp]
    return found + report(
        code="wrong-timestamp",
        said=f"{counted(len(moved), 'dead letter')} without the order's timestamp",
        cases=moved,
        tell=lambda case: (
            f"{case[0].id} at {case[1].where}: expected {case[0].timestamp}, seen "
            f"{case[1].timestamp}",
            {"id": case[0].id, **place_of(case[1])},
        ),
        look=(
            "Expected the timestamp with which the order was written, after retries too: pass it "
            "on with each write."
        ),
    )


def marked(history: History, slack: int = 0) -> list[Finding]:
    """The five headers, exactly: ``wrong-header``. ``slack``: how far attempts may be off."""
    cases: list[tuple[Order, Record, str]] = []
    for order, record in letters(history):
        wanted = {
            "dlq-topic": order.topic,
            "dlq-partition": str(order.partition),
            "dlq-offset": str(order.offset),
            "dlq-error": order.error(),
            "dlq-attempts": str(order.attempts()),
        }
        for name, text in wanted.items():
            values = [value for key, value in record.headers if key == name]
            if len(values) != 1:
                cases.append((order, record, f"{name} is there {counted(len(values), 'time')}"))
            elif values[0] != text.encode() and not _near(name, text, values[0], slack):
                seen = show_bytes(values[0])
                cases.append((order, record, f"{name} should be {text!r}, seen {seen}"))
    return report(
        code="wrong-header",
        said=f"{counted(len(cases), 'header')} of dead letters not as the brief has them",
        cases=cases,
        tell=lambda case: (
            f"{case[0].id} at {case[1].where}: {case[2]}",
            {"id": case[0].id, **place_of(case[1])},
        ),
        look=(
            "Expected where the order stood in the orders topic, not in a retry topic, what the "
            "last attempt failed of, and how often the courier was asked. Look at what travels "
            "along in the retry topics' headers."
        ),
    )


def _near(name: str, wanted: str, seen: bytes | None, slack: int) -> bool:
    if not slack or name != "dlq-attempts" or seen is None or not seen.isdigit() or len(seen) > 4:
        return False
    return abs(int(seen) - int(wanted)) <= slack
