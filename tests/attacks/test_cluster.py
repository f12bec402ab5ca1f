"""Attacks on the cluster: its topics, rights and limits, its connections, its life."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AclBindingFilter, AdminClient, ConfigResource

from kafka_lab.api import Outcome, Verdict
from kafka_lab.clusters.admin import Admin
from kafka_lab.grading.attempt import attempts_dir
from kafka_lab.programs.sandbox.limits import PROGRAM
from kafka_lab.runtime import seeds
from kafka_lab.runtime.events import read_events

from .conftest import Grade, usable_kinds
from .scene import stopped
from .test_results import COPIER, nothing

SECONDS = 20


def undefended(code: str, cluster: Any, topic: str) -> str:
    """The same program with all rights on the cluster."""
    config = cluster.harness_client_config()
    env = {
        "PATH": os.environ["PATH"],
        "KAFKA_BOOTSTRAP_SERVERS": config["bootstrap.servers"],
        "KAFKA_SECURITY_PROTOCOL": config["security.protocol"],
        "KAFKA_SASL_MECHANISM": config["sasl.mechanism"],
        "KAFKA_SASL_USERNAME": config["sasl.username"],
        "KAFKA_SASL_PASSWORD": config["sasl.password"],
        "OUT_TOPIC": topic,
        "GROUP_ID": topic,
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60
    )
    return done.stdout + done.stderr


def client(cluster: Any) -> AdminClient:
    return AdminClient(cluster.harness_client_config())


def said(verdict: Verdict) -> str:
    return "\n".join(f.message for c in verdict.checks for f in c.findings)


DELETER = (
    COPIER
    + """
from confluent_kafka.admin import AdminClient
admin = AdminClient(conf)
print(admin.delete_topics([os.environ["OUT_TOPIC"]])[os.environ["OUT_TOPIC"]].exception(20))
"""
)


@stopped("delete a topic", "Kafka's authorizer: a principal with the contract's rights alone")
def test_deletes_a_topic(grade: Grade, box: str, admin: Admin, site: Any) -> None:
    admin.create_topics({"attacked-delete": 1})
    undefended(DELETER, site.cluster, "attacked-delete")
    admin_client = client(site.cluster)
    assert "attacked-delete" not in admin_client.list_topics(timeout=SECONDS).topics
    verdict = grade(DELETER, sandbox=box)
    assert nothing(verdict)
    assert seeds.name(verdict.seed, "out") in admin_client.list_topics(timeout=SECONDS).topics
    assert "denied" in {f.code for c in verdict.checks for f in c.findings}


ALTERER = (
    COPIER
    + """
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource,
                                   ResourceType)
entry = ConfigEntry("retention.ms", "1", incremental_operation=AlterConfigOpType.SET)
topic = ConfigResource(ResourceType.TOPIC, os.environ["OUT_TOPIC"], incremental_configs=[entry])
admin = AdminClient(conf)
print([f.exception(20) for f in admin.incremental_alter_configs([topic]).values()])
"""
)


def retention(cluster: Any, topic: str) -> str:
    admin = client(cluster)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    (found,) = admin.describe_configs([resource]).values()
    return str(found.result(SECONDS)["retention.ms"].value)


@stopped("alter a topic, so that evidence is deleted", "Kafka's authorizer")
def test_alters_a_topic(grade: Grade, box: str, admin: Admin, site: Any) -> None:
    admin.create_topics({"attacked-alter": 1})
    undefended(ALTERER, site.cluster, "attacked-alter")
    assert retention(site.cluster, "attacked-alter") == "1"
    verdict = grade(ALTERER, sandbox=box)
    assert nothing(verdict)
    assert retention(site.cluster, seeds.name(verdict.seed, "out")) != "1"


GRANTER = (
    COPIER
    + """
from confluent_kafka.admin import (AclBinding, AclOperation, AclPermissionType, AdminClient,
                                   ResourcePatternType, ResourceType)
acl = AclBinding(ResourceType.TOPIC, "attacked-" + os.environ["OUT_TOPIC"],
                 ResourcePatternType.LITERAL, "User:mallory", "*", AclOperation.ALL,
                 AclPermissionType.ALLOW)
admin = AdminClient(conf)
print([f.exception(20) for f in admin.create_acls([acl]).values()])
"""
)


def granted(cluster: Any, topic: str) -> bool:
    from confluent_kafka.admin import (
        AclOperation,
        AclPermissionType,
        ResourcePatternType,
        ResourceType,
    )

    everything = AclBindingFilter(
        ResourceType.TOPIC,
        f"attacked-{topic}",
        ResourcePatternType.LITERAL,
        None,
        None,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    admin = client(cluster)
    return bool(admin.describe_acls(everything).result(SECONDS))


@stopped("create ACLs for oneself", "Kafka's authorizer")
def test_creates_acls(grade: Grade, box: str, site: Any) -> None:
    undefended(GRANTER, site.cluster, "rights")
    assert granted(site.cluster, "rights")
    verdict = grade(GRANTER, sandbox=box)
    assert nothing(verdict)
    assert not granted(site.cluster, seeds.name(verdict.seed, "out"))


HUGE = (
    COPIER
    + """
