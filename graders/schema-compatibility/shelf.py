"""The real registry, filled with the earlier versions of subjects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import requests

from subjects import Subject, Written

_FILLER = Written({"type": "record", "name": "Gone", "fields": []})
"""What a version was that is deleted again, to leave a gap."""


class Shelf:
    """Speaks the Confluent API, with the grader's own client."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()

    def _ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        return self._session.request(method, f"{self._url}{path}", json=body, timeout=30)

    def _do(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._ask(method, path, body)
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer.json()

    def level(self, level: str, subject: str = "") -> None:
        self._do("PUT", f"/config/{subject}" if subject else "/config", {"compatibility": level})

    def fill(self, subjects: Sequence[Subject], default: str) -> None:
        """Register all versions, whatever their levels would say to them; then set the levels."""
        self.level("NONE")
        for subject in subjects:
            number = 0
            for version in subject.versions:
                while (number := number + 1) < version.number:
                    self._register(subject.name, _numbered(number))
                    self._do("DELETE", f"/subjects/{subject.name}/versions/{number}")
                self._register(subject.name, version.written)
            if number > len(subject.versions):
                there = self._do("GET", f"/subjects/{subject.name}/versions")
                assert there == [one.number for one in subject.versions], (subject.name, there)
            if subject.level and subject.versions:
                self.level(subject.level, subject.name)
        self.level(default)

    def _register(self, subject: str, written: Written) -> None:
        self._do("POST", f"/subjects/{subject}/versions", _body(written))

    def takes(self, subject: str, written: Written) -> bool | None:
        """Whether the registry registers a schema, 409 being no; ``None`` for another refusal."""
        answer = self._ask("POST", f"/subjects/{subject}/versions", _body(written))
        return {200: True, 409: False}.get(answer.status_code)

    def compatible(self, subject: str, version: int, written: Written) -> bool:
        """What the registry says of a schema and one version, at the subject's level.

        It needs no registration, and so is not kept from it by an earlier version of the same text.
        """
        path = f"/compatibility/subjects/{subject}/versions/{version}"
        return bool(self._do("POST", path, _body(written))["is_compatible"])


def _numbered(number: int) -> Written:
    """Another one for each gap: a registry takes the same schema for the same version."""
    return Written({**_FILLER.schema, "name": f"Gone{number}"})


def _body(written: Written) -> dict[str, Any]:
    body: dict[str, Any] = {"schema": written.text}
    if written.references:
        body["references"] = [one.to_json() for one in written.references]
    return body
