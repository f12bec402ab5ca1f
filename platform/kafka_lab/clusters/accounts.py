"""SCRAM users, quotas and features: what a cluster keeps in its metadata, changed at run time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping

from kafka.protocol.admin.client_quotas import AlterClientQuotasRequest, AlterClientQuotasResponse
from kafka.protocol.admin.users import (
    AlterUserScramCredentialsRequest,
    AlterUserScramCredentialsResponse,
)

from kafka_lab.clusters.admin import Admin, AdminError
from kafka_lab.clusters.base import Cluster

_ITERATIONS = 4096
_SCRAM = {"SCRAM-SHA-256": (1, "sha256"), "SCRAM-SHA-512": (2, "sha512")}


def set_scram(admin: Admin, user: str, mechanism: str, password: str) -> None:
    """Make a SCRAM user, or change the password (KIP-554).

    Raises:
        AdminError: when the cluster refuses.
    """
    set_scram_users(admin, mechanism, {user: password})


def set_scram_users(admin: Admin, mechanism: str, passwords: Mapping[str, str]) -> None:
    """Several users of one mechanism in one request. Raises ``AdminError``."""
    number, digest = _SCRAM[mechanism]
    upsert = AlterUserScramCredentialsRequest.ScramCredentialUpsertion
    wanted = []
    for user, password in passwords.items():
        salt = os.urandom(16)
        salted = hashlib.pbkdf2_hmac(digest, password.encode(), salt, _ITERATIONS)
        wanted.append(
            upsert(
                name=user,
                mechanism=number,
                iterations=_ITERATIONS,
                salt=salt,
                salted_password=salted,
            )
        )
    answer = admin.call(
        AlterUserScramCredentialsRequest(version=0, deletions=[], upsertions=wanted),
        AlterUserScramCredentialsResponse,
    )
    for result in answer.results:
        if result.error_code:
            raise AdminError(f"SCRAM user {result.user}: {result.error_message}")


def create_scram_users(cluster: Cluster) -> None:
    """Every user of the cluster, for each SCRAM mechanism that a listener offers."""
    mechanisms = sorted(cluster.spec.mechanisms() & _SCRAM.keys())
    if not mechanisms:
        return
    with Admin(cluster) as admin:
        for mechanism in mechanisms:
            set_scram_users(admin, mechanism, cluster.credentials.passwords)


def set_quota(
    admin: Admin, limits: Mapping[str, float | None], user: str = "", client_id: str = ""
) -> None:
    """Set client quotas (KIP-546); ``None`` removes one.

    ``limits`` by Kafka's names: ``producer_byte_rate``, ``consumer_byte_rate`` (bytes a second
    and broker), ``request_percentage``. At least one of ``user`` and ``client_id`` is given;
    ``*`` means its default.

    Raises:
        AdminError: when the cluster refuses.
    """
    entry = AlterClientQuotasRequest.EntryData
    entity = [
        entry.EntityData(entity_type=kind, entity_name=None if name == "*" else name)
        for kind, name in (("user", user), ("client-id", client_id))
        if name
    ]
    ops = [
        entry.OpData(key=key, value=value or 0.0, remove=value is None)
        for key, value in limits.items()
    ]
    answer = admin.call(
        AlterClientQuotasRequest(
            version=1, entries=[entry(entity=entity, ops=ops)], validate_only=False
        ),
        AlterClientQuotasResponse,
    )
    for result in answer.entries:
        if result.error_code:
            raise AdminError(f"quota refused: {result.error_message}")
