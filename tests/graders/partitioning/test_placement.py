"""The judgements of ``partitioning``, each with hand-made histories: good ones and bad ones."""

from __future__ import annotations

from kafka_lab.api import Finding, Record

from .grader import load

items, placement = load("items", "placement")
Item = items.Item


def log(*names: str) -> list[tuple[Item, Record]]:
    """``log("A1", "A2")``: numbers of a lane in partition 0; ``A2/1`` is in partition 1."""
    found = []
    for offset, name in enumerate(names):
        lane, number = name[0], name[1:].split("/")[0]
        place = int(name.split("/")[1]) if "/" in name else 0
        item = Item(name, lane.encode(), name.encode(), 0, lane, int(number))
        found.append((item, Record("out", place, offset, item.key, item.value, timestamp=offset)))
    return found


def keyed(*pairs: tuple[bytes | None, int]) -> list[tuple[Item, Record]]:
    return [
        (Item(str(n), key, b""), Record("out", place, n, key, b""))
        for n, (key, place) in enumerate(pairs)
    ]


def codes(findings: list[Finding]) -> list[str]:
    for finding in findings:
        assert "Expected" in finding.message or "expected" in finding.message
        assert finding.message.isprintable()
    return [finding.code for finding in findings]


def test_order_without_replays() -> None:
    assert placement.ordered(cases=log("A1", "B1", "A2", "B2", "A3")) == []
    assert codes(placement.ordered(cases=log("A1", "A3", "A2"))) == ["reordered"]
    # A batch that was written, and written again behind the next one.
    assert codes(placement.ordered(cases=log("A1", "A2", "A1", "A2", "A3"))) == ["reordered"]
    assert codes(placement.ordered(cases=log("A1", "A1", "A2"))) == ["reordered"]
    assert codes(placement.ordered(cases=log("A1", "A2/1"))) == ["two-partitions"]


def test_order_with_replays() -> None:
    again = log("A1", "A2", "A3", "A2", "A3", "A4")
    assert placement.ordered(cases=again, replays=1) == []
    assert codes(placement.ordered(cases=again)) == ["reordered"]
    # A ghost: every number was there before, and yet it writes beside the new owner.
    ghost = log("A1", "A2", "A3", "A4", "A3", "A5")
    assert codes(placement.ordered(cases=ghost, replays=2)) == ["reordered"]
    late = log("A1", "A2", "A3", "A2")
    assert codes(placement.ordered(cases=late, replays=2)) == ["reordered"]
    in_step = log("A1", "A1", "A2", "A2", "A3", "A3", "A4")
    assert codes(placement.ordered(cases=in_step, replays=2)) == ["reordered"]
    gap = log("A1", "A3")
    assert codes(placement.ordered(cases=gap, replays=2)) == ["reordered"]


def test_reserved_partitions() -> None:
    who = items.Tenants(("acme", "globex"), ())

    def judge(*pairs: tuple[bytes | None, int]) -> list[str]:
        return codes(placement.reserved(cases=keyed(*pairs), owner=who.of, names=who.reserved))

    assert judge((b"acme:1", 0), (b"globex", 1), (b"acme2:1", 2), (b"", 3), (None, 4)) == []
    assert judge((b"acme:1", 3)) == ["reserved-missed"]
    assert judge((b"acme2:1", 0)) == ["reserved-shared"]
    assert judge((None, 1)) == ["reserved-shared"]
    assert judge((b"acme:1", 1)) == ["reserved-missed"]
    assert who.of(b":acme") is None
    assert who.of(b"acme:globex:1") == 0


def test_placed() -> None:
    def judge(*pairs: tuple[bytes | None, int]) -> list[str]:
        return codes(
            placement.placed(
                cases=keyed(*pairs),
                right=lambda key: placement.of_partition(key, 2, 6),
                code="wrong-partition",
                look="Expected another.",
            )
        )

    # The brief's table: the empty key 3, 21 in 2, foobar in 4.
    assert judge((b"", 3), (b"21", 2), (b"foobar", 4), (None, 0)) == []
    assert judge((b"", 2)) == ["wrong-partition"]


def records(*places: int) -> list[Record]:
    return [Record("out", p, n, None, b"") for n, p in enumerate(places)]


def test_spread() -> None:
    fair = [n % 3 for n in range(100)]
    assert placement.spread(records=records(*fair), partitions=range(3), topic="out") == []
    stuck = placement.spread(records=records(*[1] * 100), partitions=range(3), topic="out")
    assert codes(stuck) == ["nulls-not-spread"]


def test_even() -> None:
    assert placement.even(records=records(0, 1, 2, 0), partitions=3, topic="out") == []
    assert codes(placement.even(records=records(0, 1, 0, 1), partitions=3, topic="out")) == [
        "uneven"
    ]


def test_sticks() -> None:
    def judge(places: list[int], batches: int) -> list[str]:
        return codes(
            placement.sticks(
                records=records(*places), partitions=6, batches=batches, round_robin=60, topic="out"
            )
        )

    assert judge([n // 10 for n in range(60)], 10) == []
    assert judge([n // 10 for n in range(60)], 31) == ["many-batches"]
    assert judge([0] * 60, 10) == ["stuck"]
    assert judge([0] * 50 + [1] * 5 + [2] * 5, 10) == ["stuck"]
    assert judge([], 0) == ["stuck"]


def test_pace() -> None:
    def judge(*ends: tuple[str, int], slowness: float = 1.0) -> list[str]:
        cases = []
        for n, (lane, at) in enumerate(ends):
            item = Item(str(n), lane.encode(), b"", 0, lane, n)
            cases.append((item, Record("out", 0, n, item.key, b"", timestamp=at)))
        sent = {item.id: 1000 for item, _ in cases}
        return codes(placement.pace(cases=cases, sent_at=sent, work_ms=100, slowness=slowness))

    # Four keys, two records each: 800 ms one by one, at least 200 ms for each key.
    side_by_side = [(lane, at) for at in (1100, 1210) for lane in "ABCD"]
    assert judge(*side_by_side) == []
    serial = [(lane, 1100 + 100 * n) for n, lane in enumerate("ABCDABCD")]
    assert judge(*serial) == ["not-parallel"]
    assert judge(*serial, slowness=9.0) == ["not-parallel"]  # slow is no excuse for one by one
    half_as_fast = [(lane, 1000 + (at - 1000) * 2) for lane, at in side_by_side] + [("A", 1550)]
    assert judge(*half_as_fast) == ["not-parallel"]
    assert judge(*half_as_fast, slowness=2.0) == []
    at_once = [(lane, 1100) for lane in "AABBCCDD"]
    assert judge(*at_once) == ["too-fast"]
