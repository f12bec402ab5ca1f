"""The grader's own way to the registry, past any gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

SECONDS = 30


@dataclass(frozen=True)
class Registered:
    """What the registry says of an id; ``schema`` is empty where it knows none."""

    schema: str = ""
    subjects: tuple[str, ...] = ()


class Desk:
    """Raises ``RuntimeError`` where the registry does not do what it is asked."""

    def __init__(self, url: str) -> None:
        self.url = url

    def register(self, subject: str, schema: Any, kind: str = "AVRO", indent: bool = False) -> int:
        """The schema's id."""
        text = json.dumps(schema, indent=3 if indent else None)
        path = f"/subjects/{quote(subject, safe='')}/versions"
        answer = self._ask("POST", path, {"schema": text, "schemaType": kind})
        return int(self._json(answer)["id"])

    def free(self, subject: str) -> None:
        """Let a subject take any schema."""
        path = f"/config/{quote(subject, safe='')}"
        self._json(self._ask("PUT", path, {"compatibility": "NONE"}))

    def look_up(self, subject: str, schema: Any) -> int:
        """The schema's id under this subject, or -1."""
        path = f"/subjects/{quote(subject, safe='')}"
        answer = self._ask("POST", path, {"schema": json.dumps(schema)})
        return -1 if answer.status_code == 404 else int(self._json(answer)["id"])

    def registered(self, schema_id: int) -> Registered:
        """Schema and subjects of an id."""
        answer = self._ask("GET", f"/schemas/ids/{schema_id}")
        if answer.status_code == 404:
            return Registered()
        versions = self._json(self._ask("GET", f"/schemas/ids/{schema_id}/versions"))
        subjects = tuple(sorted({v["subject"] for v in versions}))
        return Registered(self._json(answer)["schema"], subjects)

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> requests.Response:
        try:
            return requests.request(method, self.url + path, json=body, timeout=SECONDS)
        except requests.RequestException as e:
            raise RuntimeError(f"the registry does not answer: {e}") from e

    @staticmethod
    def _json(answer: requests.Response) -> Any:
        if not answer.ok:
            raise RuntimeError(
                f"the registry says {answer.status_code} to {answer.request.url}: {answer.text}"
            )
        return answer.json()
