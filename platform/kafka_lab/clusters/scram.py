"""The client's side of SCRAM (RFC 5802), for raw connections."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode

HASHES = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}


class ScramClient:
    """One exchange: ``first()`` is sent, ``final(answer)`` is sent, ``verified(answer)`` ends it.

    Names and passwords are plain ASCII here: SASLprep would change nothing of them.
    """

    def __init__(self, user: str, password: str, mechanism: str) -> None:
        self._hash = HASHES[mechanism]
        self._password = password.encode()
        name = user.replace("=", "=3D").replace(",", "=2C")
        self._nonce = secrets.token_urlsafe(18)
        self._bare = f"n={name},r={self._nonce}"
        self._proof = b""

    def first(self) -> bytes:
        return f"n,,{self._bare}".encode()

    def final(self, challenge: bytes) -> bytes:
        """The proof, for the server's challenge. Raises ``ValueError`` for another's nonce."""
        parts = dict(part.split("=", 1) for part in challenge.decode().split(","))
        if not parts["r"].startswith(self._nonce):
            raise ValueError("the answer belongs to another login")
        salted = hashlib.pbkdf2_hmac(
            self._hash, self._password, b64decode(parts["s"]), int(parts["i"])
        )
        without = f"c={b64encode(b'n,,').decode()},r={parts['r']}"
        signed = f"{self._bare},{challenge.decode()},{without}".encode()
        key = self._mac(salted, b"Client Key")
        signature = self._mac(hashlib.new(self._hash, key).digest(), signed)
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        self._proof = self._mac(self._mac(salted, b"Server Key"), signed)
        return f"{without},p={b64encode(proof).decode()}".encode()

    def verified(self, answer: bytes) -> bool:
        """Whether the server knows the password too."""
        return answer == b"v=" + b64encode(self._proof)

    def _mac(self, key: bytes, text: bytes) -> bytes:
        return hmac.new(key, text, self._hash).digest()
