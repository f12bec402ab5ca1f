"""What a program finds on a scratch cluster: the contract's topics and rights, made from names.

The manifest's contract lists variables; by their endings they are topics, groups, transactional
ids. A grader makes its own, stricter world; this one is for trying things out by hand.
"""

from __future__ import annotations

import os

from kafka_lab.clusters.admin import Acl, Admin
from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.ports import free_ports
from kafka_lab.clusters.rights import acls, subject
from kafka_lab.exercises.manifest import Manifest

PARTITIONS = 2


def topic_of(variable: str) -> str:
    """The topic that a contract's variable stands for: ``DEAD_LETTERS_TOPIC``, dead-letters."""
    return variable.removesuffix("_TOPIC").lower().replace("_", "-")


def prepare_topics(cluster: Cluster, manifest: Manifest, principal: str) -> dict[str, str]:
    """Create what the contract names; returns variable → value for the program."""
    variables: dict[str, str] = {}
    topics: dict[str, int] = {}
    contract = manifest.contract
    principal = subject(cluster.spec.doors[0], principal)
    rights: list[Acl] = []
    for name in contract.env:
        if name.startswith("KAFKA_"):
            continue
        value = name.lower().replace("_", "-")
        if name.endswith("_TOPIC"):
            value = topic_of(name)
            topics[value] = PARTITIONS
            rights += [Acl(principal, "TOPIC", value, op) for op in ("READ", "WRITE", "DESCRIBE")]
        elif name.endswith("GROUP_ID"):
            rights.append(Acl(principal, "GROUP", value, "READ"))
        elif name.endswith("TRANSACTIONAL_ID"):
            rights.append(Acl(principal, "TRANSACTIONAL_ID", value, "WRITE", prefixed=True))
        elif name.endswith("_PORT"):
            value = os.environ.get(name) or str(free_ports(1)[0])
        else:  # a mode or a limit: only the user knows one that makes sense
            value = os.environ.get(name, contract.run.get(name, value))
        variables[name] = value
    if contract.rights is not None:  # exactly what the check gives
        rights = acls(principal, contract.rights.resolved(variables))
    with Admin(cluster) as admin:
        if topics:
            admin.create_topics(topics)
        if rights and cluster.spec.secured:
            admin.allow(rights)
    return variables
