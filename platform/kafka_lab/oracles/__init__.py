"""Pure judgements over histories: no broker, no I/O, no clock.

Every oracle takes keyword arguments only and returns a list of findings, empty when the history
is good: one finding per code, however often it was violated. ``CODES`` lists the codes.
"""

from kafka_lab.oracles.codes import CODES
from kafka_lab.oracles.delivery import aborted_read, at_least_once, at_most_once, exactly_once
from kafka_lab.oracles.history import (
    ANY,
    Numbered,
    PartitionEnd,
    Payload,
    Poll,
    Seen,
    Txn,
    TxnEvent,
)
from kafka_lab.oracles.json_values import Parsed, parse_object, read_json, wrong_fields
from kafka_lab.oracles.offsets import offsets_match
from kafka_lab.oracles.ordering import in_order, no_gaps, steady_polls
from kafka_lab.oracles.pairing import paired
from kafka_lab.oracles.payload import header_text, same_bytes
from kafka_lab.oracles.transactions import (
    offsets_in_step,
    offsets_inside,
    rejects_apart,
    split_transactions,
    steady_transactional_id,
)
from kafka_lab.oracles.writers import (
    all_transactional,
    fenced_writes,
    no_hanging_transaction,
    one_producer,
)

__all__ = [
    "ANY",
    "CODES",
    "Numbered",
    "Parsed",
    "PartitionEnd",
    "Payload",
    "Poll",
    "Seen",
    "Txn",
    "TxnEvent",
    "aborted_read",
    "all_transactional",
    "at_least_once",
    "at_most_once",
    "exactly_once",
    "fenced_writes",
    "header_text",
    "in_order",
    "no_gaps",
    "no_hanging_transaction",
    "offsets_in_step",
    "offsets_inside",
    "offsets_match",
    "one_producer",
    "paired",
    "parse_object",
    "read_json",
    "rejects_apart",
    "same_bytes",
    "split_transactions",
    "steady_polls",
    "steady_transactional_id",
    "wrong_fields",
]
