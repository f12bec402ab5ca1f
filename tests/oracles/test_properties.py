"""A random right history has no finding; one mutation of it has exactly the expected code."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from kafka_lab import oracles as o
from kafka_lab.api import Record
from kafka_lab.oracles import Numbered, PartitionEnd, Payload, Poll, Seen, TxnEvent

from .make import codes

PARTITIONS = 3


@st.composite
def histories(draw: st.DrawFn) -> tuple[dict[str, Record | None], list[Seen]]:
    """Inputs on a topic with several partitions, and one output record for each, shuffled."""
    ids = draw(st.lists(st.text(max_size=8), min_size=1, max_size=12, unique=True))
    inputs = _lay_out("in", ids, draw)
    outputs = _lay_out("out", draw(st.permutations(ids)), draw)
    return {item.id: item.record for item in inputs}, outputs


def _lay_out(topic: str, ids: list[str], draw: st.DrawFn) -> list[Seen]:
    ends = [0] * PARTITIONS
    laid: list[Seen] = []
    for id_ in ids:
        partition = draw(st.integers(0, PARTITIONS - 1))
        # Markers of transactions leave holes between records.
        offset = ends[partition] + draw(st.integers(0, 2))
        ends[partition] = offset + 1
        value = draw(st.binary(max_size=20))
        laid.append(Seen(id_, Record(topic, partition, offset, b"k", value), {"n": len(laid)}))
    return laid


INDEX = st.integers(0, 10_000)


@given(histories())
def test_a_right_history(history: tuple[dict[str, Record | None], list[Seen]]) -> None:
    expected, seen = history
    for judge in (o.exactly_once, o.at_most_once):
        assert judge(expected=expected, seen=seen, topic="out") == []
    assert o.at_least_once(expected=expected, seen=seen, topic="out", max_duplicates=0) == []
    assert o.paired(left=seen, right=seen[::-1], left_topic="a", right_topic="b", same=["n"]) == []
    payloads = {s.id: Payload(key=s.record.key, value=s.record.value) for s in seen}
    assert o.same_bytes(expected=payloads, seen=seen) == []


@given(histories(), INDEX)
def test_drop(history: tuple[dict[str, Record | None], list[Seen]], index: int) -> None:
    expected, seen = history
    gone = seen.pop(index % len(seen))

    [finding] = o.exactly_once(expected=expected, seen=seen, topic="out")
    assert finding.code == "lost"
    source = expected[gone.id]
    assert source is not None
    assert source.where in finding.message
    assert codes(o.at_least_once(expected=expected, seen=seen, topic="out")) == ["lost"]
    assert o.at_most_once(expected=expected, seen=seen, topic="out") == []


@given(histories(), INDEX, INDEX)
def test_repeat(
    history: tuple[dict[str, Record | None], list[Seen]], index: int, where: int
) -> None:
    expected, seen = history
    again = seen[index % len(seen)]
    seen.insert(where % (len(seen) + 1), again)

    assert codes(o.exactly_once(expected=expected, seen=seen, topic="out")) == ["duplicate"]
    assert codes(o.at_most_once(expected=expected, seen=seen, topic="out")) == ["duplicate"]
    assert o.at_least_once(expected=expected, seen=seen, topic="out", max_duplicates=1) == []
    findings = o.at_least_once(expected=expected, seen=seen, topic="out", max_duplicates=0)
    assert codes(findings) == ["too-many-duplicates"]


@given(histories(), INDEX)
def test_mark_aborted(history: tuple[dict[str, Record | None], list[Seen]], index: int) -> None:
    expected, seen = history
    id_ = seen[index % len(seen)].id
    aborted = {id_: expected.pop(id_)}

    findings = o.exactly_once(expected=expected, seen=seen, aborted=aborted, topic="out")
    assert codes(findings) == ["aborted-read"]
    assert codes(o.aborted_read(aborted=aborted, seen=seen, topic="out")) == ["aborted-read"]
    findings = o.exactly_once(expected=expected, seen=seen, topic="out")
    assert codes(findings) == ["unexpected"]


@given(histories(), INDEX)
def test_tear(history: tuple[dict[str, Record | None], list[Seen]], index: int) -> None:
    _, seen = history
    half = list(seen)
    half.pop(index % len(half))

    for left, right in ((seen, half), (half, seen)):
        findings = o.paired(left=left, right=right, left_topic="a", right_topic="b", same=["n"])
        assert codes(findings) == ["torn"]


@given(histories(), INDEX)
def test_disagree(history: tuple[dict[str, Record | None], list[Seen]], index: int) -> None:
    _, seen = history
    other = list(seen)
    index %= len(seen)
    other[index] = replace(other[index], fields={"n": -1})

    findings = o.paired(left=seen, right=other, left_topic="a", right_topic="b", same=["n"])
    assert codes(findings) == ["mismatch"]
    assert o.paired(left=seen, right=other, left_topic="a", right_topic="b") == []


@given(histories(), INDEX, INDEX)
def test_flip_a_byte(
    history: tuple[dict[str, Record | None], list[Seen]], index: int, byte: int
) -> None:
    _, seen = history
    index %= len(seen)
    payloads = {s.id: Payload(value=s.record.value) for s in seen}
    value = seen[index].record.value
    assume(value)
    assert value
    at = byte % len(value)
    flipped = value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
    seen[index] = replace(seen[index], record=replace(seen[index].record, value=flipped))

    [finding] = o.same_bytes(expected=payloads, seen=seen)
    assert finding.code == "corrupt"
    assert finding.data["cases"][0]["byte"] == at


@given(st.binary(max_size=20_000), st.binary(min_size=1, max_size=40), st.binary(max_size=40))
def test_the_first_difference(same: bytes, one: bytes, other: bytes) -> None:
    assume(one[:1] != other[:1])
    value, wrong = same + one, same + other
    record = Record("out", 0, 0, None, wrong)

    [finding] = o.same_bytes(expected={"a": Payload(value=value)}, seen=[Seen("a", record)])
    assert finding.data["cases"][0].get("byte", 0) == len(same)


@given(histories(), INDEX)
def test_offsets(history: tuple[dict[str, Record | None], list[Seen]], index: int) -> None:
    expected, _ = history
    inputs = [Seen(id_, record) for id_, record in expected.items() if record is not None]
    committed = {
        (item.record.topic, item.record.partition): item.record.offset + 1 for item in inputs
    }
    handled = set(expected)

    def judge() -> list[str]:
        return codes(
            o.offsets_match(group="g", inputs=inputs, committed=committed, handled=handled)
        )

    assert judge() == []
    victim = inputs[index % len(inputs)]
    handled.remove(victim.id)
    assert judge() == ["offsets-ahead"]
    handled.add(victim.id)
    place = (victim.record.topic, victim.record.partition)
    end = committed[place]
    committed[place] = victim.record.offset
    assert judge() == ["offsets-behind"]
    del committed[place]
    assert judge() == ["offsets-behind"]
    committed[place] = end + 3
    assert judge() == []


@st.composite
def sequences(draw: st.DrawFn) -> list[Numbered]:
    """Several lanes, each counting up from a number of its own, in one partition."""
    lanes = draw(st.lists(st.sampled_from("ABC"), min_size=3, max_size=20))
    following = {lane: draw(st.integers(-3, 3)) for lane in "ABC"}
    made = []
    for offset, lane in enumerate(lanes):
        made.append(Numbered(lane, following[lane], Record("k", 0, offset, None, None)))
        following[lane] += 1
    return made


@given(sequences(), INDEX)
def test_order_and_gaps(seen: list[Numbered], index: int) -> None:
    assert o.in_order(seen=seen) == []
    assert o.in_order(seen=seen, replays=True) == []
    assert o.no_gaps(seen=seen) == []
    assert o.no_gaps(seen=seen[::-1] + seen) == []

    lane = seen[index % len(seen)].lane
    places = [at for at, item in enumerate(seen) if item.lane == lane]
    assume(len(places) >= 3)
    middle = places[1 + index % (len(places) - 2)]
    assert codes(o.no_gaps(seen=seen[:middle] + seen[middle + 1 :])) == ["gap"]
    swapped = list(seen)
    swapped[places[0]], swapped[middle] = swapped[middle], swapped[places[0]]
    assert codes(o.in_order(seen=swapped)) == ["reordered"]
    assert codes(o.in_order(seen=swapped, replays=True)) == ["reordered"]
    assert o.no_gaps(seen=swapped) == []
    # From any earlier record on once more: allowed only for who asks at least once.
    replayed = seen[: middle + 1] + seen[places[0] :]
    assert o.in_order(seen=replayed, replays=True) == []
    assert codes(o.in_order(seen=replayed)) == ["reordered"]


@given(st.sets(st.integers(0, 60), min_size=3), st.lists(st.integers(1, 4), max_size=30), INDEX)
def test_polls(there: set[int], sizes: list[int], index: int) -> None:
    offsets = sorted(there)
    visible = {("in", 0): offsets}

    def polls(of: list[int]) -> list[Poll]:
        cut, made = list(of), []
        for size in [*sizes, len(of)]:
            made.append(Poll("c", "in", 0, tuple(cut[:size])))
            cut = cut[size:]
        return made

    assert o.steady_polls(polls=polls(offsets), visible=visible) == []
    at = 1 + index % (len(offsets) - 2)
    skipping = offsets[:at] + offsets[at + 1 :]
    assert codes(o.steady_polls(polls=polls(skipping), visible=visible)) == ["skipped-poll"]
    again = offsets[: at + 1] + offsets[at:]
    assert codes(o.steady_polls(polls=polls(again), visible=visible)) == ["nonmonotonic-poll"]


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=2, max_size=20), INDEX)
def test_writers(steps: list[tuple[int, bool]], index: int) -> None:
    """One transactional id over restarts: the epoch grows, in whatever partition it writes."""
    epoch, records = 0, []
    for offset, (partition, restart) in enumerate(steps):
        epoch += restart
        records.append(Record("out", partition, offset, None, None, (), 0, True, 7, epoch))

    assert o.all_transactional(records=records) == []
    assert o.one_producer(records=records) == []
    assert o.fenced_writes(records=records) == []

    index %= len(records)
    victim = records[index]
    assert codes(o.fenced_writes(records=records, zombie=[victim])) == ["fenced-write"]
    late = replace(victim, offset=len(records), producer_epoch=victim.producer_epoch - 1)
    assert codes(o.fenced_writes(records=[late, *records])) == ["fenced-write"]
    records[index] = replace(victim, transactional=False)
    assert codes(o.all_transactional(records=records)) == ["not-transactional"]
    records[index] = replace(victim, producer_id=8)
    assert codes(o.one_producer(records=records)) == ["several-producers"]
    assert o.one_producer(records=records, limit=2) == []
    records[index] = replace(victim, producer_id=-1)
    assert codes(o.one_producer(records=records)) == ["not-idempotent"]


@given(st.lists(st.integers(0, 50), min_size=1), INDEX)
def test_partition_ends(marks: list[int], index: int) -> None:
    ends = [PartitionEnd("out", n, mark, mark) for n, mark in enumerate(marks)]
    assert o.no_hanging_transaction(ends=ends) == []

    index %= len(ends)
    ends[index] = replace(ends[index], high_watermark=ends[index].high_watermark + 1)
    assert codes(o.no_hanging_transaction(ends=ends)) == ["hanging-transaction"]


@given(st.lists(st.sampled_from(["book", "reject", "abort", "die"]), min_size=1), INDEX)
def test_requests(steps: list[str], index: int) -> None:
    book = [
        TxnEvent("produce", "T", ("debits",)),
        TxnEvent("produce", "T", ("credits",)),
        TxnEvent("offsets", "T", group="g"),
        TxnEvent("end", "T", committed=True),
    ]
    reject = [TxnEvent("produce", "T", ("rejects",)), *book[2:]]
    abort = [*book[:2], TxnEvent("end", "T", committed=False)]
    scripts = {"book": book, "reject": reject, "abort": abort}
    scripts["die"] = [*book[:2], TxnEvent("init", "T")]
    events = [event for step in steps for event in scripts[step]]
    ledger = ("debits", "credits")

    def judge() -> list[str]:
        found = o.offsets_inside(events=events, group="g", outputs=(*ledger, "rejects"))
        transactions = o.split_transactions(events)
        found += o.rejects_apart(transactions=transactions, rejects="rejects", ledger=ledger)
        return codes(found)

    assert judge() == []
    assert len(o.split_transactions(events)) == len(steps)
    plain = TxnEvent("offset-commit", group="g")
    at = index % (len(events) + 1)
    events.insert(at, plain)
    assert judge() == ["offsets-outside-transaction"]
    events.remove(plain)
    ends = [n for n, event in enumerate(events) if event.committed]
    assume(ends)
    end = ends[index % len(ends)]
    offsets = events.pop(end - 1)
    assert judge() == ["offsets-missing"]
    events.insert(end - 1, offsets)
    events[end:end] = [TxnEvent("produce", "T", ("rejects", "debits"))]
    assert judge() == ["mixed-reject"]
