"""Sets the rights of the company's users. It runs, and it is not right yet: see README.md."""

import os
import sys

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from kafka_settings import client_settings


def user(variable: str) -> str:
    return f"User:{os.environ[variable]}"


def main() -> int:
    admin = AdminClient(client_settings())
    # The shop can write its orders. Can it do anything else now? And who is still missing?
    rules = [
        AclBinding(
            ResourceType.TOPIC,
            os.environ["ORDERS_TOPIC"],
            ResourcePatternType.PREFIXED,
            user("SHOP_USER"),
            "*",
            AclOperation.ALL,
            AclPermissionType.ALLOW,
        ),
    ]
    for answer in admin.create_acls(rules).values():
        answer.result()
    return 0


if __name__ == "__main__":
    sys.exit(main())
