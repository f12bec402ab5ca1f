"""What a program is told, and in which words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from kafka_lab.clusters.base import Cluster
from kafka_lab.faults.relay import Relay
from kafka_lab.programs.contract import client_properties, environment, kafka_variables

SCRAM = {
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1,127.0.0.1:2",
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "KAFKA_SASL_USERNAME": "program-0",
    "KAFKA_SASL_PASSWORD": "secret",
    "KAFKA_SSL_CA_LOCATION": "/ca.pem",
}


def properties(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if line)


def test_the_environment_is_the_contract_and_nothing_else(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KAFKA_LAB_HOME", "KAFKA_CONFIG", "PYTHONPATH", "JAVA_TOOL_OPTIONS", "MY_SECRET"):
        monkeypatch.setenv(name, "leaks")
    monkeypatch.setenv("PATH", "/somewhere")
    folder = tmp_path / "home" / "me"
    env = environment(
        cluster, "program-3", "librdkafka", folder, {"IN_TOPIC": "in"}, {"GOMAXPROCS": "2"}
    )
    assert env == {
        "PATH": "/somewhere",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "KAFKA_CONFIG": str(folder / "client.properties"),
        "KAFKA_BOOTSTRAP_SERVERS": cluster.program_bootstrap,
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_SASL_MECHANISM": "PLAIN",
        "KAFKA_SASL_USERNAME": "program-3",
        "KAFKA_SASL_PASSWORD": cluster.credentials.passwords["program-3"],
        "IN_TOPIC": "in",
        "GOMAXPROCS": "2",
    }
    assert "harness" not in str(env.values())
    assert cluster.harness_bootstrap not in env.values()
    assert Path(env["KAFKA_CONFIG"]).stat().st_mode & 0o077 == 0
    monkeypatch.setenv("PATH", "")
    again = environment(cluster, "program-3", "java", folder, {}, {})
    assert again["PATH"] == os.defpath
    assert "JaasConfig" not in again
    assert "sasl.jaas.config" in Path(again["KAFKA_CONFIG"]).read_text()


def test_the_file_logs_a_real_client_in(cluster: Cluster, relay: Relay, tmp_path: Path) -> None:
    env = environment(cluster, "program-2", "librdkafka", tmp_path / "home", {}, {})
    config = properties(Path(env["KAFKA_CONFIG"]).read_text())
    client = AdminClient(config | {"log_level": "0"})
    found = client.list_topics(timeout=20)
    assert found.cluster_id == cluster.cluster_id
    assert {str(b) for b in found.brokers} == {"1"}
    logins = {r.principal for r in relay.history if r.api == "SaslAuthenticate"}
    assert "program-2" in logins


def test_in_the_words_of_librdkafka() -> None:
    assert properties(client_properties(SCRAM, "librdkafka")) == {
        "bootstrap.servers": "127.0.0.1:1,127.0.0.1:2",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "program-0",
        "sasl.password": "secret",
        "ssl.ca.location": "/ca.pem",
    }


@pytest.mark.parametrize(
    ("mechanism", "module"), [("PLAIN", "plain.Plain"), ("SCRAM-SHA-512", "scram.Scram")]
)
def test_in_the_words_of_java(mechanism: str, module: str) -> None:
    found = properties(client_properties(SCRAM | {"KAFKA_SASL_MECHANISM": mechanism}, "java"))
    login = found.pop("sasl.jaas.config")
    assert f"{module}LoginModule required" in login
    assert 'username="program-0" password="secret";' in login
    assert found == {
        "bootstrap.servers": "127.0.0.1:1,127.0.0.1:2",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": mechanism,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": "/ca.pem",
    }


@pytest.mark.parametrize("dialect", ["java", "librdkafka"])
def test_without_security_nothing_is_said_of_it(dialect: str) -> None:
    plain = {"KAFKA_BOOTSTRAP_SERVERS": "h:1", "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}
    assert properties(client_properties(plain, dialect)) == {
        "bootstrap.servers": "h:1",
        "security.protocol": "PLAINTEXT",
    }


def test_another_dialect() -> None:
    with pytest.raises(ValueError, match="'kafkajs'"):
        client_properties(SCRAM, "kafkajs")


def test_an_unknown_principal(cluster: Cluster) -> None:
    with pytest.raises(KeyError):
        kafka_variables(cluster, "program-99")
