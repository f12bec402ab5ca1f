"""A cluster's own Kerberos realm: MIT's KDC on a loopback port, keytabs, ``krb5.conf``.

Everything lies in one folder, needs no root, and touches neither the machine's ``/etc/krb5.conf``
nor its realms. The KDC's file formats are MIT's (kdc.conf(5), krb5.conf(5)); how a broker uses them
is in the Kafka documentation, "Authentication using SASL/Kerberos".
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from kafka_lab.clusters.ports import free_ports
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Leases

REALM = "KAFKA.LAB"
SERVICE = "kafka"
"""``sasl.kerberos.service.name``: the first part of the brokers' principal."""
HOST = "localhost"
"""The second part. Java's clients look up the name of the address that they connect to, and every
relay and broker is on the loopback interface."""
GET_ONE = "Debian/Ubuntu: apt install krb5-kdc krb5-admin-server; Fedora: dnf install krb5-server"

_TOOLS = ("krb5kdc", "kdb5_util", "kadmin.local")
_READY = 10.0
_ETYPE = "aes256-cts-hmac-sha1-96"

_KDC_CONF = """\
[kdcdefaults]
 kdc_listen = 127.0.0.1:{port}
 kdc_tcp_listen = 127.0.0.1:{port}
[realms]
 {realm} = {{
  database_name = {folder}/database
  key_stash_file = {folder}/stash
  acl_file = {folder}/acl
  supported_enctypes = {etype}:normal
  master_key_type = {etype}
  max_life = 12h
 }}
[logging]
 kdc = FILE:{folder}/kdc.log
"""

# Nothing is looked up elsewhere, and names are taken as they are given. A ticket is asked for by
# TCP: what is refused there is refused at once, and not after a time-out.
_KRB5_CONF = """\
[libdefaults]
 default_realm = {realm}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
[realms]
 {realm} = {{
  kdc = 127.0.0.1:{port}
 }}
"""


def tool(name: str) -> str:
    """One of MIT's programs; they are often not on an ordinary user's path. Empty: not here."""
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    return shutil.which(name, path=places) or ""


def unavailable() -> str:
    """Why no realm can be made on this machine ("needs X: install Y"), or nothing."""
    missing = [name for name in _TOOLS if not tool(name)]
    return f"needs MIT Kerberos ({', '.join(missing)}): {GET_ONE}" if missing else ""


class Realm:
    """A realm in a folder; another process opens it again by the folder alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def config(self) -> Path:
        """``krb5.conf`` for clients and brokers: ``KRB5_CONFIG``, ``java.security.krb5.conf``."""
        return self.folder / "krb5.conf"

    @property
    def log(self) -> Path:
        """What the KDC has issued and refused."""
        return self.folder / "kdc.log"

    @staticmethod
    def principal(name: str) -> str:
        return f"{name}@{REALM}"

    @property
    def broker(self) -> str:
        """The brokers' principal, without its realm."""
        return f"{SERVICE}/{HOST}"

    def keytab(self, name: str) -> Path:
        """The file with the key of a principal (a slash becomes a dash)."""
        return self.folder / f"{name.replace('/', '-')}.keytab"

    @classmethod
    def create(cls, folder: Path, names: Sequence[str]) -> Realm:
        """Make a realm with the brokers' principal and these, each with a random key in a keytab.

        Raises:
            LabError: when MIT's programs are not here, or refuse.
        """
        if reason := unavailable():
            what, _, fix = reason.partition(": ")
            raise LabError(f"Kerberos {what}", fix)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = cls(folder)
        (port,) = free_ports(1)
        told = {"port": port, "realm": REALM, "folder": folder, "etype": _ETYPE}
        made.config.write_text(_KRB5_CONF.format(**told))
        (folder / "kdc.conf").write_text(_KDC_CONF.format(**told))
        (folder / "acl").touch()
        # The database lives as long as its folder, which nobody else can read.
        made._run(["kdb5_util", "-r", REALM, "create", "-s", "-P", "master"])
        for name in (made.broker, *names):
            made.add(name)
        return made

    def add(self, name: str) -> Path:
        """Make a principal with a new random key, or give it a new key; returns its keytab.

        A keytab that somebody kept from before holds a key that is no longer valid.
        """
        keytab = self.keytab(name)
        keytab.unlink(missing_ok=True)
        orders = f"addprinc -randkey {name}\nktadd -k {keytab} {name}\n"
        self._run(["kadmin.local", "-r", REALM], orders)
        if not keytab.is_file():
            raise LabError(f"Kerberos made no key for {name}", "this is a fault of the lab")
        return keytab

    def command(self) -> list[str]:
        """The KDC in the foreground."""
        return [tool("krb5kdc"), "-n", "-r", REALM, "-P", str(self.folder / "kdc.pid")]

    def environment(self) -> dict[str, str]:
        """With which MIT's programs use this realm and no other."""
        return {
            "KRB5_CONFIG": str(self.config),
            "KRB5_KDC_PROFILE": str(self.folder / "kdc.conf"),
            "KRB5CCNAME": f"FILE:{self.folder / 'cache'}",
        }

    @property
    def address(self) -> str:
        """The KDC's ``host:port``. A sandbox lets a program through to it by this."""
        return self.config.read_text().rpartition("kdc = ")[2].split()[0]

    def answers(self) -> bool:
        """Whether the KDC takes connections."""
        host, port = self.address.split(":")
        try:
            with socket.create_connection((host, int(port)), timeout=1):
                return True
        except OSError:
            return False

    def serve(self, leases: Leases) -> None:
        """Start the KDC under a lease, and wait until it answers. It ends with the lease.

        Raises:
            LabError: when it does not come up.
        """
        with (self.folder / "kdc.out").open("wb") as out:
            child = subprocess.Popen(
                self.command(),
                env=os.environ | self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
            )
        try:
            leases.process(child.pid)
        except OSError:  # cleared meanwhile: whoever asked has gone
            child.kill()
            raise
        end = time.monotonic() + _READY
        while not self.answers():
            if child.poll() is not None or time.monotonic() > end:
                said = (self.folder / "kdc.out").read_text(errors="replace")[-500:]
                raise LabError(f"the KDC did not start: {said}", "try again")
            time.sleep(0.005)  # polled, with a deadline

    def _run(self, argv: list[str], orders: str = "") -> None:
        done = subprocess.run(
            [tool(argv[0]), *argv[1:]],
            input=orders,
            env=os.environ | self.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise LabError(f"{argv[0]}: {done.stderr.strip()[-500:]}", "see krb5's own manual")
