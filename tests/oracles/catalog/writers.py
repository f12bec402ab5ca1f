"""Batch headers, and the ends of partitions."""

from __future__ import annotations

from kafka_lab import oracles as o
from kafka_lab.oracles import PartitionEnd

from ..make import rec
from .history import History

OLD, NEW = (7, 0), (7, 1)

WRITERS = [
    History(
        "all in transactions",
        lambda: o.all_transactional(
            records=[rec("debits-0@0", writer=OLD), rec("debits-0@2", writer=NEW)]
        ),
    ),
    History(
        "one outside",
        lambda: o.all_transactional(records=[rec("debits-0@0", writer=OLD), rec("debits-0@2")]),
        ("not-transactional",),
    ),
    History(
        "one producer, two epochs",
        lambda: o.one_producer(
            records=[rec("debits-0@0", writer=OLD), rec("debits-0@2", writer=NEW)]
        ),
    ),
    History(
        "a new producer id at each start",
        lambda: o.one_producer(
            records=[
                rec("debits-0@0", writer=(7, 0)),
                rec("debits-0@2", writer=(8, 0)),
                rec("debits-0@3", writer=(8, 0)),
            ]
        ),
        ("several-producers",),
    ),
    History(
        "two producers, two allowed",
        lambda: o.one_producer(
            records=[rec("debits-0@0", writer=(7, 0)), rec("debits-0@2", writer=(8, 0))], limit=2
        ),
    ),
    History(
        "a plain producer",
        lambda: o.one_producer(records=[rec("debits-0@0"), rec("debits-0@1", writer=OLD)]),
        ("not-idempotent",),
    ),
    History(
        "a successor, and nothing of the old one after",
        lambda: o.fenced_writes(
            records=[
                rec("debits-0@0", writer=OLD),
                rec("debits-0@4", writer=NEW),
                rec("debits-1@0", writer=OLD),
                rec("debits-1@3", writer=NEW),
            ],
            zombie=[rec("debits-0@2", writer=OLD)],
        ),
    ),
    History(
        "the old one writes on",
        lambda: o.fenced_writes(
            records=[
                rec("debits-0@4", writer=NEW),
                rec("debits-0@6", writer=OLD),
                rec("debits-0@8", writer=NEW),
            ]
        ),
        ("fenced-write",),
    ),
    History(
        "the old one's open transaction is visible",
        lambda: o.fenced_writes(
            records=[rec("debits-0@2", writer=OLD), rec("debits-0@4", writer=NEW)],
            zombie=[rec("debits-0@2", writer=OLD)],
        ),
        ("fenced-write",),
    ),
    History(
        "every transaction ended",
        lambda: o.no_hanging_transaction(
            ends=[PartitionEnd("debits", 0, 9, 9), PartitionEnd("debits", 1, 0, 0)]
        ),
    ),
    History(
        "a transaction left open",
        lambda: o.no_hanging_transaction(
            ends=[PartitionEnd("debits", 0, 9, 9), PartitionEnd("debits", 1, 3, 6)],
            records=[
                rec("debits-0@4", writer=OLD),
                rec("debits-1@2", writer=OLD),
                rec("debits-1@5", writer=(9, 0)),
                rec("debits-1@3", writer=NEW),
            ],
        ),
        ("hanging-transaction",),
    ),
    History(
        "a transaction left open, records not read",
        lambda: o.no_hanging_transaction(ends=[PartitionEnd("debits", 1, 3, 6)]),
        ("hanging-transaction",),
    ),
]
