"""Rules with kafka-python, written from the brief alone.

A change at a time, old rules first; whatever is wanted is written again in every run, which changes
nothing where it is there. Rights that others imply are spelled out.
"""

from __future__ import annotations

import os
import sys

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)

E = os.environ
OPS = ACLOperation


def rules(who, kind, name, *operations, prefix=False, deny=False):
    pattern = ACLResourcePatternType.PREFIXED if prefix else ACLResourcePatternType.LITERAL
    verb = ACLPermissionType.DENY if deny else ACLPermissionType.ALLOW
    return [ACL(who, "*", op, verb, ResourcePattern(kind, name, pattern)) for op in operations]


def distinguished(printed):
    return ",".join("=".join(part.split(" = ")) for part in printed.split(", ")[::-1])


def main():
    config = {
        "bootstrap_servers": E["KAFKA_BOOTSTRAP_SERVERS"].split(","),
        "security_protocol": E["KAFKA_SECURITY_PROTOCOL"],
    }
    if "KAFKA_SASL_MECHANISM" in E:
        config |= {
            "sasl_mechanism": E["KAFKA_SASL_MECHANISM"],
            "sasl_plain_username": E["KAFKA_SASL_USERNAME"],
            "sasl_plain_password": E["KAFKA_SASL_PASSWORD"],
        }
    if "KAFKA_SSL_CA_LOCATION" in E:
        config["ssl_cafile"] = E["KAFKA_SSL_CA_LOCATION"]

    orders, private, invoices = E["ORDERS_TOPIC"], E["PRIVATE_TOPIC"], E["INVOICES_TOPIC"]
    topic, group = ResourceType.TOPIC, ResourceType.GROUP
    shop, billing = f"User:{E['SHOP_USER']}", f"User:{E['BILLING_USER']}"
    analyst, operator = f"User:{E['ANALYST_USER']}", f"User:{E['OPERATOR_USER']}"
    carrier = f"User:{distinguished(E['CARRIER_SUBJECT'])}"
    produce, consume = (OPS.WRITE, OPS.DESCRIBE), (OPS.READ, OPS.DESCRIBE)
    instances = (ResourceType.TRANSACTIONAL_ID, E["BILLING_TRANSACTIONAL_ID"])

    wanted = [
        *rules(analyst, topic, private, OPS.DESCRIBE, OPS.READ, deny=True),
        *rules(analyst, topic, orders, *consume, prefix=True),
        *rules(analyst, group, E["ANALYST_GROUPS"], *consume, prefix=True),
        *rules(shop, topic, orders, *produce),
        *rules(billing, topic, orders, *consume),
        *rules(billing, group, E["BILLING_GROUP_ID"], *consume),
        *rules(billing, topic, invoices, *produce),
        *rules(billing, *instances, *produce, prefix=True),
        *rules(carrier, topic, invoices, *consume),
        *rules(carrier, group, E["CARRIER_GROUP_ID"], *consume),
    ]
    for name in (orders, private, invoices):
        configs = (OPS.DESCRIBE, OPS.DESCRIBE_CONFIGS, OPS.ALTER_CONFIGS)
        wanted += rules(operator, topic, name, *configs)

    client = KafkaAdminClient(**config)
    try:
        people = [shop, billing, analyst, carrier, operator]
        people += [f"User:{name}" for name in E["RETIRED_USERS"].split(",")]
        for who in people:
            anything = ResourcePatternFilter(
                ResourceType.ANY, None, ACLResourcePatternType.ANY
            )
            found, _ = client.describe_acls(
                ACLFilter(who, None, OPS.ANY, ACLPermissionType.ANY, anything)
            )
            for rule in found:
                if rule not in wanted:
                    for _, _, error in client.delete_acls([rule]):
                        if error.errno:
                            raise error()
        for rule in wanted:
            for error in client.create_acls([rule])["failed"]:
                raise error()
    finally:
        client.close()


if __name__ == "__main__":
    try:
        main()
    except Exception as e:
        sys.exit(f"{type(e).__name__}: {e}")
