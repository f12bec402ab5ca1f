from __future__ import annotations

import base64
import uuid
from pathlib import Path

import pytest

from kafka_lab.clusters.base import Address, Credentials
from kafka_lab.clusters.nodeconfig import (
    Listener,
    Node,
    kafka_uuid,
    meta_properties,
    properties,
    render,
)
from kafka_lab.clusters.spec import ClusterSpec

GOLDEN = Path(__file__).parent / "golden"


def node(number: int) -> Node:
    harness, client, relay, controller = (
        Address("127.0.0.1", port + number) for port in (1000, 2000, 3000, 4000)
    )
    listeners = [Listener("HARNESS", harness, harness), Listener("CLIENT", client, relay)]
    if number == 1:
        listeners.insert(0, Listener("CONTROLLER", controller, None))
    return Node(number, number == 1, listeners, "HARNESS", "1@127.0.0.1:4001", f"/data/{number}")


def written(spec: ClusterSpec, number: int) -> str:
    """As the backend writes it, with a fresh cluster's secrets masked."""
    credentials = Credentials.fresh()
    text = render(properties(spec, node(number), credentials))
    for secret in credentials.passwords.values():
        text = text.replace(secret, "***")
    return text


@pytest.mark.parametrize(
    ("name", "spec", "number"),
    [
        ("one-secured", ClusterSpec(), 1),
        ("one-plain", ClusterSpec(secured=False), 1),
        ("three-secured-controller", ClusterSpec(3), 1),
        ("three-secured-broker", ClusterSpec(3), 2),
        ("three-plain-broker", ClusterSpec(3, secured=False), 3),
    ],
)
def test_golden(name: str, spec: ClusterSpec, number: int) -> None:
    assert written(spec, number) == (GOLDEN / f"{name}.properties").read_text()


def test_secrets_are_fresh_and_masked_in_reprs() -> None:
    one, other = Credentials.fresh(), Credentials.fresh()
    assert set(one.passwords) == {"broker", "harness", *(f"program-{i}" for i in range(8))}
    both = [*one.passwords.values(), *other.passwords.values()]
    assert len(set(both)) == len(both)
    assert not any(secret in repr(one) for secret in both)


def test_a_specs_own_properties_win() -> None:
    spec = ClusterSpec(broker_config={"num.io.threads": "9", "message.max.bytes": "77"})
    found = properties(spec, node(1), Credentials.fresh())
    assert found["num.io.threads"] == "9"
    assert found["message.max.bytes"] == "77"


def test_a_program_is_never_a_super_user() -> None:
    found = properties(ClusterSpec(), node(1), Credentials.fresh())
    assert found["super.users"] == "User:broker;User:harness"
    assert found["allow.everyone.if.no.acl.found"] == "false"


def test_render_escapes_what_a_properties_file_would_misread() -> None:
    assert render({"a": "b\\c\nd"}) == "a=b\\\\c\\nd\n"


def test_ids_have_kafkas_own_form() -> None:
    found = kafka_uuid()
    assert len(found) == 22
    assert uuid.UUID(bytes=base64.urlsafe_b64decode(found + "=="))
    lines = dict(line.split("=", 1) for line in meta_properties("C", 3).splitlines())
    assert (lines["version"], lines["cluster.id"], lines["node.id"]) == ("1", "C", "3")
    assert len(lines["directory.id"]) == 22
