from __future__ import annotations

import base64
import os
import uuid
from pathlib import Path

import pytest

from kafka_lab.clusters.base import Address, Credentials
from kafka_lab.clusters.nodeconfig import kafka_uuid, meta_properties, properties, render
from kafka_lab.clusters.spec import PROGRAM_PRINCIPALS, ClusterSpec, ListenerSpec
from kafka_lab.clusters.topology import Node, Place, nodes

GOLDEN = Path(__file__).parent / "golden"


def node(spec: ClusterSpec, number: int) -> Node:
    bases = {"HARNESS": 1000, "CLIENT": 2000, "CONTROLLER": 4000, "INTERNAL": 5000}

    def ground(broker: int, listener: str) -> Place:
        place = Address("127.0.0.1", bases.get(listener, 6000) + broker)
        return Place(place, place)

    relay_ports = [3000 + n for n in range(1, spec.sockets + 1)]
    every = nodes(spec, relay_ports, ground, lambda n: [f"/data/{n}"], lambda n: "/pki")
    return next(n for n in every if n.id == number)


def written(spec: ClusterSpec, number: int) -> str:
    """As the backend writes it, with a fresh cluster's secrets masked."""
    credentials = Credentials.fresh()
    text = render(properties(spec, node(spec, number), credentials))
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
        ("separate-controller", ClusterSpec(2, controllers=3, separate=True), 4),
        (
            "one-with-tls",
            ClusterSpec(
                racks=("a",),
                listeners=(
                    ListenerSpec("MUTUAL", "SSL", client_auth="required"),
                    ListenerSpec("TOKENS", "SASL_SSL", ("SCRAM-SHA-512", "OAUTHBEARER")),
                ),
                internal=ListenerSpec("INTERNAL", "SSL", client_auth="required"),
            ),
            1,
        ),
    ],
)
def test_golden(name: str, spec: ClusterSpec, number: int) -> None:
    golden = GOLDEN / f"{name}.properties"
    if os.environ.get("KAFKA_LAB_GOLDEN") == "1":
        golden.write_text(written(spec, number))
    assert written(spec, number) == golden.read_text()


def test_secrets_are_fresh_and_masked_in_reprs() -> None:
    one, other = Credentials.fresh(), Credentials.fresh()
    own = {"broker", "harness", "connect", "nobody"}
    assert set(one.passwords) == own | {f"program-{i}" for i in range(PROGRAM_PRINCIPALS)}
    both = [*one.passwords.values(), *other.passwords.values()]
    assert len(set(both)) == len(both)
    assert not any(secret in repr(one) for secret in both)


def test_a_specs_own_properties_win() -> None:
    spec = ClusterSpec(broker_config={"num.io.threads": "9", "message.max.bytes": "77"})
    found = properties(spec, node(spec, 1), Credentials.fresh())
    assert found["num.io.threads"] == "9"
    assert found["message.max.bytes"] == "77"


def test_a_program_is_never_a_super_user() -> None:
    found = properties(ClusterSpec(), node(ClusterSpec(), 1), Credentials.fresh())
    assert found["super.users"] == "User:broker;User:harness"
    assert found["allow.everyone.if.no.acl.found"] == "false"


def test_render_escapes_what_a_properties_file_would_misread() -> None:
    assert render({"a": "b\\c\nd"}) == "a=b\\\\c\\nd\n"


def test_no_id_looks_like_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    dashed, plain = uuid.UUID(int=0xF8 << 120), uuid.UUID(int=0x10 << 120)
    assert base64.urlsafe_b64encode(dashed.bytes).startswith(b"-")
    drawn = iter([dashed, dashed, plain])
    monkeypatch.setattr(uuid, "uuid4", lambda: next(drawn))
    assert kafka_uuid() == "EAAAAAAAAAAAAAAAAAAAAA"


def test_ids_have_kafkas_own_form() -> None:
    found = kafka_uuid()
    assert len(found) == 22
    assert uuid.UUID(bytes=base64.urlsafe_b64decode(found + "=="))
    lines = dict(line.split("=", 1) for line in meta_properties("C", 3).splitlines())
    assert (lines["version"], lines["cluster.id"], lines["node.id"]) == ("1", "C", "3")
    assert len(lines["directory.id"]) == 22
