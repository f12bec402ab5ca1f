"""A cluster's own certificates and tokens, made anew for each.

A root authority, an intermediate one that signs everything, a certificate for the brokers and
one for each program; the ones that a broker or a client must refuse are made on request. Files
are PEM (KIP-651): ``NAME.pem`` holds key and chain, as brokers want it, ``NAME.crt`` and
``NAME.key`` the same apart, ``ca.pem`` the root. Tokens for OAUTHBEARER are signed JWTs (RFC 7519)
whose public key is in ``jwks.json`` (RFC 7517).
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from jwt.algorithms import RSAAlgorithm

from kafka_lab.clusters.nodeconfig import AUDIENCE

WRONG_HOST = "broker.elsewhere.example"
"""Whom a certificate with a wrong SAN is made out to."""
_DAY = datetime.timedelta(days=1)
_PRIVATE = 0o600


@dataclass(frozen=True)
class Issuer:
    """A key that signs, and the certificate that says so."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()
    """What a server sends after its own certificate: the intermediates, not the root."""


@dataclass(frozen=True)
class Paths:
    """Where one certificate lies: key and chain together, and apart."""

    both: Path
    certificate: Path
    key: Path


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, data: bytes, mode: int = 0o644) -> Path:
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as f:
        f.write(data)
    temporary.replace(path)
    return path


class Pki:
    """Certificates in one folder; another process opens it again by the folder alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, folder: Path, hosts: Sequence[str], programs: Sequence[str]) -> Pki:
        """Make the authorities, the brokers' certificate for ``hosts``, one for each program."""
        folder.mkdir(parents=True, exist_ok=True)
        made = cls(folder)
        root = made._authority("kafka-lab root", None)
        _write(folder / "ca.pem", root.certificate.public_bytes(serialization.Encoding.PEM))
        middle = made._authority("kafka-lab intermediate", root)
        made._keep("intermediate", middle)
        made.issue("broker", hosts=hosts)
        for program in programs:
            made.issue(program, hosts=())
        signer = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        _write(folder / "token.key", _pem(signer), _PRIVATE)
        public = RSAAlgorithm.to_jwk(signer.public_key(), as_dict=True)
        jwks = {"keys": [{**public, "kid": "kafka-lab", "alg": "RS256", "use": "sig"}]}
        _write(folder / "jwks.json", json.dumps(jwks).encode())
        return made

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def paths(self, name: str) -> Paths:
        """Where the certificate of this name lies, or will lie."""
        return Paths(*(self.folder / f"{name}.{kind}" for kind in ("pem", "crt", "key")))

    def issue(
        self,
        name: str,
        hosts: Sequence[str] = (),
        *,
        common_name: str | None = None,
        subject: str = "",
        expired: bool = False,
        issuer: str = "intermediate",
        usages: Sequence[str] = ("server", "client"),
    ) -> Paths:
        """Make a certificate; ``CN=<common_name>``, by default the name.

        ``subject`` is a whole distinguished name instead, as RFC 4514 writes it and Kafka calls
        whoever shows it: the last part first (``CN=carrier,OU=Logistics,O=Globex``).
        ``hosts`` are its subject alternative names: one that lacks a broker's makes a wrong-SAN
        certificate. ``issuer`` is ``intermediate``, ``other`` (an authority that nobody
        trusts), or ``self``. ``usages``: the extended key usages, ``server`` and ``client``.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        if issuer == "self":
            by = None
        elif issuer == "other":
            by = self._authority("somebody else's authority", None)
        else:
            by = self._kept("intermediate")
        now = datetime.datetime.now(datetime.UTC)
        ends = now - _DAY if expired else now + 2 * _DAY
        owner = x509.Name.from_rfc4514_string(subject) if subject else _name(common_name or name)
        kinds = {
            "server": ExtendedKeyUsageOID.SERVER_AUTH,
            "client": ExtendedKeyUsageOID.CLIENT_AUTH,
        }
        builder = (
            x509.CertificateBuilder()
            .subject_name(owner)
            .issuer_name(by.certificate.subject if by else owner)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 3 * _DAY)
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([kinds[u] for u in usages]), critical=False)
        )
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_san(h) for h in hosts]), critical=False
            )
        certificate = builder.sign(by.key if by else key, hashes.SHA256())
        return self._keep(name, Issuer(key, certificate, by.chain if by else ()))

    def refused_broker(self, kind: str, hosts: Sequence[str]) -> Paths:
        """A broker's certificate that clients have to refuse: one of ``spec.CERTIFICATES``.

        But for what is wrong with it, it is the one that brokers have.
        """
        return self.issue(
            f"broker-{kind}",
            [WRONG_HOST] if kind == "wrong-san" else hosts,
            common_name="broker",
            expired=kind == "expired",
            issuer="other" if kind == "other-ca" else "intermediate",
        )

    def token(self, principal: str, seconds: float = 3600, audience: str = AUDIENCE) -> str:
        """A signed token for OAUTHBEARER; ``seconds`` below zero makes one that has expired."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "sub": principal,
            "iss": "kafka-lab",
            "aud": audience,
            "iat": now - 60 if seconds > 0 else now - 7200,
            "exp": now + int(seconds),
            "scope": "kafka",
        }
        signer = (self.folder / "token.key").read_bytes()
        return jwt.encode(claims, signer, algorithm="RS256", headers={"kid": "kafka-lab"})

    def _authority(self, name: str, by: Issuer | None) -> Issuer:
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(by.certificate.subject if by else _name(name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 30 * _DAY)
            .not_valid_after(now + 30 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(by.key if by else key, hashes.SHA256())
        )
        return Issuer(key, certificate, (certificate,) if by else ())

    def _keep(self, name: str, issuer: Issuer) -> Paths:
        chain = [issuer.certificate, *(c for c in issuer.chain if c != issuer.certificate)]
        certificates = b"".join(c.public_bytes(serialization.Encoding.PEM) for c in chain)
        key, where = _pem(issuer.key), self.paths(name)
        _write(where.certificate, certificates)
        _write(where.key, key, _PRIVATE)
        _write(where.both, key + certificates, _PRIVATE)
        return where

    def _kept(self, name: str) -> Issuer:
        where = self.paths(name)
        key = serialization.load_pem_private_key(where.key.read_bytes(), None)
        certificates = x509.load_pem_x509_certificates(where.certificate.read_bytes())
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return Issuer(key, certificates[0], tuple(certificates))


def _san(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
