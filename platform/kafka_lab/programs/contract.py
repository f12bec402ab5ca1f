"""The program contract: what a learner's program is told, by environment alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.nodeconfig import render


def kafka_variables(cluster: Cluster, principal: str, listener: str = "") -> dict[str, str]:
    """The ``KAFKA_*`` variables with which this principal reaches the cluster by the relay.

    ``listener`` names one of the spec's listeners for programs; empty: the first.

    Raises:
        KeyError: when there is no such listener.
    """
    every = {door.name: door for door in cluster.spec.doors}
    door = every[listener] if listener else cluster.spec.doors[0]
    variables = {
        "KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap(door.name),
        "KAFKA_SECURITY_PROTOCOL": door.protocol,
    }
    if door.sasl:
        variables["KAFKA_SASL_MECHANISM"] = door.mechanisms[0]
        if door.mechanisms[0] != "GSSAPI":
            variables["KAFKA_SASL_USERNAME"] = principal
        if door.mechanisms[0] == "OAUTHBEARER":
            from kafka_lab.clusters.pki import Pki

            token = Pki(Path(cluster.pki)).token(principal)
            variables["KAFKA_SASL_OAUTHBEARER_TOKEN"] = token
        elif door.mechanisms[0] == "GSSAPI":
            from kafka_lab.clusters.kerberos import SERVICE, Realm

            realm = Realm(Path(cluster.pki) / "kerberos")
            variables |= {
                "KAFKA_SASL_KERBEROS_SERVICE_NAME": SERVICE,
                "KAFKA_SASL_KERBEROS_PRINCIPAL": realm.principal(principal),
                "KAFKA_SASL_KERBEROS_KEYTAB": str(realm.keytab(principal)),
                "KAFKA_SASL_KERBEROS_KDC": realm.address,
                "KRB5_CONFIG": str(realm.config),
            }
        else:
            variables["KAFKA_SASL_PASSWORD"] = cluster.credentials.passwords[principal]
    if door.tls:
        pki = Path(cluster.pki)
        variables["KAFKA_SSL_CA_LOCATION"] = str(pki / "ca.pem")
        if door.client_auth != "none":
            variables |= {
                "KAFKA_SSL_CERTIFICATE_LOCATION": str(pki / f"{principal}.crt"),
                "KAFKA_SSL_KEY_LOCATION": str(pki / f"{principal}.key"),
            }
    return variables


def client_properties(variables: Mapping[str, str], dialect: str) -> str:
    """The same as a properties file, in Java's keys or librdkafka's.

    Raises:
        ValueError: for another dialect.
    """
    lines = {
        "bootstrap.servers": variables["KAFKA_BOOTSTRAP_SERVERS"],
        "security.protocol": variables["KAFKA_SECURITY_PROTOCOL"],
    }
    mechanism = variables.get("KAFKA_SASL_MECHANISM")
    user = variables.get("KAFKA_SASL_USERNAME", "")
    password = variables.get("KAFKA_SASL_PASSWORD", "")
    keytab = variables.get("KAFKA_SASL_KERBEROS_KEYTAB", "")
    ticket = variables.get("KAFKA_SASL_KERBEROS_PRINCIPAL", "")
    ca = variables.get("KAFKA_SSL_CA_LOCATION")
    certificate = variables.get("KAFKA_SSL_CERTIFICATE_LOCATION")
    # A token runs out and has to come from a callback, which no properties file can be.
    if mechanism == "OAUTHBEARER":
        lines["sasl.mechanism"] = mechanism
        mechanism = None
    if mechanism == "GSSAPI":
        lines["sasl.mechanism"] = mechanism
        lines["sasl.kerberos.service.name"] = variables["KAFKA_SASL_KERBEROS_SERVICE_NAME"]
        if dialect == "java":
            lines["sasl.jaas.config"] = (
                "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true "
                f'storeKey=true doNotPrompt=true keyTab="{keytab}" principal="{ticket}";'
            )
        elif dialect == "librdkafka":
            lines |= {"sasl.kerberos.keytab": keytab, "sasl.kerberos.principal": ticket}
        mechanism = None
    if dialect == "java":
        if mechanism:
            module = (
                "org.apache.kafka.common.security.plain.PlainLoginModule"
                if mechanism == "PLAIN"
                else "org.apache.kafka.common.security.scram.ScramLoginModule"
            )
            lines["sasl.mechanism"] = mechanism
            lines["sasl.jaas.config"] = (
                f'{module} required username="{user}" password="{password}";'
            )
        if ca:
            lines |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": ca}
        if certificate:
            both = str(Path(certificate).with_suffix(".pem"))
            lines |= {"ssl.keystore.type": "PEM", "ssl.keystore.location": both}
    elif dialect == "librdkafka":
        if mechanism:
            lines |= {
                "sasl.mechanism": mechanism,
                "sasl.username": user,
                "sasl.password": password,
            }
        if ca:
            lines["ssl.ca.location"] = ca
        if certificate:
            lines |= {
                "ssl.certificate.location": certificate,
                "ssl.key.location": variables["KAFKA_SSL_KEY_LOCATION"],
            }
    else:
        raise ValueError(f"no such dialect of client configuration: {dialect!r}")
    return render(lines)


def environment(
    cluster: Cluster,
    principal: str,
    dialect: str,
    folder: Path,
    variables: Mapping[str, str],
    built: Mapping[str, str],
) -> dict[str, str]:
    """The whole environment of a program; nothing of kafka-lab's own gets in.

    ``folder`` is private to the program: its home, its temporary files, its ``KAFKA_CONFIG``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kafka = _written(cluster, principal, dialect, folder / "client.properties")
    return {
        "PATH": os.defpath if not os.environ.get("PATH") else os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        **kafka,
        **variables,
        **built,
    }


def prefixed(
    cluster: Cluster, principal: str, dialect: str, folder: Path, prefix: str
) -> dict[str, str]:
    """The variables of one more cluster: ``TARGET_KAFKA_BOOTSTRAP_SERVERS`` and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / f"{prefix.lower()}.properties"
    found = _written(cluster, principal, dialect, config)
    return {f"{prefix}_{name}": value for name, value in found.items()}


def _written(cluster: Cluster, principal: str, dialect: str, config: Path) -> dict[str, str]:
    """The ``KAFKA_*`` variables, with the properties file written."""
    kafka = kafka_variables(cluster, principal)
    config.touch(mode=0o600)
    config.write_text(client_properties(kafka, dialect))
    return {"KAFKA_CONFIG": str(config), **kafka}
