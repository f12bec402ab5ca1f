"""A Kerberos realm of an exercise's own, for components beside the cluster.

A cluster with a GSSAPI listener has its realm already (``clusters.kerberos``); this is for graders
that need one without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from kafka_lab.clusters import kerberos
from kafka_lab.clusters.kerberos import Realm
from kafka_lab.services.base import Service
from kafka_lab.services.process import Process


class Kdc(Service):
    """MIT's KDC with a realm made anew; ``principals`` have a keytab each from the start."""

    kind = "kdc"
    keys: ClassVar[Mapping[str, type]] = {"principals": list}

    @classmethod
    def unavailable(cls) -> str:
        return kerberos.unavailable()

    @property
    def realm(self) -> Realm:
        """To make principals and keytabs while it runs. Only between start and stop."""
        assert self.folder is not None
        return Realm(self.folder / "realm")

    def addresses(self) -> dict[str, str]:
        return {"config": str(self.realm.config), "realm": kerberos.REALM}

    def _launch(self, folder: Path) -> list[Process]:
        realm = Realm.create(
            folder / "realm", [str(p) for p in self.settings.get("principals", ())]
        )
        process = Process(
            self.name,
            realm.command(),
            realm.folder,
            self._log(folder),
            self.leases,
            realm.environment(),
        )
        process.launch()
        return [process]

    def _answers(self) -> bool:
        return self.realm.answers()
