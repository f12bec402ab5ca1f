"""Makes the package of a new exercise from the files beside this module.

They are ordinary files with ``{{name}}`` in them; folders called ``package`` and ``SLUG`` get
their names, and ``github`` and ``gitignore`` their dot (with it, packaging tools obey them here).
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

import kafka_lab
from kafka_lab.runtime.errors import UsageError

_HERE = Path(__file__).parent
_SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_DOTTED = ("github", "gitignore")


def languages() -> list[str]:
    """The languages for which there is a template."""
    return sorted(p.name for p in _HERE.iterdir() if (p / "pyproject.toml").is_file())


def make(slug: str, directory: Path, language: str) -> Path:
    """Write the package of exercise ``slug`` to ``directory/slug``, whole or not at all.

    Raises:
        UsageError: for a slug of another form, or when something is there already.
    """
    if not _SLUG.fullmatch(slug) or len(slug) > 40:
        raise UsageError(
            f"{slug!r} cannot name an exercise",
            "use lower case letters, digits and single hyphens, 40 at most, such as late-orders",
        )
    target = directory / slug
    if target.exists():
        raise UsageError(f"{target} is there already", "choose another name, or --directory")
    directory.mkdir(parents=True, exist_ok=True)
    names = {
        "slug": slug,
        "package": slug.replace("-", "_") + "_lab",
        "title": slug.replace("-", " ").capitalize(),
        "kafka_lab": kafka_lab.__version__,
    }
    with tempfile.TemporaryDirectory(prefix=f".{slug}-", dir=directory) as scratch:
        whole = Path(scratch) / slug
        _copy(_HERE / language, whole, names)
        whole.rename(target)
    return target


def _copy(source: Path, target: Path, names: dict[str, str]) -> None:
    target.mkdir()
    renamed = {"package": names["package"], "SLUG": names["slug"]} | {d: f".{d}" for d in _DOTTED}
    for path in sorted(source.iterdir()):
        if path.name == "__pycache__":
            continue
        to = target / renamed.get(path.name, path.name)
        if path.is_dir():
            _copy(path, to, names)
        else:
            to.write_text(_PLACEHOLDER.sub(lambda found: names[found[1]], path.read_text()))
            shutil.copymode(path, to)
