"""Prometheus and Alertmanager from the system's packages."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from kafka_lab.clusters.ports import free_ports
from kafka_lab.runtime.errors import LabError
from kafka_lab.services.base import Service
from kafka_lab.services.process import Process
from kafka_lab.services.tools import complaint, find
from kafka_lab.services.unit import Unit

_SCRAPE, _EVALUATE = "2s", "250ms"
"""An exercise lives for seconds. But a broker's exporter takes a quarter of a second for its 11,000
series, and no scrape may take longer than the time to the next."""
_NO_RULES = "groups: []\n"


@lru_cache(maxsize=1)
def _tools() -> dict[str, str]:
    return {
        "prometheus": find("prometheus"),
        "promtool": find("promtool"),
        # Debian calls it otherwise than its makers.
        "alertmanager": find("prometheus-alertmanager") or find("alertmanager"),
        "amtool": find("amtool"),
    }


@dataclass(frozen=True)
class Sample:
    """One series of an instant query's answer."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Alert:
    """An alert of Prometheus. ``state``: ``pending`` or ``firing``."""

    name: str
    state: str
    labels: Mapping[str, str]


class Prometheus(Service):
    """Scrapes the exporters of the cluster's brokers, if its spec has ``jmx``, as the job
    ``kafka``, with the label ``broker``. Rules and the way of alerts come by ``configure``."""

    kind = "prometheus"
    keys: ClassVar[Mapping[str, type]] = {"scrape_interval": str}

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self._ports: list[int] = [0, 0]

    @classmethod
    def unavailable(cls) -> str:
        lacks = [tool for tool, path in _tools().items() if not path]
        if lacks:
            package = "apt-get install prometheus prometheus-alertmanager"
            return (
                f"needs Prometheus and Alertmanager ({', '.join(lacks)}): install it with {package}"
            )
        return ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._ports[0]}"

    @property
    def alertmanager_url(self) -> str:
        return f"http://127.0.0.1:{self._ports[1]}"

    def addresses(self) -> dict[str, str]:
        return {"url": self.url, "alertmanager_url": self.alertmanager_url}

    def _launch(self, folder: Path) -> list[Unit]:
        self._ports = free_ports(2)
        (folder / "rules.yml").write_text(_NO_RULES)
        self._write(folder, {})
        (folder / "alertmanager.yml").write_text(_alertmanager(""))
        tools = _tools()
        server = [tools["prometheus"], f"--config.file={folder / 'prometheus.yml'}"]
        server += [f"--storage.tsdb.path={folder / 'data'}", "--web.enable-lifecycle"]
        server += [f"--web.listen-address=127.0.0.1:{self._ports[0]}", "--log.level=warn"]
        manager = [tools["alertmanager"], f"--config.file={folder / 'alertmanager.yml'}"]
        manager += [f"--storage.path={folder / 'alerts'}", "--cluster.listen-address="]
        manager += [f"--web.listen-address=127.0.0.1:{self._ports[1]}", "--log.level=warn"]
        processes: list[Unit] = [
            Process("prometheus", server, folder, self._log(folder), self.leases),
            Process(
                "alertmanager", manager, folder, self._log(folder, "alertmanager"), self.leases
            ),
        ]
        self.processes = processes  # from here on they are ended with the service
        for process in processes:
            process.launch()
        return processes

    def _write(self, folder: Path, more: Mapping[str, list[str]]) -> None:
        """prometheus.yml (JSON is YAML). ``more``: job → its targets."""
        jobs: list[dict[str, Any]] = []
        brokers = self.kafka.brokers if self._kafka else ()
        exporters = [(b.id, str(b.metrics)) for b in brokers if b.metrics]
        if exporters:
            configs = [{"targets": [at], "labels": {"broker": str(n)}} for n, at in exporters]
            jobs.append({"job_name": "kafka", "static_configs": configs})
        for job, targets in more.items():
            jobs.append({"job_name": job, "static_configs": [{"targets": targets}]})
        manager = {"static_configs": [{"targets": [f"127.0.0.1:{self._ports[1]}"]}]}
        config = {
            "global": {
                "scrape_interval": self.settings.get("scrape_interval", _SCRAPE),
                "evaluation_interval": _EVALUATE,
            },
            "rule_files": [str(folder / "rules.yml")],
            "alerting": {"alertmanagers": [manager]},
            "scrape_configs": jobs,
        }
        (folder / "prometheus.yml").write_text(json.dumps(config, indent=1))

    # -- configuration ----------------------------------------------------------------------

    def configure(
        self,
        rules: str = _NO_RULES,
        webhook: str = "",
        alertmanager: str = "",
        scrape: Mapping[str, list[str]] | None = None,
    ) -> None:
        """Give it rules (YAML), and Alertmanager either a webhook's URL, to which every alert and
        its end are sent at once, or a whole configuration (YAML). ``scrape``: job → more targets,
        ``host:port``. What is not given is as at the start.

        Raises:
            LabError: when Prometheus or Alertmanager refuses. What a learner wrote is to be seen
                by ``rules_complaint`` and ``alertmanager_complaint`` before.
        """
        import requests

        if self.folder is None:
            raise LabError(f"the service {self.name} is not running", "start it first")
        (self.folder / "rules.yml").write_text(rules)
        self._write(self.folder, scrape or {})
        (self.folder / "alertmanager.yml").write_text(alertmanager or _alertmanager(webhook))
        for what, url in (("Prometheus", self.url), ("Alertmanager", self.alertmanager_url)):
            answer = requests.post(f"{url}/-/reload", timeout=30)
            if not answer.ok:
                raise LabError(f"{what} refuses its configuration: {answer.text.strip()}")

    @staticmethod
    def rules_complaint(rules: str) -> str:
        """What promtool has against a file of rules; empty if nothing."""
        return _complaint([_tools()["promtool"], "check", "rules"], rules)

    @staticmethod
    def alertmanager_complaint(config: str) -> str:
        """What amtool has against a configuration of Alertmanager; empty if nothing."""
        return _complaint([_tools()["amtool"], "check-config"], config)

    # -- what it knows ----------------------------------------------------------------------

    def query(self, promql: str) -> list[Sample]:
        """An instant query's answer. Raises ``LabError`` with Prometheus's words."""
        found = self._ask("query", {"query": promql})
        if found["resultType"] == "scalar":
            return [Sample({}, float(found["result"][1]))]
        return [Sample(r["metric"], float(r["value"][1])) for r in found["result"]]

    def alerts(self) -> list[Alert]:
        """What is pending or firing now."""
        return [
            Alert(a["labels"]["alertname"], a["state"], a["labels"])
            for a in self._ask("alerts", {})["alerts"]
        ]

    def targets(self) -> dict[str, str]:
        """Scraped URL → ``up``, ``down`` or ``unknown``."""
        found = self._ask("targets", {"state": "active"})["activeTargets"]
        return {t["scrapeUrl"]: t["health"] for t in found}

    def _ask(self, what: str, parameters: Mapping[str, str]) -> Any:
        import requests

        answer = requests.get(f"{self.url}/api/v1/{what}", params=parameters, timeout=30)
        try:
            raw = answer.json()
        except ValueError as e:
            raise LabError(f"Prometheus answers {answer.status_code}: {answer.text}") from e
        if raw["status"] != "success":
            raise LabError(f"Prometheus refuses {what}: {raw.get('error')}")
        return raw["data"]

    def _answers(self) -> bool:
        import requests

        urls = (self.url, self.alertmanager_url)
        return all([requests.get(f"{url}/-/ready", timeout=5).ok for url in urls])

    def _facts(self) -> dict[str, Any]:
        return {"ports": self._ports}

    def _restore(self, facts: Mapping[str, Any]) -> None:
        self._ports = list(facts["ports"])


def _alertmanager(webhook: str) -> str:
    """A configuration that passes everything on at once, and its end too."""
    receiver: dict[str, Any] = {"name": "webhook"}
    if webhook:
        receiver["webhook_configs"] = [{"url": webhook, "send_resolved": True}]
    route = {
        "receiver": "webhook",
        "group_by": ["..."],
        "group_wait": "0s",
        "group_interval": "1s",
        "repeat_interval": "1h",
    }
    return json.dumps({"route": route, "receivers": [receiver]}, indent=1)


def _complaint(argv: list[str], text: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yml"
        path.write_text(text)
        return complaint([*argv, str(path)]).replace(f"{folder}/", "")
