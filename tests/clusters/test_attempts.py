"""Attempts of users, by password and by certificate, at a broker that knows both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kafka_lab.clusters.accounts import set_scram_users
from kafka_lab.clusters.admin import Acl, Admin, poll
from kafka_lab.clusters.attempts import DENIED, FINE, Attempts, login, show
from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.embedded.backend import EmbeddedBackend
from kafka_lab.clusters.pki import Pki
from kafka_lab.clusters.spec import ClusterSpec, ListenerSpec
from kafka_lab.clusters.wire import WireError
from kafka_lab.runtime.leases import Leases

EVERY = [
    *(("topic", op) for op in ("Describe", "Read", "Write", "Create", "Delete", "Alter")),
    *(("topic", op) for op in ("DescribeConfigs", "AlterConfigs")),
    *(("group", op) for op in ("Describe", "Read", "Delete")),
    *(("transactional-id", op) for op in ("Describe", "Write")),
    *(("cluster", op) for op in ("Alter", "Describe", "Create", "DescribeConfigs")),
    *(("cluster", op) for op in ("AlterConfigs", "IdempotentWrite")),
]
KINDS = {"topic": "TOPIC", "group": "GROUP", "transactional-id": "TRANSACTIONAL_ID"}
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
CARRIER = "CN=carrier,OU=Logistics,O=Globex Freight"


@pytest.fixture(scope="module")
def users(leases: Leases) -> Iterator[Cluster]:
    """A broker with passwords and with certificates, and a topic ``orders``."""
    backend = EmbeddedBackend()
    doors = (
        ListenerSpec("CLIENT", mechanisms=MECHANISMS),
        ListenerSpec("PARTNERS", "SSL", client_auth="required"),
    )
    spec = ClusterSpec(listeners=doors)
    backend.prepare(spec.version)
    cluster = backend.start(spec, [], leases)
    with Admin(cluster) as admin:
        admin.create_topics({"orders": 1})
        for mechanism in MECHANISMS[1:]:
            set_scram_users(admin, mechanism, {"clerk": "pencil", "chief": "fountain pen"})
        admin.settle_rules()
    yield cluster
    for broker in cluster.brokers:
        broker.kill()


def by_password(cluster: Cluster, user: str, password: str) -> Attempts:
    return Attempts(login(cluster, "CLIENT", user, password, "SCRAM-SHA-256"))


def test_everything_is_denied_without_a_rule_and_nothing_to_the_harness(users: Cluster) -> None:
    harness = Attempts(users.wire(users.brokers[0]))
    clerk = by_password(users, "clerk", "pencil")
    for kind, operation in EVERY:
        name = f"{kind}-x" if kind != "topic" else "orders"
        assert harness.attempt(kind, operation, name) in FINE, (kind, operation)
        assert clerk.attempt(kind, operation, name) in DENIED, (kind, operation)
    assert "orders" in harness.topics()
    assert clerk.topics() == set()
    assert harness.commit("crew", "orders") == 0
    assert "crew" in harness.groups()
    assert clerk.groups() == set()
    assert clerk.commit("crew", "orders") in DENIED
    assert clerk.transaction("t-1", "orders", "crew", "orders")[0] == "InitProducerId"


def test_one_rule_allows_one_attempt(users: Cluster) -> None:
    chief = by_password(users, "chief", "fountain pen")
    with Admin(users) as admin:
        for kind, operation in EVERY:
            name = {"topic": "orders", "cluster": "kafka-cluster"}.get(kind, f"{kind}-y")
            word = "".join(f"_{c}" if c.isupper() else c for c in operation).lstrip("_").upper()
            rule = Acl("chief", KINDS.get(kind, "CLUSTER"), name, word)
            assert chief.attempt(kind, operation, name) in DENIED
            admin.allow([rule])
            assert chief.attempt(kind, operation, name) in FINE, (kind, operation)
            admin.disallow([rule])


def test_a_whole_transaction_and_a_denial_in_its_middle(users: Cluster) -> None:
    chief = by_password(users, "chief", "fountain pen")
    rules = [
        Acl("chief", "TRANSACTIONAL_ID", "t-", "WRITE", prefixed=True),
        Acl("chief", "TOPIC", "orders", "ALL"),
        Acl("chief", "GROUP", "crew", "READ"),
    ]
    with Admin(users) as admin:
        admin.allow(rules)
        for _ in range(2):
            assert chief.transaction("t-1", "orders", "crew", "orders") == ("", 0)
        admin.disallow(rules[2:])
        assert chief.transaction("t-1", "orders", "crew", "orders") == ("AddOffsetsToTxn", 30)
        # A denial takes precedence over whatever is allowed (Kafka, "Authorization and ACLs").
        no = Acl("chief", "TOPIC", "orders", "WRITE", deny=True)
        admin.allow([no])
        assert no in admin.rules("chief")
        assert chief.attempt("topic", "Write", "orders") in DENIED
        assert chief.attempt("topic", "Read", "orders") in FINE


def test_a_certificates_whole_name_is_the_principal(users: Cluster, tmp_path: Path) -> None:
    carrier = show(users, "PARTNERS", Pki(Path(users.pki)).issue("carrier", subject=CARRIER))
    backwards = ",".join(reversed(CARRIER.split(",")))
    with Admin(users) as admin:
        admin.allow([Acl(backwards, "TOPIC", "orders", "READ")])
        assert Attempts(carrier).attempt("topic", "Read", "orders") in DENIED
        admin.allow([Acl(CARRIER, "TOPIC", "orders", "READ")])
        assert Attempts(carrier).attempt("topic", "Read", "orders") in FINE


@pytest.mark.parametrize("mechanism", MECHANISMS[1:])
def test_a_wrong_password_is_refused(users: Cluster, mechanism: str) -> None:
    poll(lambda: bool(login(users, "CLIENT", "clerk", "pencil", mechanism)), 10, "no login")
    with pytest.raises(WireError, match="refused"):
        login(users, "CLIENT", "clerk", "pen", mechanism)
