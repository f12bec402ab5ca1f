"""Who gets in, and who does not: always after somebody did."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from kafka_lab.clusters.accounts import set_scram
from kafka_lab.clusters.admin import Acl, Admin
from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.pki import WRONG_HOST, Paths, Pki
from kafka_lab.clusters.ports import listening_socket
from kafka_lab.clusters.spec import ClusterSpec, ListenerSpec
from kafka_lab.faults.relay import Relay, doors
from kafka_lab.programs.contract import kafka_variables
from shapes import shape
from shapes.clients import read, refusal, write
from shapes.conftest import Start

MUTUAL = ListenerSpec("MUTUAL", "SSL", client_auth="required")
BETWEEN = ListenerSpec("INTERNAL", "SSL", client_auth="required")
SASL = ListenerSpec("PASSWORDS", "SASL_SSL", ("SCRAM-SHA-512", "SCRAM-SHA-256", "OAUTHBEARER"))


def _tls(cluster: Cluster, client: Paths | None, door: str = "MUTUAL") -> dict[str, Any]:
    pki = Pki(Path(cluster.pki))
    config: dict[str, Any] = {
        "bootstrap.servers": cluster.bootstrap(door),
        "security.protocol": "SSL",
        "ssl.ca.location": str(pki.ca),
    }
    if client:
        config |= {
            "ssl.certificate.location": str(client.certificate),
            "ssl.key.location": str(client.key),
        }
    return config


@shape("mutual TLS", "the right certificate gets in; expired, foreign, self-signed and none do not")
def test_only_the_right_certificate_gets_in(start: Start) -> None:
    cluster = start(ClusterSpec(listeners=(MUTUAL,)))
    pki = Pki(Path(cluster.pki))
    with Admin(cluster) as admin:
        admin.create_topics({"t": 1})
        admin.allow([Acl("CN=program-0", "TOPIC", "t", "ALL")])
    right = _tls(cluster, pki.paths("program-0"))
    write(right, "t", b"in")
    assert read(cluster.harness_client_config(), "t", 1) == [b"in"]
    for bad in (
        pki.issue("expired", common_name="program-0", expired=True),
        pki.issue("foreign", common_name="program-0", issuer="other"),
        pki.issue("selfmade", common_name="program-0", issuer="self"),
        None,
    ):
        assert refusal(_tls(cluster, bad)).startswith(("_SSL", "_TRANSPORT"))
    with pytest.raises(AssertionError, match="TOPIC_AUTHORIZATION_FAILED"):
        write(_tls(cluster, pki.paths("program-1")), "t", b"another principal")


REFUSED = {
    "expired": "certificate has expired",
    "wrong-san": "IP address mismatch",
    "other-ca": "unable to get local issuer certificate",
}


@shape(
    "brokers' certificates", "valid, expired, of a wrong SAN, of another CA: each reason is told"
)
def test_a_client_says_why_it_refuses_a_broker(start: Start) -> None:
    names = {kind: kind.replace("-", "").upper() for kind in ("valid", *REFUSED)}
    cluster = start(
        ClusterSpec(
            listeners=tuple(ListenerSpec(n, "SSL", certificate=kind) for kind, n in names.items())
        )
    )
    context = ssl.create_default_context(cafile=str(Pki(Path(cluster.pki)).ca))
    ports = {kind: int(cluster.bootstrap(n).rpartition(":")[2]) for kind, n in names.items()}
    _handshake(context, ports["valid"], "127.0.0.1")
    for kind, reason in REFUSED.items():
        with pytest.raises(ssl.SSLCertVerificationError, match=reason):
            _handshake(context, ports[kind], "127.0.0.1")
        # Kafka's own clients refuse it for the same reason.
        told = refusal(_tls(cluster, None, names[kind]) | {"debug": "security"})
        assert told.startswith("_SSL"), told
    # It is this certificate and no other thing: who is called as it says is let in.
    _handshake(context, ports["wrong-san"], WRONG_HOST)


@shape("TLS through the relay", "bytes pass unread; a broker of another name is refused")
def test_tls_crosses_the_relay_and_names_are_checked(start: Start) -> None:
    door = listening_socket()
    cluster = start(ClusterSpec(listeners=(MUTUAL,)), [door.getsockname()[1]])
    pki = Pki(Path(cluster.pki))
    relay = Relay([door], doors(cluster)).start()
    try:
        with Admin(cluster) as admin:
            admin.create_topics({"t": 1})
            admin.allow([Acl("CN=program-0", "TOPIC", "t", "ALL")])
        variables = kafka_variables(cluster, "program-0")
        assert variables["KAFKA_SSL_KEY_LOCATION"] == str(pki.paths("program-0").key)
        write(_tls(cluster, pki.paths("program-0")), "t", b"through")
        assert relay.history == []
        context = ssl.create_default_context(cafile=str(pki.ca))
        with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
            _handshake(context, door.getsockname()[1], "elsewhere.example")
    finally:
        relay.stop()


def _handshake(context: ssl.SSLContext, port: int, name: str) -> None:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=name),
    ):
        pass


def _sasl(cluster: Cluster, mechanism: str, **more: Any) -> dict[str, Any]:
    return {
        "bootstrap.servers": cluster.bootstrap("PASSWORDS"),
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(Pki(Path(cluster.pki)).ca),
        "sasl.mechanism": mechanism,
        **more,
    }


@shape("SCRAM and OAUTHBEARER over TLS", "passwords changed while it runs; expired tokens refused")
def test_passwords_and_tokens(start: Start) -> None:
    cluster = start(ClusterSpec(listeners=(SASL, ListenerSpec("CLIENT"))))
    pki = Pki(Path(cluster.pki))
    user = {"sasl.username": "program-0"}
    right = user | {"sasl.password": cluster.credentials.passwords["program-0"]}
    with Admin(cluster) as admin:
        admin.create_topics({"t": 1})
        admin.allow([Acl("program-0", "TOPIC", "t", "ALL")])
        for mechanism in ("SCRAM-SHA-512", "SCRAM-SHA-256"):
            write(_sasl(cluster, mechanism, **right), "t", b"scram")
        assert "AUTHENTICATION" in refusal(
            _sasl(cluster, "SCRAM-SHA-512", **user, **{"sasl.password": "wrong"})
        )
        set_scram(admin, "program-0", "SCRAM-SHA-512", "changed")
        write(_sasl(cluster, "SCRAM-SHA-512", **user, **{"sasl.password": "changed"}), "t", b"new")
        assert "AUTHENTICATION" in refusal(_sasl(cluster, "SCRAM-SHA-512", **right))
        assert "AUTHENTICATION" in refusal(_sasl(cluster, "PLAIN", **right))

    def token(seconds: float) -> dict[str, Any]:
        made = pki.token("program-0", seconds)
        # The client believes what it is told of the token's life; the broker does not.
        return {"oauth_cb": lambda _: (made, time.time() + 3600)}

    write(_sasl(cluster, "OAUTHBEARER", **token(3600)), "t", b"token")
    assert "AUTHENTICATION" in refusal(_sasl(cluster, "OAUTHBEARER", **token(-60)))


@shape("TLS between brokers, 3 of them", "a record reaches all replicas")
def test_brokers_talk_by_tls(start: Start) -> None:
    cluster = start(ClusterSpec(3, internal=BETWEEN))
    with Admin(cluster) as admin:
        admin.create_topics({"t": 3}, 3)
        write(cluster.harness_client_config() | {"acks": "all"}, "t", b"x")
        assert all(len(isr) == 3 for isr in admin.in_sync("t").values())
