"""What the script meets: nothing, a predecessor's rules, its own death, a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from company import Company, History
from kafka_lab.api import Rights
from kafka_lab.clusters.admin import Acl
from kafka_lab.faults.relay import DROP
from matrix import Cell, cells, expected

if TYPE_CHECKING:
    from kafka_lab.faults.relay import Hold
    from kafka_lab.faults.requests import Request
    from kafka_lab.grading.lab import Lab

CLUSTER = "kafka-cluster"
HELD = [c for c in cells() if expected(c) and c.resource != "future"]
"""What is allowed, of things that are there from the beginning."""
CLOSED = [
    Cell("analyst", "topic", "private", "Describe"),
    Cell("analyst", "topic", "private", "Read"),
]


def fresh(lab: Lab, works: Callable[[bool], None]) -> History:
    """No rule is there. The script runs, and then once more.

    ``works`` is told whether the first run ended well and let anybody do anything.
    """
    company, history = Company(lab, "fresh"), History("fresh")
    company.all_denied()
    script = company.script("script")
    history.runs.append(company.run(script, closed=CLOSED))
    company.open_future()
    history.seen = company.matrix()
    history.lists = company.lists()
    works(history.runs[0].code == 0 and any(s.allowed for s in history.seen))
    history.transaction = company.transaction()
    before = company.rules()
    if history.runs[0].code == 0:
        have = {s.cell for s in history.seen if s.allowed}
        keep = [c for c in HELD if c in have]
        history.runs.append(company.run(script, keep=keep, closed=CLOSED))
        history.later = company.matrix([c for c in cells() if expected(c)])
    history.rules = (before, company.rules())
    return history


def _right(company: Company) -> list[Acl]:
    """Rules that a predecessor got right: not all that are needed."""
    users, names = company.users, company.names
    topics = [names["topic", what] for what in ("orders", "private", "invoices")]
    billing, carrier = users["billing"], users["carrier"]
    transactions = names["transactional-id", "billing"]
    return [
        Acl(users["shop"], "TOPIC", topics[0], "WRITE"),
        Acl(billing, "GROUP", names["group", "billing"], "READ"),
        Acl(billing, "TOPIC", topics[2], "WRITE"),
        Acl(billing, "TRANSACTIONAL_ID", transactions, "WRITE", prefixed=True),
        Acl(carrier, "TOPIC", topics[2], "READ"),
        Acl(carrier, "GROUP", names["group", "carrier"], "READ"),
        *(
            Acl(users["operator"], "TOPIC", topic, operation)
            for topic in topics
            for operation in ("DESCRIBE", "ALTER_CONFIGS")
        ),
    ]


KEPT = [
    Cell("shop", "topic", "orders", "Write"),
    Cell("billing", "group", "billing", "Read"),
    Cell("billing", "topic", "invoices", "Write"),
    Cell("billing", "transactional-id", "billing-0", "Write"),
    Cell("carrier", "topic", "invoices", "Read"),
    Cell("carrier", "group", "carrier", "Read"),
    Cell("operator", "topic", "private", "AlterConfigs"),
]
"""What the rules of the predecessor that are right allow."""


def stale(lab: Lab) -> History:
    """A predecessor has left rules, right ones and wrong ones, of every shape."""
    company, history = Company(lab, "stale", country=True), History("stale")
    users, names = company.users, company.names
    orders, invoices = names["topic", "orders"], names["topic", "invoices"]
    history.planted = [
        # As the right one, but a prefix: it goes, and the right one stays.
        Acl(users["shop"], "TOPIC", orders, "WRITE", prefixed=True),
        # A freeze of last year: it keeps billing from its work.
        Acl(users["billing"], "TOPIC", orders, "READ", deny=True),
        Acl(users["carrier"], "TOPIC", orders, "READ", host="127.0.0.1"),
        Acl(users["operator"], "CLUSTER", CLUSTER, "ALTER"),
        Acl(users["retired"], "TOPIC", "*", "ALL"),
        Acl(users["retired"], "GROUP", names["group", "billing"], "ALL"),
        Acl(users["retired-2"], "TRANSACTIONAL_ID", "*", "WRITE"),
    ]
    strangers = [f"{users['shop']}-2", f"audit-{lab.name('audit')}", f"x-{users['retired']}"]
    foreign = [
        Acl(strangers[0], "TOPIC", orders, "WRITE"),
        Acl(strangers[0], "TOPIC", orders, "WRITE", prefixed=True),
        Acl(strangers[1], "TOPIC", orders, "READ", prefixed=True),
        Acl(strangers[1], "GROUP", names["group", "billing"], "READ"),
        Acl(strangers[2], "TOPIC", invoices, "READ", deny=True),
    ]
    admin = lab.admin()
    admin.allow([*_right(company), *history.planted, *foreign])
    for cell in KEPT:
        if not company.attempt(cell).allowed:
            raise RuntimeError(f"{cell} is denied although there is a rule")
    history.runs.append(company.run(company.script("script"), keep=KEPT))
    company.open_future()
    history.seen = company.matrix()
    there = set(company.rules())
    history.left = [rule for rule in history.planted if rule in there]
    history.others = (foreign, [r for name in strangers for r in admin.rules(name)])
    return history


def crashed(lab: Lab) -> History:
    """The script is killed as soon as it has changed anything, and starts again."""
    company, history = Company(lab, "crashed"), History("crashed")
    users, names = company.users, company.names
    lab.admin().allow(
        [
            *_right(company),
            Acl(users["shop"], "TOPIC", names["topic", "orders"], "ALL"),
            Acl(users["retired"], "TOPIC", names["topic", "invoices"], "ALL"),
        ]
    )
    script = company.script("script")

    def kill(request: Request) -> Hold:
        script.program.strike()
        return DROP

    trigger = lab.at(script, ("CreateAcls", "DeleteAcls"), 1, "after", kill)
    history.runs.append(company.run(script))
    history.missed = not trigger.hit.is_set()
    history.runs.append(company.run(script))
    company.open_future()
    history.seen = company.matrix()
    return history


def refused(lab: Lab) -> History:
    """The script may read the rules, and not change them."""
    company, history = Company(lab, "refused", users=False), History("refused")
    script = company.script("script", Rights(cluster=("Describe",)))
    lab.excuse(script.principal, "ALTER", f"Cluster:{CLUSTER}")
    history.runs.append(company.run(script))
    return history
