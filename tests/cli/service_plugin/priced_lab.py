"""An instructor's package with an exercise that needs services, one of them of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from kafka_lab.api import API_VERSION, ExerciseSource, hookimpl
from kafka_lab.clusters.ports import free_ports
from kafka_lab.services.base import Service
from kafka_lab.services.process import Process

KAFKA_LAB_API = API_VERSION
HOME = Path(__file__).with_name("priced")


class Shelf(Service):
    """A folder, served by Python's own HTTP server."""

    kind = "shelf"
    keys = {"text": str}  # noqa: RUF012
    _port = 0

    @classmethod
    def unavailable(cls) -> str:
        return ""

    def addresses(self) -> dict[str, str]:
        return {"url": f"http://127.0.0.1:{self._port}"}

    def _launch(self, folder: Path) -> list[Process]:
        (folder / "currency").write_text(self.settings["text"])
        [self._port] = free_ports(1)
        argv = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(self._port)]
        process = Process("shelf", argv, folder, self._log(folder), self.leases)
        process.launch()
        return [process]

    def _answers(self) -> bool:
        import requests

        return requests.get(self.addresses()["url"], timeout=5).ok

    def _facts(self):
        return {"port": self._port}

    def _restore(self, facts) -> None:
        self._port = facts["port"]


class Absent(Service):
    """What this machine never has."""

    kind = "absent"

    @classmethod
    def unavailable(cls) -> str:
        return "needs Unobtainium: install it with apt-get install unobtainium"

    def _launch(self, folder: Path) -> list[Process]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError


@hookimpl
def kafka_lab_exercises():
    return [
        ExerciseSource(HOME, HOME / "solution", HOME / "grader"),
        ExerciseSource.in_folder(HOME.with_name("unpriced")),
    ]


@hookimpl
def kafka_lab_services():
    return {"shelf": lambda: Shelf, "absent": lambda: Absent}
