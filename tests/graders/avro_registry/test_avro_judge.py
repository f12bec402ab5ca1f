"""The judgements of ``avro-registry`` over hand-made histories: a right one, and one flaw each."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from .depot import OWN_ID, Depot, grader

NEXT_ID = 0x1301


@pytest.fixture(scope="module")
def modules() -> Iterator[Any]:
    with grader() as found:
        yield found


@pytest.fixture
def depot(modules: Any) -> Depot:
    made = Depot(modules)
    mint, schemas = made.mint, modules.schemas
    made.send(mint.scan(), mint.scan(note=...), mint.scan(handler=...), mint.scan())
    made.know(NEXT_ID, schemas.NEXT, made.history.subject)
    made.send(
        mint.event(NEXT_ID, schemas.NEXT, "writers", status="DAMAGED"),
        mint.tombstone("writers"),
        mint.event(OWN_ID, schemas.OWN, "writers"),
    )
    ids = {"own": OWN_ID, "double": 2, "no-time": 3, "closed": 4, "json": 5}
    made.send(*modules.scans.unreadable(mint, ids, [1 << 25, 1 << 26, 1 << 27]))
    made.send(*mint.bad_scans())
    made.history.hits = ["away"]
    return made


def test_a_right_history_is_right(depot: Depot) -> None:
    judge = depot.modules.judge
    depot.call("POST", f"/subjects/{depot.history.subject}/versions", 200)
    depot.call("GET", f"/schemas/ids/{NEXT_ID}", 200)
    for judgement in (
        *(judge.gone, judge.missed, judge.wire, judge.subject, judge.documents),
        *(judge.every_writer, judge.unreadable, judge.asked, judge.trouble),
        *(judge.nothing_lost, judge.stopped),
    ):
        assert depot.codes(judgement) == [], judgement.__name__


def _datum(depot: Depot) -> bytes:
    value = depot.history.records["events"][0].value
    assert value is not None
    return value[5:]


def test_an_event_without_a_frame(depot: Depot) -> None:
    depot.change("events", 0, value=b"\x0a" + _datum(depot))
    assert depot.codes(depot.modules.judge.wire) == ["unframed"]


def test_an_id_from_the_wrong_end(depot: Depot) -> None:
    mirrored = OWN_ID.to_bytes(4, "little")
    depot.change("events", 0, value=b"\0" + mirrored + _datum(depot))
    [finding] = depot.modules.judge.wire(depot.history)
    assert finding.code == "unknown-schema"
    assert f"but {OWN_ID}, the same bytes from the other end" in finding.message


def test_another_schema_s_id(depot: Depot) -> None:
    depot.know(9, depot.modules.schemas.noise(1), "noise")
    depot.change("events", 0, value=b"\0\0\0\0\x09" + _datum(depot))
    assert depot.codes(depot.modules.judge.wire) == ["undecodable"]
    assert depot.codes(depot.modules.judge.subject) == ["wrong-subject"]


def test_a_wrong_content(depot: Depot) -> None:
    scan = depot.history.sent[0]
    depot.change("events", 0, value=depot.event_of({**scan.fields, "grams": 1}))
    assert depot.codes(depot.modules.judge.wire) == ["wrong-field"]


def test_a_scan_without_an_event(depot: Depot) -> None:
    depot.history.records["events"].pop(0)
    assert depot.codes(depot.modules.judge.wire) == ["lost"]
    assert depot.codes(depot.modules.judge.nothing_lost) == ["lost"]


def test_a_version_that_is_not_one_s_own(depot: Depot) -> None:
    later = depot.modules.schemas.LATER
    depot.know(7, later, depot.history.subject)
    fields = {**depot.history.sent[0].fields, "dock": ""}
    depot.change("events", 0, value=depot.event_of(fields, 7, later))
    assert depot.codes(depot.modules.judge.wire) == []
    assert depot.codes(depot.modules.judge.subject) == ["wrong-schema"]


def test_a_schema_under_the_topic_s_own_subject(depot: Depot) -> None:
    depot.history.own_id = -1
    depot.know(OWN_ID, depot.modules.schemas.OWN, "events-value")
    assert depot.codes(depot.modules.judge.subject) == ["wrong-subject"]


def test_a_registration_that_nobody_needs(depot: Depot) -> None:
    depot.call("POST", "/subjects/events-value/versions", 200)
    assert depot.codes(depot.modules.judge.subject) == ["wrong-subject"]


@pytest.mark.parametrize(
    ("code", "wanted"), [(None, ["no-exit"]), (0, ["exit-code"]), (1, []), (-9, [])]
)
def test_a_missing_schema(depot: Depot, code: int | None, wanted: list[str]) -> None:
    depot.history.refused_code = code
    assert depot.codes(depot.modules.judge.strict) == wanted


def test_a_forbidden_registration(depot: Depot) -> None:
    depot.history.refused_code = 1
    depot.call("POST", f"/subjects/{depot.history.subject}", 404)
    assert depot.codes(depot.modules.judge.strict) == []
    depot.call("POST", "/subjects/events-logistics%2EParcelScan/versions", 409)
    assert depot.codes(depot.modules.judge.strict) == ["registered"]


def test_json_by_another_schema(depot: Depot) -> None:
    at = next(n for n, i in enumerate(depot.history.sent) if i.group == "writers")
    fields = dict(depot.history.sent[at].fields)
    depot.change("json", at, value=json.dumps(fields | {"status": "DAMAGED"}).encode())
    assert depot.codes(depot.modules.judge.every_writer) == ["wrong-field"]
    del fields["note"]
    depot.change("json", at, value=json.dumps(fields).encode())
    assert depot.codes(depot.modules.judge.every_writer) == ["wrong-field"]
    depot.change("json", at, value=b"{")
    assert depot.codes(depot.modules.judge.every_writer) == ["not-json"]


def test_another_parcel_s_json(depot: Depot) -> None:
    records = depot.history.records["json"]
    depot.change("json", 0, value=records[1].value)
    assert depot.codes(depot.modules.judge.documents) == ["wrong-field"]


def test_a_tombstone_that_is_none_any_more(depot: Depot) -> None:
    at = next(n for n, i in enumerate(depot.history.sent) if i.fate == "tombstone")
    depot.change("json", at, value=b"null")
    assert depot.codes(depot.modules.judge.documents) == ["corrupt"]


def test_a_good_record_in_the_dead_topic(depot: Depot) -> None:
    record = depot.history.records["json"].pop(4)
    depot.put("dead", record.key, record.value)
    assert sorted(depot.codes(depot.modules.judge.trouble)) == ["lost", "rejected"]


def test_writers_that_never_had_their_turn(depot: Depot) -> None:
    depot.history.sent = [i for i in depot.history.sent if i.group == "plain"]
    assert depot.codes(depot.modules.judge.every_writer) == ["stuck"]
    assert depot.codes(depot.modules.judge.unreadable) == ["stuck"]


def test_what_is_accepted(depot: Depot) -> None:
    item = next(i for i in depot.history.sent if i.what == "an empty value")
    depot.put("json", item.key, None)
    assert depot.codes(depot.modules.judge.unreadable) == ["accepted"]


def test_a_bad_scan_that_becomes_an_event(depot: Depot) -> None:
    item = next(i for i in depot.history.sent if i.what == "grams -1 (scan)")
    fields = dict(depot.history.sent[0].fields)
    depot.put("events", item.key, depot.event_of(fields))
    assert depot.codes(depot.modules.judge.unreadable) == ["accepted"]


def test_dead_records_that_are_dropped_or_changed(depot: Depot) -> None:
    judge = depot.modules.judge
    depot.change("dead", -1, headers=(("reason", b""),))
    assert depot.codes(judge.unreadable) == ["wrong-header"]
    depot.change("dead", -1, headers=(("reason", b"x"),), value=b"changed")
    assert depot.codes(judge.unreadable) == ["corrupt"]
    depot.history.records["dead"].pop()
    assert depot.codes(judge.unreadable) == ["lost"]


def test_a_service_that_ends_by_itself(depot: Depot) -> None:
    judge = depot.modules.judge
    depot.history.exits = [1]
    assert depot.codes(judge.gone) == []  # a supervisor starts it again
    assert depot.codes(judge.unreadable) == ["exits"]  # but not because of such a record
    depot.history.exits = [1] * (depot.modules.bench.MOST_RESTARTS + 1)
    assert depot.codes(judge.gone) == ["exits"]
    assert depot.codes(judge.trouble) == ["exits"]


def test_asking_again_and_again(depot: Depot) -> None:
    judge, path = depot.modules.judge, f"/schemas/ids/{NEXT_ID}"
    depot.call("GET", path, 200, times=judge.MOST_ASKED)
    depot.call("GET", path, 503, times=50)
    depot.call("GET", path, 0, times=50)
    assert depot.codes(judge.asked) == []
    depot.call("GET", path, 200)
    assert depot.codes(judge.asked) == ["asked-too-often"]
    depot.history.starts = 2
    assert depot.codes(judge.asked) == []


def test_a_no_that_is_not_taken(depot: Depot) -> None:
    judge, unknown = depot.modules.judge, f"/schemas/ids/{1 << 25}"
    depot.call("GET", unknown, 404, times=judge.MOST_ASKED)
    assert depot.codes(judge.asked) == []
    depot.call("GET", unknown, 404)
    assert depot.codes(judge.asked) == ["asked-too-often"]


def test_an_id_that_several_records_name_may_be_asked_for_each(depot: Depot) -> None:
    judge, mint = depot.modules.judge, depot.mint
    depot.send(*[mint.dead_event("again", b"\0\2\0\0\0", 1 << 25) for _ in range(2)])
    depot.call("GET", f"/schemas/ids/{1 << 25}", 404, times=3 * judge.MOST_ASKED)
    assert depot.codes(judge.asked) == []


def test_strange_paths_are_no_error(depot: Depot) -> None:
    for path in ("/schemas/ids/", "/schemas/ids/x", "//", "/subjects", "/subjects/%ff/versions"):
        depot.call("POST", path, 404, times=2)
    judge = depot.modules.judge
    assert depot.codes(judge.asked) == []
    assert depot.codes(judge.subject) == ["wrong-subject"]


def test_a_fault_that_could_not_strike(depot: Depot) -> None:
    judge = depot.modules.judge
    depot.history.hits = []
    assert depot.codes(judge.trouble) == ["stuck"]
    depot.history.missed = "OffsetCommit request"
    assert depot.codes(judge.trouble) == ["no-request"]
    assert depot.codes(judge.nothing_lost) == ["no-request"]


@pytest.mark.parametrize(
    ("code", "finding"), [(None, "no-stop"), (1, "exit-code"), (-15, "exit-code")]
)
def test_a_stop_that_went_wrong(depot: Depot, code: int | None, finding: str) -> None:
    depot.history.stop_code = code
    assert depot.codes(depot.modules.judge.stopped) == [finding]


def test_a_stop_without_a_commit(depot: Depot) -> None:
    depot.history.committed[("events", 0)] -= 1
    assert depot.codes(depot.modules.judge.stopped) == ["offsets-behind"]


def test_scans_are_told_apart_from_seed_to_seed(modules: Any) -> None:
    one, other = (modules.scans.Mint(random.Random(n)).scan() for n in (1, 2))
    assert one.id != other.id
    assert b"handler" not in (modules.scans.Mint(random.Random(1)).scan(handler=...).value or b"")