producer = Producer(conf | {"message.max.bytes": 8 << 20})
producer.produce(os.environ["OUT_TOPIC"], bytes(3 << 20),
                 on_delivery=lambda e, m: print("delivered" if e is None else e.name()))
producer.flush(20)
"""
)


@stopped("produce a huge record", "the broker's limit, which a program may not raise")
def test_huge_record(grade: Grade, box: str, admin: Admin, site: Any) -> None:
    undefended(RAISER, site.cluster, "attacked-huge")
    assert "delivered" in undefended(HUGE, site.cluster, "attacked-huge").splitlines()
    verdict = grade(HUGE, sandbox=box)
    assert nothing(verdict)
    assert "MSG_SIZE_TOO_LARGE" in said(verdict)


RAISER = (
    COPIER
    + """
from confluent_kafka.admin import AdminClient, NewTopic
admin = AdminClient(conf)
topic = NewTopic(os.environ["OUT_TOPIC"], 1, 1, config={"max.message.bytes": str(16 << 20)})
admin.create_topics([topic])[os.environ["OUT_TOPIC"]].result(20)
"""
)

BYTES = 400
MANY = int(1.4 * PROGRAM.sent / BYTES)
"""Records that together are more than is let through; smaller ones would only take longer."""
FLOOD = (
    COPIER
    + """
import time
producer = Producer(conf | {"linger.ms": 20, "batch.size": 900000})
end, sent = time.monotonic() + 60, 0
while time.monotonic() < end and sent < MANY:
    try:
        producer.produce(os.environ["OUT_TOPIC"], bytes(BYTES))
        sent += 1
    except BufferError:
        producer.poll(0.01)
producer.flush(20)
os._exit(0)  # what could not be sent is not waited for
""".replace("MANY", str(MANY)).replace("BYTES", str(BYTES))
)


def records(cluster: Any, topic: str) -> int:
    reader = Consumer(cluster.harness_client_config() | {"group.id": "attacked"})
    low, high = reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=SECONDS)
    reader.close()
    return int(high - low)


@stopped("millions of records", "the relay lets a sandbox send so many bytes and requests in all")
def test_flood(grade: Grade, box: str, admin: Admin, site: Any) -> None:
    admin.create_topics({"attacked-flood": 1})
    undefended(FLOOD, site.cluster, "attacked-flood")
    assert records(site.cluster, "attacked-flood") >= MANY
    verdict = grade(FLOOD, sandbox=box)
    assert nothing(verdict)
    arrived = records(site.cluster, seeds.name(verdict.seed, "out"))
    assert 0 < arrived < PROGRAM.sent // BYTES
    events = read_events(attempts_dir() / verdict.attempt / "events.jsonl")
    assert [e["limit"] for e in events if e["kind"] == "program-limit"] == ["sent"]


DIALLER = """
import os, socket, time
host, port = os.environ["KAFKA_BOOTSTRAP_SERVERS"].split(",")[0].rsplit(":", 1)
links = []
for _ in range(COUNT):
    try: links.append(socket.create_connection((host, int(port)), 5))
    except OSError: break
time.sleep(1)
alive = 0
for link in links:
    link.setblocking(False)
    try: alive += link.recv(1) != b""
    except BlockingIOError: alive += 1
    except OSError: pass
print("open", alive)
""".replace("COUNT", str(PROGRAM.connections + 50))


@stopped("exhaust connections", "the relay lets a sandbox have so many at a time")
def test_connections(grade: Grade, kind: str) -> None:
    undefended = grade(DIALLER, sandbox="none", kafka=False)
    assert f"open {PROGRAM.connections + 50}" in said(undefended)
    verdict = grade(DIALLER, sandbox=kind, kafka=False)
    assert nothing(verdict)
    assert f"open {PROGRAM.connections}" in said(verdict).splitlines()


CRASHER = """
import os, signal, time
for name in filter(str.isdigit, os.listdir("/proc")):
    try:
        line = open(f"/proc/{name}/cmdline").read()
    except OSError:
        continue
    if SCRATCH in line and "java" in line:
        os.kill(int(name), signal.SIGKILL)
        print("killed a broker")
time.sleep(1)
"""


@stopped("crash the broker, to force an error and another try", "PID namespace")
def test_crashes_the_broker(grade: Grade, scratch: Path, site: Any) -> None:
    code = CRASHER.replace("SCRATCH", repr(str(scratch)))
    broker = site.cluster.brokers[0]
    for kind in usable_kinds():
        verdict = grade(code, sandbox=kind, kafka=False)
        assert nothing(verdict)
        assert verdict.outcome is Outcome.FAILED
        assert broker.alive()
    try:
        forced = grade(code, sandbox="none", kafka=False)
        assert forced.outcome is Outcome.ERROR, forced
        assert not broker.alive()
    finally:
        broker.kill()
        broker.start()
