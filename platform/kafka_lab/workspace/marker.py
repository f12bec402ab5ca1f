"""``.kafka-lab.toml``: what makes a folder the workspace of an exercise."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka_lab.runtime.errors import UsageError
from kafka_lab.workspace.files import write

MARKER = ".kafka-lab.toml"
FORMAT = 1


@dataclass(frozen=True)
class Workspace:
    """A learner's folder. ``files`` has the hash of each file as it was delivered.

    ``kafka_lab`` is the version that delivered them; keys of ``files`` are relative, with ``/``.
    """

    folder: Path
    exercise: str
    language: str
    kafka_lab: str = ""
    files: Mapping[str, str] = field(default_factory=dict)

    def save(self) -> None:
        """Write the marker, whole or not at all."""
        lines = [
            "# Written by kafka-lab: which exercise this folder is, and the files as delivered.",
            f"format = {FORMAT}",
            f"exercise = {_quoted(self.exercise)}",
            f"language = {_quoted(self.language)}",
            f"kafka_lab = {_quoted(self.kafka_lab)}",
            "",
            "[files]",
            *(f"{_quoted(name)} = {_quoted(self.files[name])}" for name in sorted(self.files)),
            "",
        ]
        write(self.folder / MARKER, "\n".join(lines).encode())


def _quoted(text: str) -> str:
    # A JSON string is a TOML basic string as long as nothing beyond the BMP is escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def load(folder: Path) -> Workspace:
    """The workspace whose marker lies in ``folder``.

    Raises:
        UsageError: when the marker is broken, or of a newer kafka-lab.
    """
    path = folder / MARKER
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise UsageError(f"cannot read {path}: {e.strerror}", "make it readable") from e
    except ValueError as e:  # not TOML, or not text
        raise _broken(path, str(e)) from e
    version = raw.get("format", FORMAT)
    if not isinstance(version, int) or version > FORMAT:
        raise UsageError(
            f"{path} has format {version!r}, this kafka-lab knows {FORMAT}",
            "it was made by a newer kafka-lab: upgrade this one",
        )
    for key in ("exercise", "language"):
        if not isinstance(raw.get(key), str) or not raw[key]:
            raise _broken(path, f"it has no text for '{key}'")
    return Workspace(
        folder=folder,
        exercise=raw["exercise"],
        language=raw["language"],
        kafka_lab=str(raw.get("kafka_lab", "")),
        files=_files(path, raw.get("files", {})),
    )


def _files(path: Path, raw: Any) -> dict[str, str]:
    if not isinstance(raw, dict) or not all(isinstance(v, str) for v in raw.values()):
        raise _broken(path, "'files' is not a table of names and hashes")
    for name in raw:
        # The marker is the learner's to edit: it must not make `update` reach out of the folder.
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise _broken(path, f"'{name}' in 'files' is not inside the folder")
    return dict(raw)


def _broken(path: Path, why: str) -> UsageError:
    return UsageError(
        f"{path} is broken: {why}",
        "restore it (from git, or a copy); or write these two lines into it, with your exercise "
        'and language:\n  exercise = "transactions"\n  language = "python"\n'
        "Your program is untouched.",
    )
