"""Rights as the authorizer's rules (Kafka documentation, "Authorization and ACLs")."""

from __future__ import annotations

from kafka_lab.api import Rights
from kafka_lab.clusters.admin import Acl


def acls(principal: str, rights: Rights) -> list[Acl]:
    """The ALLOW rules for one principal, no more than the rights need.

    Writing and reading imply Describe. IdempotentWrite is not needed beside Write on the topic.
    """
    return [
        *(Acl(principal, "TOPIC", name, "READ") for name in rights.reads),
        *(Acl(principal, "TOPIC", name, "WRITE") for name in rights.writes),
        *(Acl(principal, "GROUP", name, "READ") for name in rights.groups),
        *(
            Acl(principal, "TRANSACTIONAL_ID", name, "WRITE", prefixed=True)
            for name in rights.transactional_ids
        ),
    ]
