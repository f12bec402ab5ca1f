"""A client of Connect's REST interface (Kafka documentation, "Kafka Connect: REST API")."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

_REBALANCING = 409


class ConnectError(Exception):
    """Connect refused; ``status`` is HTTP's. A bad configuration is 400, sometimes 500."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


@dataclass(frozen=True)
class TaskState:
    """A task: RUNNING, FAILED, PAUSED, UNASSIGNED, RESTARTING; ``trace`` of a failed one."""

    id: int
    state: str
    worker: str
    trace: str = ""


@dataclass(frozen=True)
class ConnectorState:
    """A connector and its tasks; ``state`` as for tasks, also STOPPED."""

    name: str
    state: str
    worker: str
    trace: str = ""
    tasks: tuple[TaskState, ...] = field(default=())

    @property
    def running(self) -> bool:
        """Whether the connector and at least one task run, and no task does not."""
        return self.state == "RUNNING" and {t.state for t in self.tasks} == {"RUNNING"}

    @property
    def failure(self) -> str:
        """The trace of what has failed, or nothing."""
        traces = [t.trace for t in self.tasks if t.state == "FAILED"]
        return self.trace if self.state == "FAILED" else "\n".join(traces)


class ConnectClient:
    """One worker's address; any worker answers for the whole group."""

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        self.url = url
        self._timeout = timeout

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request; while the group rebalances (409) it is repeated until ``timeout``.

        Raises:
            ConnectError: when Connect refuses.
            OSError: when nobody answers.
        """
        end = time.monotonic() + self._timeout
        while True:
            answer = requests.request(method, self.url + path, json=body, timeout=self._timeout)
            if answer.ok:
                return answer.json() if answer.content else None
            if answer.status_code != _REBALANCING or time.monotonic() > end:
                try:
                    message = answer.json()["message"]
                except (ValueError, KeyError, TypeError):
                    message = answer.text
                raise ConnectError(answer.status_code, str(message))
            time.sleep(0.05)  # nothing announces the end of a rebalance; with a deadline

    def healthy(self) -> bool:
        """Whether this worker has joined its group and read its state (KIP-1017)."""
        return requests.get(self.url + "/health", timeout=5).ok

    def connectors(self) -> list[str]:
        return sorted(self.ask("GET", "/connectors"))

    def plugins(self) -> list[str]:
        """Class names of the connectors that can be had."""
        return sorted(p["class"] for p in self.ask("GET", "/connector-plugins"))

    def put(self, name: str, config: Mapping[str, str]) -> None:
        """Create a connector, or change it."""
        self.ask("PUT", f"/connectors/{name}/config", {**config, "name": name})

    def validate(self, config: Mapping[str, str]) -> dict[str, list[str]]:
        """Setting → what Connect finds wrong with it; ``config`` names ``connector.class``."""
        short = config["connector.class"].rpartition(".")[2]
        found = self.ask("PUT", f"/connector-plugins/{short}/config/validate", dict(config))
        values = [c["value"] for c in found["configs"]]
        return {str(v["name"]): list(v["errors"]) for v in values if v["errors"]}

    def state(self, name: str) -> ConnectorState | None:
        """How it is; ``None`` when there is none, or not yet."""
        try:
            raw = self.ask("GET", f"/connectors/{name}/status")
        except ConnectError as e:
            if e.status == requests.codes.not_found:
                return None
            raise
        own = raw["connector"]
        tasks = tuple(
            TaskState(int(t["id"]), t["state"], t["worker_id"], t.get("trace", ""))
            for t in raw["tasks"]
        )
        return ConnectorState(name, own["state"], own["worker_id"], own.get("trace", ""), tasks)

    def wait_running(self, name: str, timeout: float = 30.0) -> ConnectorState | None:
        """Wait until it runs or has failed; its state then, or at the deadline."""
        end = time.monotonic() + timeout
        while True:
            state = self.state(name)
            if (state and (state.running or state.failure)) or time.monotonic() > end:
                return state
            time.sleep(0.02)  # polled, with a deadline

    def offsets(self, name: str) -> list[dict[str, Any]]:
        """What the connector has recorded as done (KIP-875)."""
        return list(self.ask("GET", f"/connectors/{name}/offsets")["offsets"])

    def pause(self, name: str) -> None:
        self.ask("PUT", f"/connectors/{name}/pause")

    def resume(self, name: str) -> None:
        self.ask("PUT", f"/connectors/{name}/resume")

    def restart(self, name: str) -> None:
        """Restart the connector and all its tasks (KIP-745)."""
        self.ask("POST", f"/connectors/{name}/restart?includeTasks=true")

    def delete(self, name: str) -> None:
        self.ask("DELETE", f"/connectors/{name}")
