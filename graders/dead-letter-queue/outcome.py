"""Judgements over what the commands printed and put back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from commands import TOOL, Desk, Letter, Run
from history import History
from kafka_lab.api import Finding, Record
from kafka_lab.oracles import Payload, Seen, same_bytes
from kafka_lab.oracles.text import counted, place_of, report, show_json
from orders import Order

FIELDS = ("key", "error", "attempts", "topic", "partition", "offset", "reprocessed")


def ended(run: Run, mode: str) -> list[Finding]:
    """A command ends by itself, in time, with code 0."""
    if run.code == 0:
        return []
    said = f" Its last words: {run.tail}" if run.tail.strip() else ""
    if run.code is None:
        words = f"still ran after {TOOL:.0f} seconds. It has to end at what is in the queue now."
        return [Finding("no-end", f"With MODE={mode} the program {words}{said}", {"mode": mode})]
    meaning = f"was ended by signal {-run.code}" if run.code < 0 else f"ended with {run.code}"
    return [
        Finding(
            "exit-code",
            f"With MODE={mode} the program {meaning}; expected exit code 0.{said}",
            {"mode": mode, "code": run.code},
        )
    ]


# -- inspect ----------------------------------------------------------------------------------


def inspected(desk: Desk) -> list[Finding]:
    """All letters, each once; then a selection, with what was put back since."""
    found = ended(desk.runs["inspect"], "inspect") or _listed(
        desk.runs["inspect"], [(letter, False) for letter in desk.letters]
    )
    if found:
        return found
    changed = desk.put_back["inspect"]
    if changed:
        where = changed[0].where
        return [
            Finding(
                "inspect-changes",
                f"After MODE=inspect there is a record at {where}. To look must change nothing.",
                place_of(changed[0]),
            )
        ]
    later = desk.runs.get("inspect-selection")
    if later is None:
        return []
    assert desk.again is not None
    newer = Letter(desk.again.order, "http-422", _attempts(later, desk.again))
    wanted = [(letter, True) for letter in desk.selected] + [(newer, False)]
    return ended(later, "inspect") + _listed(later, wanted)


def _attempts(run: Run, letter: Letter) -> int:
    """What is said of a letter that came back: how its attempts count is the program's choice."""
    seen = [
        line["attempts"]
        for line in run.lines
        if _same(line, letter.line(False), ("key", "offset")) and line.get("reprocessed") is False
    ]
    good = [n for n in seen if type(n) is int and n >= 1]
    return good[0] if good else 1


def _same(line: dict[str, Any], wanted: dict[str, Any], fields: Sequence[str]) -> bool:
    return all(
        line.get(name) == wanted[name] and type(line.get(name)) is type(wanted[name])
        for name in fields
    )


def _listed(run: Run, wanted: Sequence[tuple[Letter, bool]]) -> list[Finding]:
    """Each of these is a line of its own, and there are no others: ``inspection``."""
    left = list(run.lines)
    missing: list[dict[str, Any]] = []
    for letter, reprocessed in wanted:
        line = letter.line(reprocessed)
        hit = next((one for one in left if _same(one, line, FIELDS)), None)
        if hit is None:
            missing.append(line)
        else:
            left.remove(hit)
    found = report(
        code="inspection",
        said=f"MODE=inspect left out {counted(len(missing), 'dead letter')} of {len(wanted)}",
        cases=missing,
        tell=lambda line: (f"no line says {json.dumps(line)}", {"id": _name(line)}),
        look=(
            "Expected one JSON object on a line for each letter that is selected, with these "
            "fields. Look at SELECT_ERROR and SELECT_KEY, at letters without key, and at what "
            "marks a letter as put back."
        ),
    )
    return found + report(
        code="inspection",
        said=f"MODE=inspect printed {counted(len(left), 'line')} too many",
        cases=left if not missing else [],
        tell=lambda line: (f"{show_json(line)}", {"id": _name(line)}),
        look="Expected only letters that are selected, each once. Look at the selection.",
    )


def _name(line: dict[str, Any]) -> str:
    return str(line.get("key"))[:64]


# -- reprocess --------------------------------------------------------------------------------


def _put_back(desk: Desk, name: str, letter: Letter) -> list[Record]:
    return [r for r in desk.put_back.get(name, ()) if r.key == letter.order.key]


