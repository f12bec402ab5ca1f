"""Which requirements a submission may have: those of the exercise's own workspaces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from kafka_lab.programs.sandbox.workshop import not_allowed

FILE = "requirements.txt"


def allowed_requirements(source: Path, trusted: Sequence[Path]) -> bytes:
    """The text to install for a submission: all of it was written by the exercise's authors.

    Raises:
        BuildFailed: for a library, a version or an option that none of them names.
    """
    lists = [(t / FILE).read_bytes() for t in trusted if (t / FILE).is_file()]
    allowed = {_identity(r): r for text in lists for r in _lines(text)}
    path = source / FILE
    if not path.is_file():
        return b""
    chosen: dict[tuple[str, ...], str] = {}
    for line in _lines(path.read_bytes()):
        identity = _identity(line)
        # A bare name is a wish for the version that the exercise has.
        bare = [a for a in allowed if a[0] == identity[0] and identity[1:] == ("", "", "")]
        if identity in allowed:
            chosen[identity] = allowed[identity]
        elif bare:
            chosen[bare[0]] = allowed[bare[0]]
        else:
            raise not_allowed(FILE, repr(line), list(allowed.values()))
    for text in lists:  # the same set shares its environment
        if {_identity(r) for r in _lines(text)} == set(chosen):
            return text
    return "".join(f"{r}\n" for r in sorted(chosen.values())).encode()


def _lines(text: bytes) -> list[str]:
    lines = (raw.split("#", 1)[0].strip() for raw in text.decode("utf-8", "replace").splitlines())
    return [line for line in lines if line]


def _identity(line: str) -> tuple[str, ...]:
    """Name, extras, versions and marker; an option or an address is nobody's."""
    try:
        found = Requirement(line)
    except InvalidRequirement:
        return ("", line)
    if found.url:
        return ("", line)
    extras = ",".join(sorted(found.extras))
    return (canonicalize_name(found.name), extras, str(found.specifier), str(found.marker or ""))
