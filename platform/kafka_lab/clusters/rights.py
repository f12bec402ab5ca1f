"""Rights as the authorizer's rules (Kafka documentation, "Authorization and ACLs")."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kafka_lab.api import Rights
from kafka_lab.clusters.admin import Acl
from kafka_lab.clusters.spec import ListenerSpec

CLUSTER = "kafka-cluster"
"""The name of the one resource of the type CLUSTER."""


def subject(door: ListenerSpec, principal: str) -> str:
    """What the authorizer calls a program that comes in by this listener.

    A TLS listener without SASL knows it by its certificate's name, or not at all.
    """
    if door.sasl:
        return principal
    return (
        f"CN={principal}" if door.protocol == "SSL" and door.client_auth != "none" else "ANONYMOUS"
    )


def acls(principal: str, rights: Rights) -> list[Acl]:
    """The ALLOW rules for one principal, no more than the rights need.

    Writing and reading imply Describe. IdempotentWrite is not needed beside Write on the topic.
    """
    return list(dict.fromkeys(_acls(principal, rights)))


def _acls(principal: str, rights: Rights) -> Iterator[Acl]:
    for operation, topics in (
        ("READ", rights.reads),
        ("WRITE", rights.writes),
        ("CREATE", rights.creates),
    ):
        for name in topics:
            yield _rule(principal, "TOPIC", name, operation)
    for name in rights.groups:
        yield _rule(principal, "GROUP", name, "READ")
    for name in rights.transactional_ids:
        yield Acl(principal, "TRANSACTIONAL_ID", name.removesuffix("*"), "WRITE", prefixed=True)
    for word in rights.cluster:
        yield Acl(principal, "CLUSTER", CLUSTER, kafkas(word))
    for resource, operations in rights.more.items():
        kind, _, name = resource.partition(":")
        for word in operations:
            yield _rule(principal, kind.upper(), name or CLUSTER, kafkas(word))


def _rule(principal: str, kind: str, name: str, operation: str) -> Acl:
    # A lone star is Kafka's own word for every name.
    if name.endswith("*") and name != "*":
        return Acl(principal, kind, name[:-1], operation, prefixed=True)
    return Acl(principal, kind, name, operation)


def kafkas(word: str) -> str:
    """An operation as the protocol's enumeration has it: ``IdempotentWrite``, IDEMPOTENT_WRITE."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).upper()
