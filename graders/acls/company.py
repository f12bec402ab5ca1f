"""One scenario's company: its topics, groups and users, and what each of them is let do."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kafka_lab.api import Rights
from kafka_lab.clusters.accounts import set_scram_users
from kafka_lab.clusters.admin import Acl, poll
from kafka_lab.clusters.attempts import DENIED, FINE, Attempts, login, show
from kafka_lab.clusters.pki import Pki
from kafka_lab.clusters.wire import WireError
from matrix import RESOURCES, ROLES, Cell, Seen, cells, expected

if TYPE_CHECKING:
    from kafka_lab.grading.lab import Lab, Role

MECHANISM = "SCRAM-SHA-256"
RUN = 60.0
"""Seconds that the brief gives to a run of the script."""
MOST_CHANGES = 40
"""Changes of rules in a run after which the harness looks at what is allowed at that moment."""
_CHANGES = ("CreateAcls", "DeleteAcls")


@dataclass
class Run:
    """One run of the script. ``code`` is ``None`` if it did not end in time."""

    code: int | None
    output: str
    lapsed: list[Seen] = field(default_factory=list)
    """Rights that were there, were to stay, and were denied at some moment of the run."""
    opened: list[Seen] = field(default_factory=list)
    """What may never be allowed, and was at some moment of the run."""
    changes: int = 0
    """Changes of rules at which the harness looked."""


@dataclass
class History:
    """What one scenario saw, for the checks to judge."""

    scenario: str
    runs: list[Run] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    later: list[Seen] = field(default_factory=list)
    """The matrix once more, after the second run."""
    lists: list[Seen] = field(default_factory=list)
    """What lists of all topics and all groups name, as cells of the operation Describe."""
    transaction: tuple[str, int] | None = None
    rules: tuple[list[Acl], list[Acl]] = field(default_factory=lambda: ([], []))
    """The users' rules after the first run and after the second."""
    planted: list[Acl] = field(default_factory=list)
    left: list[Acl] = field(default_factory=list)
    """Planted rules that are still there."""
    others: tuple[list[Acl], list[Acl]] = field(default_factory=lambda: ([], []))
    """The rules of principals that the script was not told of, before and after."""
    killed: bool = False
    missed: bool = False
    skipped: bool = False


