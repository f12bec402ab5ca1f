"""What single shapes need beside a broker: a remote storage manager, an exporter, secrets."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from kafka_lab.clusters.base import Address
from kafka_lab.clusters.kerberos import Realm
from kafka_lab.clusters.spec import PROGRAM_PRINCIPALS, ClusterSpec
from kafka_lab.runtime import maven
from kafka_lab.runtime.leases import Leases

_TIERED = ("kafka-storage", "kafka-clients", "kafka-server-common")
_AGENT = "jmx_prometheus_javaagent"
EXPORTER_RULES = "startDelaySeconds: 0\nlowercaseOutputName: true\nrules:\n  - pattern: '.*'\n"
"""Every MBean as a metric: whoever wants fewer gives the broker rules of their own."""


def locked() -> list[maven.Artifact]:
    """Every jar that is for some shapes only, with its checksum."""
    return maven.read_lock(files(__package__).joinpath("locks", "extras.lock").read_text())


def tiered_jars(version: str) -> list[Path]:
    """The jars with Kafka's own LocalTieredStorage (KIP-405), fetched if need be.

    Raises:
        LabError: when they cannot be fetched.
    """
    wanted = [a for a in locked() if a.name in _TIERED and a.version == version]
    return maven.fetch(wanted)


def agent_jar() -> Path:
    """The JMX exporter's Java agent, fetched if need be. Raises ``LabError``."""
    return maven.fetch([a for a in locked() if a.name == _AGENT])[0]


def agent_flags(folder: Path, at: Address) -> tuple[str, ...]:
    """JVM flags for an exporter that serves ``/metrics`` at an address."""
    rules = folder / "jmx-exporter.yml"
    rules.write_text(EXPORTER_RULES)
    return (f"-javaagent:{agent_jar()}={at.host}:{at.port}:{rules}",)


def needs_secrets(spec: ClusterSpec) -> bool:
    """Whether a cluster needs certificates, a key for tokens, or a Kerberos realm."""
    return spec.tls or bool(spec.mechanisms() & {"OAUTHBEARER", "GSSAPI"})


def make_secrets(spec: ClusterSpec, folder: Path, hosts: Sequence[str], leases: Leases) -> str:
    """Make certificates and keys where the spec needs them; the folder, or empty.

    With GSSAPI a KDC is started as well, and ends with the leases.

    Raises:
        LabError: when there can be no KDC on this machine.
    """
    if not needs_secrets(spec):
        return ""
    from kafka_lab.clusters.pki import Pki  # cryptography is slow to import, and rarely needed

    programs = [f"program-{n}" for n in range(PROGRAM_PRINCIPALS)]
    made = Pki.create(folder, hosts, programs)
    if "GSSAPI" in spec.mechanisms():
        Realm.create(folder / "kerberos", programs).serve(leases)
    for door in spec.doors:
        if door.tls and door.certificate != "valid":
            made.refused_broker(door.certificate, hosts)
    return str(folder)


def kerberos_flags(pki: str) -> tuple[str, ...]:
    """Let the JVM know the realm, and no other of this machine."""
    return (f"-Djava.security.krb5.conf={Realm(Path(pki) / 'kerberos').config}",)


def token_flags(pki: str) -> tuple[str, ...]:
    """Let the JVM read the tokens' public key from its file (CVE-2025-27817's allow list)."""
    return (f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://{pki}/jwks.json",)
