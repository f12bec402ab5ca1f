"""Where earlier versions come from: a registry, or a folder laid out as the brief says."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from avro_schema import CannotJudge, Names, Node, parse

NOT_FOUND = (40401, 40402, 40408)
"""The registry's own codes: no such subject, no such version, no level of its own."""


class Unreachable(CannotJudge):
    """Nothing at all can be learnt from this baseline."""


@dataclass(frozen=True)
class Written:
    """A schema's text and its references: type name, subject, version."""

    text: str
    references: Sequence[dict[str, Any]] = ()


class Baseline(Protocol):
    def level(self, subject: str) -> str: ...

    def versions(self, subject: str) -> list[int]: ...

    def written(self, subject: str, version: int) -> Written: ...


def resolved(baseline: Baseline, written: Written) -> Node:
    """The schema with everything that it refers to."""
    names: Names = {}
    _collect(baseline, written, names, set())
    return parse(written.text, names)


def _collect(
    baseline: Baseline, written: Written, names: Names, done: set[tuple[str, int]]
) -> None:
    for one in written.references:
        try:
            at = (str(one["subject"]), int(one["version"]))
        except (KeyError, TypeError, ValueError):
            raise CannotJudge(f"this is no reference: {one!r}") from None
        if at not in done:
            done.add(at)
            target = baseline.written(*at)
            _collect(baseline, target, names, done)
            parse(target.text, names)


class Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if not folder.is_dir():
            raise Unreachable(f"there is no folder {folder}")
        levels = folder / "levels.json"
        self._levels = _json(levels) if levels.exists() else {}

    def level(self, subject: str) -> str:
        named = self._levels.get("subjects", {})
        return str(named.get(subject) or self._levels.get("default") or "BACKWARD")

    def versions(self, subject: str) -> list[int]:
        found = (self._folder / subject).glob("*.avsc")
        return sorted(int(path.stem) for path in found)

    def written(self, subject: str, version: int) -> Written:
        return read(self._folder / subject / f"{version}.avsc")


def read(path: Path) -> Written:
    """A schema's file, with the references that lie beside it."""
    beside = path.with_name(path.name.removesuffix(".avsc") + ".refs.json")
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise CannotJudge(f"{path.name} of {path.parent.name} cannot be read: {e}") from None
    return Written(text, _json(beside) if beside.exists() else ())


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as e:
        raise CannotJudge(f"{path} cannot be read: {e}") from None


class _NotFound(Exception):
    pass


class Registry:
    def __init__(self, url: str, timeout: float) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout

    def _get(self, *parts: str | int, query: str = "") -> Any:
        path = "/".join(urllib.parse.quote(str(part), safe="") for part in parts) + query
        try:
            with urllib.request.urlopen(f"{self._url}/{path}", timeout=self._timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as e:
            # Only the registry itself says which thing it does not have; anybody says 404.
            if e.code == 404 and _code(e) in NOT_FOUND:
                raise _NotFound from None
            raise Unreachable(f"the registry answers {e.code} to /{path}") from None
        except (OSError, ValueError) as e:
            raise Unreachable(f"no answer of a registry to /{path}: {e}") from None

    def level(self, subject: str) -> str:
        try:
            found = self._get("config", subject, query="?defaultToGlobal=true")
        except _NotFound:
            found = self._get("config")
        return str(found["compatibilityLevel"])

    def versions(self, subject: str) -> list[int]:
        try:
            return sorted(self._get("subjects", subject, "versions"))
        except _NotFound:
            return []

    def written(self, subject: str, version: int) -> Written:
        try:
            found = self._get("subjects", subject, "versions", version)
        except _NotFound:
            raise CannotJudge(f"there is no {subject} version {version}") from None
        except Unreachable as e:
            raise CannotJudge(str(e)) from None
        return Written(found["schema"], found.get("references") or ())


def _code(error: urllib.error.HTTPError) -> int:
    try:
        return int(json.load(error)["error_code"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0