class Company:
    """Everything of one scenario; used by one thread."""

    def __init__(self, lab: Lab, scenario: str, country: bool = False, users: bool = True) -> None:
        self.lab = lab
        self.scenario = scenario
        tag = lab.name("company", scenario)
        orders, invoices = f"orders-{tag}", f"invoices-{tag}"
        billing, carrier, analysts = f"billing-{tag}", f"carrier-{tag}", f"analysts-{tag}-"
        transactional = f"invoicing-{tag}"
        self.names: dict[tuple[str, str], str] = {
            ("topic", "orders"): orders,
            ("topic", "private"): f"{orders}-private",
            ("topic", "invoices"): invoices,
            ("topic", "europe"): f"{orders}-europe",
            ("topic", "archive"): f"{invoices}-archive",
            ("topic", "future"): f"{orders}-{lab.name('future', scenario)}",
            ("group", "billing"): billing,
            ("group", "carrier"): carrier,
            ("group", "analysts"): f"{analysts}{lab.name('group', scenario)}",
            ("group", "billing-test"): f"{billing}-test",
            ("group", "carrier-2"): f"{carrier}-2",
            ("group", "no-analysts"): analysts.rstrip("-"),
            ("transactional-id", "billing"): transactional,
            ("transactional-id", "billing-0"): f"{transactional}-0",
            ("transactional-id", "bill"): transactional[:-1],
            ("cluster", "cluster"): f"new-{tag}",
        }
        self.users = {role: f"{role}-{tag}" for role in ROLES}
        parts = [("O", "Globex Freight"), ("OU", "Logistics"), ("CN", f"carrier-{tag}")]
        if country:
            parts.insert(0, ("C", "DE"))
        self.users["carrier"] = ",".join(f"{k}={v}" for k, v in reversed(parts))
        self.variables = {
            "ORDERS_TOPIC": orders,
            "PRIVATE_TOPIC": f"{orders}-private",
            "INVOICES_TOPIC": invoices,
            "BILLING_GROUP_ID": billing,
            "CARRIER_GROUP_ID": carrier,
            "ANALYST_GROUPS": analysts,
            "BILLING_TRANSACTIONAL_ID": transactional,
            "SHOP_USER": self.users["shop"],
            "BILLING_USER": self.users["billing"],
            "ANALYST_USER": self.users["analyst"],
            "OPERATOR_USER": self.users["operator"],
            "RETIRED_USERS": f"{self.users['retired']},{self.users['retired-2']}",
            "CARRIER_SUBJECT": ", ".join(f"{k} = {v}" for k, v in parts),
        }
        if not users:
            return
        lab.create_topics(
            {n: 1 for (kind, what), n in self.names.items() if kind == "topic" and what != "future"}
        )
        self._sign_in()
        self._control()

    # -- users ----------------------------------------------------------------------------

    def _sign_in(self) -> None:
        """Make the users, and a connection for each."""
        lab, cluster = self.lab, self.lab.cluster
        rng = lab.rng("passwords", self.scenario)
        passwords = {
            name: f"{rng.getrandbits(96):x}" for r, name in self.users.items() if r != "carrier"
        }
        set_scram_users(lab.admin(), MECHANISM, passwords)
        pki = Pki(Path(cluster.pki))
        certificate = pki.issue(f"carrier-{self.scenario}", subject=self.users["carrier"])
        self.harness = Attempts(cluster.wire(cluster.brokers[0]))
        self.actors: dict[str, Attempts] = {
            "carrier": Attempts(show(cluster, "PARTNERS", certificate))
        }

        def known(role: str) -> bool:
            name = self.users[role]
            with contextlib.suppress(WireError):  # not yet known to the broker
                wire = login(cluster, "CLIENT", name, passwords[name], MECHANISM)
                self.actors[role] = Attempts(wire)
            return role in self.actors

        for role in ROLES:
            if role != "carrier":
                poll(lambda r=role: known(r), 10, f"the user {self.users[role]} cannot log in")  # type: ignore[misc]

    def _control(self) -> None:
        """See that every attempt works for one who may do everything.

        Without this an attempt that fails for another reason would pass for a denial.
        """
        self._works([c for c in cells(("harness",)) if c.resource != "future"])
        for (kind, _), name in self.names.items():
            if kind == "group":  # deleted by the control; a list has to have something to filter
                code = self.harness.commit(name, self.names["topic", "orders"])
                if code:
                    raise RuntimeError(f"the group {name} cannot be made: error {code}")

    def open_future(self) -> None:
        """Create a topic that was not there when the script ran."""
        self.lab.create_topics({self.names["topic", "future"]: 1})
        self._works([c for c in cells(("harness",)) if c.resource == "future"])

    def _works(self, wanted: Sequence[Cell]) -> None:
        for cell in wanted:
            name = self.names[cell.kind, cell.resource]

            def works(cell: Cell = cell, name: str = name) -> bool:
                # A broker may need a moment until it knows that it leads a new topic.
                return self.harness.attempt(cell.kind, cell.operation, name) in FINE

            poll(works, 10, f"{cell} does not work with all rights")

    # -- the matrix -----------------------------------------------------------------------

    def attempt(self, cell: Cell) -> Seen:
        """Try a cell for real."""
        name = self.names[cell.kind, cell.resource]
        code = self.actors[cell.role].attempt(cell.kind, cell.operation, name)
        if code not in DENIED and code not in FINE:
            raise RuntimeError(f"{cell}: the answer is error {code}, neither a yes nor a denial")
        return Seen(cell, name, expected(cell), code not in DENIED, code)

    def matrix(self, wanted: Sequence[Cell] | None = None) -> list[Seen]:
        """Every cell (or those named) tried, once the broker goes by all that was changed."""
        self.lab.admin().settle_rules()
        return [self.attempt(cell) for cell in (wanted or cells())]

    def all_denied(self) -> None:
        """Before the script has run, nothing that it is to allow is allowed."""
        for seen in self.matrix([cell for cell in cells() if expected(cell)]):
            if seen.allowed:
                raise RuntimeError(f"{seen.cell} is allowed before there is any rule")

    def lists(self) -> list[Seen]:
        """What a list of all topics, and of all groups, shows each user of this company's."""
        found = []
        for kind, ask in (("topic", "topics"), ("group", "groups")):
            for role in ROLES:
                shown: set[str] = getattr(self.actors[role], ask)()
                for what in RESOURCES[kind]:
                    cell, name = Cell(role, kind, what, "Describe"), self.names[kind, what]
                    found.append(Seen(cell, name, expected(cell), name in shown))
        return found

    def transaction(self) -> tuple[str, int]:
        """Billing's whole work: read, write and commit in one transaction."""
        names = self.names
        return self.actors["billing"].transaction(
            names["transactional-id", "billing"],
            names["topic", "orders"],
            names["group", "billing"],
            names["topic", "invoices"],
        )

    # -- rules ----------------------------------------------------------------------------

    def rules(self) -> list[Acl]:
        """All rules of this company's users."""
        admin = self.lab.admin()
        return [rule for user in self.users.values() for rule in admin.rules(user)]

    # -- the script -----------------------------------------------------------------------

    def script(self, name: str, rights: Rights | None = None) -> Role:
        return self.lab.role(f"{self.scenario}-{name}", self.variables, rights)

    def run(self, role: Role, keep: Sequence[Cell] = (), closed: Sequence[Cell] = ()) -> Run:
        """Run the script to its end.

        Whenever it has changed a rule, the answer is held back and looked at what is allowed at
        that moment: ``keep`` has to be, ``closed`` must not be.
        """
        watched = [
            self.lab.hold_at(role, api, nth, "after")
            for api in (_CHANGES if keep or closed else ())
            for nth in range(1, MOST_CHANGES + 1)
        ]
        found = Run(None, "")
        role.program.start()
        end = time.monotonic() + self.lab.seconds(RUN)
        try:
            while role.program.running() and time.monotonic() < end:
                for trigger, hold in [w for w in watched if w[0].hit.is_set()]:
                    watched.remove((trigger, hold))
                    self.lab.admin().settle_rules()
                    now = {cell: self.attempt(cell) for cell in (*keep, *closed)}
                    found.lapsed += [now[c] for c in keep if not now[c].allowed]
                    found.opened += [now[c] for c in closed if now[c].allowed]
                    found.changes += 1
                    hold.release()
                time.sleep(0.005)  # polls the process and the relay, with a deadline
            if not role.program.running():
                found.code = role.program.exit_code
        finally:
            role.stopping = True
            for trigger, hold in watched:
                trigger.cancel()
                hold.release()
            role.program.kill()
        found.output = role.program.tail(6)
        return found
