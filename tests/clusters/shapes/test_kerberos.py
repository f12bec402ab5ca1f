"""GSSAPI against a real KDC, with Java's own client: librdkafka's wheels have no GSSAPI."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kafka_lab.clusters import kerberos
from kafka_lab.clusters.admin import Acl, Admin
from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.embedded import image
from kafka_lab.clusters.kerberos import Realm
from kafka_lab.clusters.ports import listening_socket
from kafka_lab.clusters.registry import Backend
from kafka_lab.clusters.spec import ClusterSpec, ListenerSpec
from kafka_lab.faults.relay import Relay, doors
from kafka_lab.programs.contract import client_properties, kafka_variables
from kafka_lab.programs.toolchains.jdk import Jdk, find_jdk
from kafka_lab.runtime.errors import LabError
from shapes import shape
from shapes.clients import read
from shapes.conftest import Start

CLIENT = """
import java.nio.file.*;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

public class Client {
  public static void main(String[] args) throws Exception {
    Properties config = new Properties();
    config.load(Files.newBufferedReader(Path.of(args[0])));
    config.put("max.block.ms", "20000");
    config.put("default.api.timeout.ms", "20000");
    var text = new StringSerializer();
    try (var producer = new KafkaProducer<>(config, text, text)) {
      producer.send(new ProducerRecord<>(args[1], "by ticket")).get();
    } catch (Exception e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      System.out.println("refused " + cause.getClass().getSimpleName());
      System.exit(0);
    }
    var strings = new StringDeserializer();
    try (var consumer = new KafkaConsumer<>(config, strings, strings)) {
      var partition = new TopicPartition(args[1], 0);
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      ConsumerRecords<String, String> got = ConsumerRecords.empty();
      for (int i = 0; i < 100 && got.isEmpty(); i++) got = consumer.poll(Duration.ofMillis(200));
      for (var r : got) System.out.println("read " + r.value());
    }
  }
}
"""


def test_without_a_full_jdk_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from kafka_lab.clusters.embedded import java

    java.kerberos_java.cache_clear()
    monkeypatch.setattr(java, "_kerberos", lambda program: False)
    with pytest.raises(LabError, match=r"no Java here can do Kerberos") as caught:
        java.kerberos_java()
    assert "apt install openjdk-17-jdk-headless" in caught.value.fix
    assert java.kerberos_missing().startswith("needs a Java with Kerberos for brokers: install")
    java.kerberos_java.cache_clear()


@pytest.fixture(scope="module")
def jdk() -> Jdk:
    found = find_jdk()
    reason = kerberos.unavailable() or ("" if isinstance(found, Jdk) else str(found))
    if reason and os.environ.get("KAFKA_LAB_REQUIRE_DOCKER") == "1":
        pytest.fail(reason, pytrace=False)
    if reason:
        pytest.skip(reason)
    assert isinstance(found, Jdk)
    return found


@pytest.fixture(scope="module")
def program(jdk: Jdk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("client")
    (folder / "Client.java").write_text(CLIENT)
    jar = image.prepare(ClusterSpec().version, None, lambda made: None).jar
    subprocess.run([jdk.javac, "-cp", jar, "Client.java"], cwd=folder, check=True, timeout=120)
    return folder


def run(jdk: Jdk, program: Path, cluster: Cluster, principal: str, topic: str, keytab: Path) -> str:
    """What the client says; it knows nothing but its contract's variables."""
    told = kafka_variables(cluster, principal) | {"KAFKA_SASL_KERBEROS_KEYTAB": str(keytab)}
    config = program / "client.properties"
    config.write_text(client_properties(told, "java"))
    jar = image.prepare(ClusterSpec().version, None, lambda made: None).jar
    krb5 = f"-Djava.security.krb5.conf={told['KRB5_CONFIG']}"
    done = subprocess.run(
        [jdk.java, krb5, "-cp", f"{program}:{jar}", "Client", config, topic],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    return done.stdout.strip() or done.stderr[-1500:]


@shape(
    "GSSAPI with a KDC of its own",
    "a ticket gets in; one without rights, and a key that was changed, do not",
    refused_by="testcontainers",
)
def test_tickets(start: Start, backend: Backend, jdk: Jdk, program: Path) -> None:
    door = listening_socket()
    spec = ClusterSpec(listeners=(ListenerSpec("CLIENT", mechanisms=("GSSAPI",)),))
    if backend.name == "testcontainers":
        with pytest.raises(LabError, match="GSSAPI cannot be had in containers"):
            start(spec)
        return
    cluster = start(spec, [door.getsockname()[1]])
    realm = Realm(Path(cluster.pki) / "kerberos")
    relay = Relay([door], doors(cluster)).start()
    try:
        with Admin(cluster) as admin:
            admin.create_topics({"t": 1})
            admin.allow([Acl("program-0", "TOPIC", "t", "ALL")])
        right = realm.keytab("program-0")
        assert run(jdk, program, cluster, "program-0", "t", right) == "read by ticket"
        assert read(cluster.harness_client_config(), "t", 1) == [b"by ticket"]
        assert "TopicAuthorizationException" in run(
            jdk, program, cluster, "program-1", "t", realm.keytab("program-1")
        )
        old = right.rename(realm.folder / "old.keytab")
        realm.add("program-0")
        said = run(jdk, program, cluster, "program-0", "t", old)
        assert "refused" in said or "Failed to construct kafka producer" in said
        assert run(jdk, program, cluster, "program-0", "t", right).startswith("read by ticket")
        assert "program-0@" in realm.log.read_text()
    finally:
        relay.stop()