def put_back(desk: Desk) -> list[Finding]:
    """Exactly the selection goes back, and the service hands it over as the order it was."""
    assert desk.by_key is not None
    for name in ("reprocess-again", "reprocess-key"):
        if name in desk.runs and (found := ended(desk.runs[name], "reprocess")):
            return found
    back = [*desk.selected, desk.by_key]
    name = "reprocess-key" if "reprocess-key" in desk.runs else "reprocess-again"
    due = back if name == "reprocess-key" else desk.selected
    missing = [letter for letter in due if not _put_back(desk, name, letter)]
    topic = desk.history.topics["retry_1"]
    found = _letters(
        missing,
        "not-put-back",
        f"{topic} misses {counted(len(missing), 'selected letter')}",
        "Expected every letter of the selection there. Look at SELECT_ERROR and SELECT_KEY, and "
        "at what a run takes for done that an earlier, killed one left unfinished.",
    )
    strangers = [x for x in desk.letters if x not in back and _any(desk, x)]
    found += _letters(
        strangers,
        "not-selected",
        f"{topic} or the courier got {counted(len(strangers), 'letter')} that nobody selected",
        "Expected only letters whose dlq-error is SELECT_ERROR and whose key is SELECT_KEY, as "
        "far as these are not empty, compared as a whole.",
    )
    if found:
        return found
    pairs = [(x.order, r) for x in back for r in _put_back(desk, name, x)]
    found = same_bytes(
        expected={o.id: Payload(o.key, o.value) for o, _ in pairs},
        seen=[Seen(o.id, r) for o, r in pairs],
    )
    if not found and not desk.worked:
        found = [
            Finding(
                "not-handled",
                "The service did not hand over what was put back within 25 seconds, or did not "
                "write an order that failed once more to the dead letter queue again. Look at "
                "what it makes of the headers of a letter that comes back.",
                {"topic": topic},
            )
        ]
    return found


def as_before(history: History, back: Sequence[Letter]) -> list[Finding]:
    """What comes back from the queue is asked for under its old name, and keeps its origin."""
    from judge import right_requests

    found = right_requests(history)
    for letter in back:
        places = {
            name: str(value)
            for name, value in (
                ("dlq-topic", letter.order.topic),
                ("dlq-partition", letter.order.partition),
                ("dlq-offset", letter.order.offset),
            )
        }
        for record in history.copies(letter.order, "dead_letters"):
            for name, text in places.items():
                if [v for k, v in record.headers if k == name] != [text.encode()]:
                    found.append(
                        Finding(
                            "wrong-header",
                            f"{letter.order.id} at {record.where}: {name} should be {text!r}, "
                            "once. What comes back still comes from where it came from first.",
                            place_of(record),
                        )
                    )
                    return found
    return found


def _any(desk: Desk, letter: Letter) -> bool:
    copies = desk.history.copies(letter.order, "retry_1")
    return bool(copies or desk.history.calls_of(letter.order))


def once(desk: Desk) -> list[Finding]:
    """Run again, whatever happened to the last run: nothing is put back twice."""
    later = desk.runs.get("reprocess-once-more")
    if later is not None and (found := ended(later, "reprocess")):
        return found
    if len(desk.kills) < 2:
        return [
            Finding(
                "no-request",
                f"MODE=reprocess did not write to {desk.history.topics['retry_1']} and to "
                f"{desk.history.topics['reprocessed']} although letters were selected and noted "
                "nowhere.",
                {"api": "Produce"},
            )
        ]
    again = {
        x.order.id: (
            len(_put_back(desk, "reprocess-again", x)),
            len(_put_back(desk, "reprocess-once-more", x)),
        )
        for x in desk.selected
    }
    # The one that died once more is a new letter, and may go back once more.
    grown = [
        x for x in desk.selected if again[x.order.id][1] > again[x.order.id][0] + (x is desk.again)
    ]
    found = _letters(
        grown,
        "put-back-twice",
        f"A second run put back {counted(len(grown), 'letter')} that the first had",
        "Expected nothing of what an earlier run has put back. Look at what is remembered in "
        "REPROCESSED_TOPIC, and whether it is read to its end before anything is written.",
    )
    twice = [x for x in desk.selected if again[x.order.id][0] > 1]
    most = max((n for n, _ in again.values()), default=0)
    if not found and (len(twice) > 1 or most > 2):
        found = _letters(
            twice,
            "put-back-twice",
            f"After two kills and a new run {counted(len(twice), 'letter')} had gone back twice",
            "Expected one at most. Look at how much is put back before it is noted in "
            "REPROCESSED_TOPIC; a transaction makes it none.",
        )
    if not found and later is not None and not desk.new_letter:
        assert desk.again is not None
        found = _letters(
            [desk.again],
            "not-put-back",
            "An order that failed again after it was put back cannot be put back a second time",
            "Expected a new letter to be a letter of its own. Look at what notes are kept by: the "
            "letter's own place in the queue, not that of the order.",
        )
    return found


def _letters(cases: Sequence[Letter], code: str, said: str, look: str) -> list[Finding]:
    def tell(letter: Letter) -> tuple[str, dict[str, Any]]:
        order: Order = letter.order
        facts = {"id": order.id, "topic": order.topic, "offset": order.offset}
        return f"{order.id} ({letter.error})", facts

    return report(code=code, said=said, cases=list(cases), tell=tell, look=look)
