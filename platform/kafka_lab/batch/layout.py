"""Which exercises are in what was handed in, and in which language."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from kafka_lab.batch.course import Course, Entry
from kafka_lab.batch.reading import Refused, shown
from kafka_lab.workspace.files import Content
from kafka_lab.workspace.marker import MARKER

_ENDINGS = {
    "python": ".py",
    "java": ".java",
    "go": ".go",
    "node": ".js",
    "rust": ".rs",
    "config": ".sh",
}


@dataclass(frozen=True)
class Part:
    """The files of one exercise, by names relative to its workspace."""

    entry: Entry
    files: Mapping[str, Content]
    marked: tuple[str, str] | None = None
    """Exercise and language as the workspace's marker says."""


def parts(files: Mapping[str, Content], course: Course, hint: str = "") -> Iterator[Part]:
    """The course's exercises among some files, in the order of the course.

    A folder is an exercise's when its marker says so, or when it has the exercise's name; all files
    are those of ``hint`` (a name that was around them), or of the only exercise of a course. Of
    folders inside each other the outer one counts.

    Raises:
        Refused: when one exercise is there twice.
    """
    homes: dict[str, tuple[str, tuple[str, str] | None]] = {}
    for home, slug, marked in _homes(files, course):
        if any(home == h or home.startswith(h + "/") or not h for h, _ in homes.values()):
            continue
        if slug in homes:
            first = homes[slug][0] or "."
            raise Refused("ambiguous", f"{slug} is there twice: in {first} and in {home}.")
        homes[slug] = (home, marked)
    if not homes and course.entry(hint):
        homes[hint] = (_single(files), None)
    elif not homes and not hint and len(course.entries) == 1:
        homes[course.entries[0].slug] = (_single(files), None)
    for entry in course.entries:
        if entry.slug in homes:
            home, marked = homes[entry.slug]
            yield Part(entry, _below(files, home), marked)


def _homes(
    files: Mapping[str, Content], course: Course
) -> Iterator[tuple[str, str, tuple[str, str] | None]]:
    """Folder, exercise and what the marker says; outer folders first."""
    seen: dict[str, tuple[str, tuple[str, str] | None]] = {}
    for name, content in files.items():
        path = PurePosixPath(name)
        if path.name == MARKER:
            said = _marker(content.data)
            if said and course.entry(said[0]):
                seen[_text(path.parent)] = (said[0], said)
        for parent in path.parents:
            # Deeper down it is a package of the program's that happens to have this name.
            if len(parent.parts) <= 2 and course.entry(parent.name) and _text(parent) not in seen:
                seen[_text(parent)] = (parent.name, None)
    for home in sorted(seen, key=lambda h: (h.count("/") if h else -1, h)):
        slug, marked = seen[home]
        yield home, slug, marked


def _marker(data: bytes) -> tuple[str, str] | None:
    try:
        raw = tomllib.loads(data.decode())
    except ValueError:
        return None
    exercise, language = raw.get("exercise"), raw.get("language")
    if isinstance(exercise, str) and isinstance(language, str):
        return exercise, language
    return None


def _text(path: PurePosixPath) -> str:
    return "" if path == PurePosixPath(".") else path.as_posix()


def _single(files: Mapping[str, Content]) -> str:
    """The one folder that everything lies in, as archives often have it; else none."""
    tops = {PurePosixPath(name).parts[0] for name in files}
    flat = any("/" not in name for name in files)
    return tops.pop() if len(tops) == 1 and not flat else ""


def _below(files: Mapping[str, Content], home: str) -> dict[str, Content]:
    start = home + "/" if home else ""
    return {n[len(start) :]: c for n, c in files.items() if n.startswith(start)}


def language(part: Part) -> str:
    """The track of a submission: what its marker says, else what its files are.

    Raises:
        Refused: when it has none that counts in this course, or nobody can tell.
    """
    allowed = part.entry.languages
    if part.marked is not None:
        if part.marked[1] in allowed:
            return part.marked[1]
        raise Refused(
            "language",
            f"{shown(part.marked[1])} does not count for {part.entry.slug} in this course, only "
            f"{', '.join(allowed)}.",
        )
    there = {PurePosixPath(name).suffix for name in part.files}
    fits = [x for x in allowed if _ENDINGS.get(x) in there]
    if len(fits) == 1:
        return fits[0]
    if len(allowed) == 1 and not fits:
        return allowed[0]
    raise Refused(
        "language",
        f"It is not clear in which language {part.entry.slug} is: hand in the whole folder that "
        f"`kafka-lab start` made, with its {MARKER}.",
    )
