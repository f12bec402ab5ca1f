"""The stable codes of all findings that oracles make, with what each means."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CODES: Mapping[str, str] = MappingProxyType(
    {
        "lost": "an expected item is in no record",
        "duplicate": "an item is in more than one record",
        "too-many-duplicates": "more repeated records than the exercise allows",
        "unexpected": "a record whose id does not belong there",
        "aborted-read": "the output of an input whose own transaction was aborted",
        "torn": "one of two records that belong together is missing",
        "mismatch": "two records that belong together disagree",
        "not-transactional": "a record was written outside a transaction",
        "not-idempotent": "a record was written without a producer id",
        "several-producers": "more producer ids than a steady transactional.id would give",
        "fenced-write": "a record of a replaced instance is visible",
        "hanging-transaction": "a transaction that nobody ended holds readers up",
        "offsets-ahead-in-transaction": "a transaction took the offsets of output that came later",
        "offsets-outside-transaction": "offsets were committed by a plain OffsetCommit",
        "offsets-missing": "a committed transaction has output and no offsets",
        "mixed-reject": "a reject shares a transaction with other output",
        "transactional-id": "a transactional.id is not the given one, or changes at a restart",
        "offsets-ahead": "the committed offset passed over an input without output",
        "offsets-behind": "the committed offset lies before an input with output",
        "reordered": "a number comes after a higher one",
        "gap": "a number is missing between two others",
        "skipped-poll": "a consumer jumped over records",
        "nonmonotonic-poll": "a consumer went back without reason",
        "corrupt": "bytes of a key, value or header differ from what was sent",
        "not-json": "a value is no JSON object",
        "wrong-field": "a field of a JSON value is missing or wrong",
        "wrong-header": "a header's text is missing, blank or not UTF-8",
    }
)
