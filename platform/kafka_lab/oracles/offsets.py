"""Do the committed offsets say what was really done?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kafka_lab.api import Finding
from kafka_lab.oracles.history import Seen
from kafka_lab.oracles.text import counted, label, place_of, report


def offsets_match(
    *,
    group: str,
    inputs: Sequence[Seen],
    committed: Mapping[tuple[str, int], int],
    handled: Collection[str],
    noun: str = "record",
) -> list[Finding]:
    """The committed offset of each partition lies just behind what was handled.

    ``inputs`` are the input records that a ``read_committed`` reader sees, ``committed`` maps
    (topic, partition) to the group's offset, ``handled`` are the ids whose output is visible.

    ``offsets-ahead``: a record before the committed offset has no output; it was skipped and will
    never be read again. ``offsets-behind``: a record at or after it has output; a restart does it
    again. A partition without committed offset is behind everything handled in it. The end of the
    log is not asked: transaction markers may leave it higher than the last record,
    and a record that is neither committed nor handled is for ``delivery``.
    """
    done = frozenset(handled)
    ahead: list[Seen] = []
    behind: list[Seen] = []
    for item in inputs:
        at = committed.get((item.record.topic, item.record.partition))
        passed = at is not None and item.record.offset < at
        if passed and item.id not in done:
            ahead.append(item)
        elif not passed and item.id in done:
            behind.append(item)

    def tell(item: Seen) -> tuple[str, dict[str, Any]]:
        at = committed.get((item.record.topic, item.record.partition))
        state = "nothing committed" if at is None else f"committed offset {at}"
        words = f"{label(item.id)} at {item.record.where} ({state})"
        return words, {"id": label(item.id), "committed": at, **place_of(item.record)}

    return [
        *report(
            code="offsets-ahead",
            said=f"Group {group} passed over {counted(len(ahead), noun)} without any output",
            cases=ahead,
            tell=tell,
            look=(
                "Expected the output of everything before the committed offset. Look at what the "
                "consumer does after an abort: it must seek back to the last committed offsets, "
                "and the position after a poll is not what was handled."
            ),
        ),
        *report(
            code="offsets-behind",
            said=f"Group {group} will do {counted(len(behind), noun)} a second time",
            cases=behind,
            tell=tell,
            look=(
                "Expected the offset after the last handled record. Look at whether it is "
                "committed with the output, and at whether one is added: the committed offset is "
                "that of the next record."
            ),
        ),
    ]
