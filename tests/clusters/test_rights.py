"""Rights in the words of a contract, as rules, and as what a client may do with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from kafka_lab.api import Rights
from kafka_lab.clusters.admin import Acl, Admin
from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.denials import denials, settle
from kafka_lab.clusters.rights import acls, subject
from kafka_lab.clusters.spec import ListenerSpec

CONTRACT = Rights(
    reads=("IN_TOPIC", "MORE_TOPICS", "ABSENT_TOPIC"),
    writes=("APP_ID-*",),
    groups=("APP_ID",),
    transactional_ids=("APP_ID",),
    creates=("APP_ID-*",),
    cluster=("IdempotentWrite",),
    more={"topic:IN_TOPIC": ("DescribeConfigs",), "cluster": ("Alter",)},
)


def test_a_contracts_words_become_rules() -> None:
    rights = CONTRACT.resolved({"IN_TOPIC": "in", "MORE_TOPICS": "a, b", "APP_ID": "app"})
    assert set(acls("me", rights)) == {
        Acl("me", "TOPIC", "in", "READ"),
        Acl("me", "TOPIC", "a", "READ"),
        Acl("me", "TOPIC", "b", "READ"),
        Acl("me", "TOPIC", "app-", "WRITE", prefixed=True),
        Acl("me", "GROUP", "app", "READ"),
        Acl("me", "TRANSACTIONAL_ID", "app", "WRITE", prefixed=True),
        Acl("me", "TOPIC", "app-", "CREATE", prefixed=True),
        Acl("me", "CLUSTER", "kafka-cluster", "IDEMPOTENT_WRITE"),
        Acl("me", "TOPIC", "in", "DESCRIBE_CONFIGS"),
        Acl("me", "CLUSTER", "kafka-cluster", "ALTER"),
    }
    assert Rights.from_json(CONTRACT.to_json()) == CONTRACT
    assert acls("me", Rights(reads=("*",))) == [Acl("me", "TOPIC", "*", "READ")]


def test_what_the_authorizer_calls_a_program() -> None:
    assert subject(ListenerSpec(), "program-0") == "program-0"
    assert subject(ListenerSpec("A", "SASL_SSL"), "program-0") == "program-0"
    assert subject(ListenerSpec("A", "SSL", client_auth="required"), "p") == "CN=p"
    assert subject(ListenerSpec("A", "SSL"), "program-0") == "ANONYMOUS"


def test_rights_let_do_what_they_say_and_no_more(
    cluster: Cluster,
    admin: Admin,
    relay: object,
    program_config: dict[str, Any],
    unique: Callable[[str], str],
) -> None:
    app, topic = unique("app"), unique("topic")
    user = "program-5"
    admin.create_topics({topic: 1})
    client = AdminClient(
        program_config
        | {"sasl.username": user, "sasl.password": cluster.credentials.passwords[user]}
    )

    def create(name: str) -> None:
        client.create_topics([NewTopic(name, 1, 1)])[name].result(20)

    def configs() -> Any:
        resource = ConfigResource(ResourceType.TOPIC, topic)
        return client.describe_configs([resource])[resource].result(20)

    for refused in (lambda: create(f"{app}-x"), configs):
        with pytest.raises(KafkaException, match="AUTHORIZATION_FAILED"):
            refused()
    settle(cluster)
    mine = {(d.operation, d.resource): d.right for d in denials(cluster) if d.principal == user}
    assert mine["CREATE", f"Topic:{app}-x"] == f"to create the topic {app}-x"
    assert mine["DESCRIBE_CONFIGS", f"Topic:{topic}"] == f"of DESCRIBE_CONFIGS on Topic {topic}"

    rights = Rights(creates=("APP_ID-*",), more={"topic:IN_TOPIC": ("DescribeConfigs",)})
    admin.allow(acls(user, rights.resolved({"APP_ID": app, "IN_TOPIC": topic})))
    create(f"{app}-x")
    assert "retention.ms" in configs()
    with pytest.raises(KafkaException, match="AUTHORIZATION_FAILED"):
        create(f"x-{app}")
