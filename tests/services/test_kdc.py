"""A real KDC, asked by MIT's own client."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kafka_lab.clusters.kerberos import REALM, Realm, tool
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Leases
from kafka_lab.services.kdc import Kdc


def kinit(realm: Realm, name: str, keytab: Path) -> str:
    """Ask for a ticket; empty when it was given, else why not."""
    done = subprocess.run(
        [tool("kinit"), "-k", "-t", str(keytab), name],
        env=os.environ | realm.environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stderr.strip() if done.returncode else ""


@pytest.fixture(autouse=True)
def _there() -> None:
    reason = Kdc.unavailable() or ("" if tool("kinit") else "needs kinit: apt install krb5-user")
    if reason and os.environ.get("KAFKA_LAB_REQUIRE_DOCKER") == "1":
        pytest.fail(reason, pytrace=False)
    if reason:
        pytest.skip(reason)


def test_tickets_for_the_right_keys_only(leases: Leases) -> None:
    with Kdc(leases, settings={"principals": ["alice"]}) as kdc:
        realm = kdc.realm
        assert kdc.addresses() == {"config": str(realm.config), "realm": REALM}
        assert kinit(realm, "alice", realm.keytab("alice")) == ""
        assert "no suitable keys for bob" in kinit(realm, "bob", realm.keytab("alice"))
        old = realm.keytab("alice").rename(realm.folder / "old.keytab")
        realm.add("alice")  # a new key: what was kept from before is worth nothing
        assert "Password incorrect" in kinit(realm, "alice", old)
        assert kinit(realm, "alice", realm.keytab("alice")) == ""
        # Seen with the rights of another process, too.
        (process,) = Kdc.attach(kdc.handle(), leases).processes
        assert process.alive()
        folder = kdc.folder
    assert folder is not None
    assert not folder.exists()
    assert not process.alive()


def test_a_kdc_ends_with_its_lease(home: Path, tmp_path: Path) -> None:
    held = Leases.open()
    realm = Realm.create(tmp_path / "realm", [])
    realm.serve(held)
    assert realm.answers()
    held.clear()
    assert not realm.answers()


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch, leases: Leases) -> None:
    monkeypatch.setattr("kafka_lab.clusters.kerberos._TOOLS", ("krb5kdc-that-is-not-here",))
    assert Kdc.unavailable().startswith("needs MIT Kerberos (krb5kdc-that-is-not-here): Debian")
    with pytest.raises(LabError, match="needs MIT Kerberos"):
        Kdc(leases).start()
