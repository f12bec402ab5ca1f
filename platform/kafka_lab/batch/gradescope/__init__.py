"""A folder for Gradescope: its recipe, with the course's exercise in it."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path

from kafka_lab import __version__
from kafka_lab.batch.course import FILE, Course
from kafka_lab.batch.order import grader_files
from kafka_lab.runtime.errors import UsageError
from kafka_lab.workspace.files import write

_SCRIPTS = ("run_autograder", "setup.sh")
_PACKAGES = {"java": "openjdk-17-jdk-headless", "go": "golang-go"}


def make(course: Course, slug: str, folder: Path, wheels: tuple[Path, ...] = ()) -> None:
    """Write the recipe for one exercise of a course into a new folder.

    ``wheels`` are installed in the container, instead of the released kafka-lab.

    Raises:
        UsageError: when the course does not have the exercise, or the folder is not empty.
    """
    entry = course.entry(slug)
    if entry is None:
        known = ", ".join(e.slug for e in course.entries)
        raise UsageError(f"'{slug}' is not in this course", f"it has {known}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty", "name another folder")
    values = {
        "SLUG": slug,
        "TITLE": entry.exercise.manifest.title,
        "VERSION": __version__,
        "LANGUAGES": " ".join(entry.languages),
        "PACKAGES": " ".join(_PACKAGES[x] for x in entry.languages if x in _PACKAGES),
    }
    for part in files(__package__).joinpath("recipe").iterdir():
        text = part.read_text(encoding="utf-8")
        for name, value in values.items():
            text = text.replace(name, value)
        write(folder / part.name, text.encode(), executable=part.name in _SCRIPTS)
    lines = [
        "# Gradescope keeps deadlines, late policy and roster. The seed is secret.",
        f"title = {json.dumps(course.title)}",
        f"secret_seed = {json.dumps(course.secret)}",
        'backend = "embedded"',
        *(['graders = "graders"'] if entry.grader else []),
        "",
        "[[exercises]]",
        f"slug = {json.dumps(slug)}",
        f"languages = {json.dumps(list(entry.languages))}",
        "",
    ]
    write(folder / FILE, "\n".join(lines).encode())
    if entry.grader:
        for name, data in grader_files(entry.grader).items():
            write(folder / "graders" / slug / name, data)
    for wheel in wheels:
        shutil.copy(wheel, folder / wheel.name)
    folder.chmod(0o700)
