"""Brings the rules of the company's users in line with what each of them needs.

What is missing is added first, what is too much is removed after that, and what is right is never
touched: so no running program loses a right on the way, and a second run has nothing to do. Nothing
is remembered between runs: the cluster says what is there.
"""

import os
import sys
from collections.abc import Iterator
from typing import NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from kafka_settings import client_settings

TOPIC, GROUP = ResourceType.TOPIC, ResourceType.GROUP
TRANSACTIONAL_ID = ResourceType.TRANSACTIONAL_ID
LITERAL, PREFIXED = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED
ALLOW, DENY = AclPermissionType.ALLOW, AclPermissionType.DENY
TIMEOUT = 20.0


class Rule(NamedTuple):
    """One rule, with everything that tells it from another."""

    kind: ResourceType
    name: str
    pattern: ResourcePatternType
    principal: str
    host: str
    operation: AclOperation
    permission: AclPermissionType


def principal_of(subject: str) -> str:
    """What brokers call the owner of a certificate: RFC 2253, the last part first."""
    parts = [part.split(" = ", 1) for part in subject.split(", ")]
    return "User:" + ",".join(f"{key}={value}" for key, value in reversed(parts))


def user(variable: str) -> str:
    return f"User:{os.environ[variable]}"


def principals() -> set[str]:
    """Everybody whose rules are ours."""
    names = ("SHOP_USER", "BILLING_USER", "ANALYST_USER", "OPERATOR_USER")
    retired = {f"User:{name}" for name in os.environ["RETIRED_USERS"].split(",")}
    return {user(n) for n in names} | retired | {principal_of(os.environ["CARRIER_SUBJECT"])}


def wanted() -> Iterator[Rule]:
    """What everybody needs, and no more; what denies comes before what allows."""
    orders, private = os.environ["ORDERS_TOPIC"], os.environ["PRIVATE_TOPIC"]
    invoices = os.environ["INVOICES_TOPIC"]
    shop, billing, analyst = user("SHOP_USER"), user("BILLING_USER"), user("ANALYST_USER")
    operator, carrier = user("OPERATOR_USER"), principal_of(os.environ["CARRIER_SUBJECT"])

    # Denying Read alone would leave Describe, which the prefix brings along.
    yield Rule(TOPIC, private, LITERAL, analyst, "*", AclOperation.ALL, DENY)
    yield Rule(TOPIC, orders, PREFIXED, analyst, "*", AclOperation.READ, ALLOW)
    groups = os.environ["ANALYST_GROUPS"]
    yield Rule(GROUP, groups, PREFIXED, analyst, "*", AclOperation.READ, ALLOW)

    yield Rule(TOPIC, orders, LITERAL, shop, "*", AclOperation.WRITE, ALLOW)

    transactions = os.environ["BILLING_TRANSACTIONAL_ID"]
    group = os.environ["BILLING_GROUP_ID"]
    yield Rule(TOPIC, orders, LITERAL, billing, "*", AclOperation.READ, ALLOW)
    yield Rule(GROUP, group, LITERAL, billing, "*", AclOperation.READ, ALLOW)
    yield Rule(TOPIC, invoices, LITERAL, billing, "*", AclOperation.WRITE, ALLOW)
    yield Rule(TRANSACTIONAL_ID, transactions, PREFIXED, billing, "*", AclOperation.WRITE, ALLOW)

    yield Rule(TOPIC, invoices, LITERAL, carrier, "*", AclOperation.READ, ALLOW)
    group = os.environ["CARRIER_GROUP_ID"]
    yield Rule(GROUP, group, LITERAL, carrier, "*", AclOperation.READ, ALLOW)

    for topic in (orders, private, invoices):
        for operation in (AclOperation.DESCRIBE, AclOperation.ALTER_CONFIGS):
            yield Rule(TOPIC, topic, LITERAL, operator, "*", operation, ALLOW)


def present(admin: AdminClient) -> set[Rule]:
    """The rules that our users have now, whatever their shape."""
    everything = AclBindingFilter(
        ResourceType.ANY,
        None,
        ResourcePatternType.ANY,
        None,
        None,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    ours = principals()
    return {
        Rule(
            acl.restype,
            acl.name,
            acl.resource_pattern_type,
            acl.principal,
            acl.host,
            acl.operation,
            acl.permission_type,
        )
        for acl in admin.describe_acls(everything, request_timeout=TIMEOUT).result()
        if acl.principal in ours
    }


def main() -> int:
    admin = AdminClient(client_settings())
    try:
        there = present(admin)
        missing = [rule for rule in wanted() if rule not in there]
        surplus = there - set(wanted())
        if missing:
            made = admin.create_acls([AclBinding(*r) for r in missing], request_timeout=TIMEOUT)
            for future in made.values():
                future.result()
        if surplus:
            gone = admin.delete_acls(
                [AclBindingFilter(*r) for r in surplus], request_timeout=TIMEOUT
            )
            for future in gone.values():
                future.result()
    except KafkaException as e:
        print(f"the rules could not be set: {e}", file=sys.stderr)
        return 1
    for rule in missing:
        print("added", *rule)
    for rule in surplus:
        print("removed", *rule)
    print(f"{len(missing)} rules added, {len(surplus)} removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
