"""What was read goes into the event log in few words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kafka_lab.api import Record
from kafka_lab.clusters.readback import CLIP, SHOWN, ReadBack
from kafka_lab.runtime.events import EventLog, read_events


def record(offset: int, producer: int = 7, value: bytes | None = b"v") -> Record:
    return Record("t", 0, offset, b"k", value, (), 1000 + offset, True, producer, 0)


def written(tmp_path: Path, *steps: Any) -> list[dict[str, Any]]:
    log = EventLog(tmp_path / "events.jsonl")
    back = ReadBack(log, "t", 0)
    for step in steps:
        if isinstance(step, Record):
            back.record(step)
        elif isinstance(step, tuple):
            back.marker(*step)
        else:
            back.flush()
    back.flush()
    log.close()
    return read_events(log.path)


def test_neighbours_of_one_producer_are_one_range(tmp_path: Path) -> None:
    (event,) = written(
        tmp_path, record(0), record(1), (2, 7, True), record(3), record(4, producer=8)
    )
    assert [r[:2] for r in event["ranges"]] == [[0, 1], [3, 3], [4, 4]]
    assert event["ranges"][0] == [0, 1, 1000, 7, 0, 1]
    assert event["markers"] == [[2, 7, 1]]


def test_nothing_new_writes_nothing_and_nothing_twice(tmp_path: Path) -> None:
    events = written(tmp_path, None, record(0), None, None, record(1))
    assert [e["ranges"][0][:2] for e in events] == [[0, 0], [1, 1]]


def test_a_hundred_thousand_records_are_one_range_and_a_few_examples(tmp_path: Path) -> None:
    (event,) = written(tmp_path, *(record(n) for n in range(100_000)))
    assert [r[:2] for r in event["ranges"]] == [[0, 99_999]]
    assert len(event["shown"]) == SHOWN
    assert (tmp_path / "events.jsonl").stat().st_size < 20_000


def test_values_are_cut_and_bytes_written_out(tmp_path: Path) -> None:
    (event,) = written(
        tmp_path, record(0, value=b"x" * 1000), record(1, value=b"\xff\x1b"), record(2, value=None)
    )
    values = [value for _, _, value in event["shown"]]
    assert values == ["x" * CLIP + "…", "\\xff\x1b", None]
