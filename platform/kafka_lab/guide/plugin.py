"""kafka-lab's MkDocs plugin: makes the pages of exercises and fills in the learning path.

``mkdocs build`` makes the public site, which has nobody's progress. ``kafka-lab guide`` switches
``progress`` on: pages then load ``progress.js``, which lies beside the site or is served.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

from mkdocs.config import base, defaults
from mkdocs.config import config_options as c
from mkdocs.exceptions import PluginError
from mkdocs.plugins import BasePlugin, event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from kafka_lab.exercises.catalog import Catalog
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.guide import class_page, exercise_page, path_page

ASSETS = Path(__file__).with_name("assets")
ASSETS_AT = "assets/kafka-lab"
FILE_WORKER = "file-worker.js"
PROGRESS_PAGE = "progress.md"
CLASS_PAGE = "class.md"
_PROGRESS = """# Your progress

<div class="kl-overview" data-kl-overview="{links}"><p>Reading your progress …</p></div>
"""


class GuideConfig(base.Config):  # type: ignore[no-untyped-call]  # MkDocs types it in part
    """The plugin's options in ``mkdocs.yml``."""

    nav_section = c.Type(str, default="Exercises")
    """The entry of ``nav`` to which the exercises are added, by sections."""
    progress = c.Type(bool, default=False)
    """Whether the learner's own progress is shown; only ``kafka-lab guide`` sets it."""
    as_files = c.Type(bool, default=False)
    """Whether it is to be opened without a server; ``guide build`` sets it."""
    class_results = c.Type(str, default="")
    """A folder of verdicts, made into a page about the class; ``guide class`` sets it."""


class GuidePlugin(BasePlugin[GuideConfig]):  # type: ignore[no-untyped-call]  # as above
    """Needs no page, and no entry in ``nav``, for an exercise: its folder is enough."""

    def __init__(self) -> None:
        self._catalog = Catalog(())

    def on_config(self, config: defaults.MkDocsConfig) -> defaults.MkDocsConfig:
        """Read the exercises; add them to the navigation, and what pages load."""
        from kafka_lab import wiring

        self._catalog = wiring.catalog()
        for slug, problem in self._catalog.broken.items():
            raise PluginError(f"the exercise {slug} has no page: {problem}")
        config.extra_css.append(f"{ASSETS_AT}/guide.css")
        if self.config.progress:
            for name in ("progress.js", f"{ASSETS_AT}/guide.js"):
                config.extra_javascript.append(c.ExtraScriptValue(name))
        if self.config.as_files:
            polyfills = config.extra.setdefault("polyfills", [])
            polyfills.append(c.ExtraScriptValue(f"{ASSETS_AT}/{FILE_WORKER}"))
        config.nav = self._nav(config.nav or [])
        return config

    def _nav(self, nav: list[Any]) -> list[Any]:
        made: list[Any] = []
        for item in nav:
            if isinstance(item, dict) and self.config.nav_section in item:
                kept = [e for e in item[self.config.nav_section] if not _is_exercise(e)]
                item = {self.config.nav_section: [*kept, *self._nav_sections()]}
            made.append(item)
        if self.config.progress:
            made.insert(1, {"Your progress": PROGRESS_PAGE})
        if self.config.class_results:
            made.insert(1, {"Class overview": CLASS_PAGE})
        return made

    def _nav_sections(self) -> list[dict[str, Any]]:
        return [
            {f"{s.number} {s.name}": [{e.manifest.title: _place(e)} for e in s.exercises]}
            for s in self._catalog.sections()
        ]

    def on_files(self, files: Files, *, config: defaults.MkDocsConfig) -> Files:
        """Add the generated pages and the assets; a page by hand gives way to the generated."""
        for exercise in self._catalog.exercises:
            _put(files, config, _place(exercise), exercise_page.exercise_page(exercise))
        for path in sorted(p for p in ASSETS.iterdir() if p.suffix in (".css", ".js")):
            if path.suffix != ".js" or self._wanted(path.name):
                _put(files, config, f"{ASSETS_AT}/{path.name}", path.read_text(encoding="utf-8"))
        if self.config.progress:
            _put(files, config, PROGRESS_PAGE, _PROGRESS)
        if self.config.class_results:
            results = class_page.read_results(Path(self.config.class_results))
            _put(files, config, CLASS_PAGE, class_page.class_page(results, self._catalog))
        return files

    def _wanted(self, script: str) -> bool:
        return self.config.as_files if script == FILE_WORKER else self.config.progress

    # After the search has written its index.
    @event_priority(-100)
    def on_post_build(self, *, config: defaults.MkDocsConfig) -> None:
        """Write the search's index as the script that the theme asks for when opened as a file."""
        index = Path(config.site_dir, "search", "search_index.json")
        if self.config.as_files and index.is_file():
            text = f"var __index = {index.read_text(encoding='utf-8')};\n"
            index.with_suffix(".js").write_text(text, encoding="utf-8")

    def on_page_markdown(
        self, markdown: str, *, page: Page, config: defaults.MkDocsConfig, files: Files
    ) -> str:
        """Fill in the learning path, and the addresses that the page of progress needs."""

        def link(slug: str) -> str:
            target = files.get_file_from_path(f"exercises/{slug}.md")
            assert target is not None
            return target.url_relative_to(page.file)

        if page.file.src_uri == PROGRESS_PAGE and self.config.progress:
            links = {e.slug: link(e.slug) for e in self._catalog.exercises}
            return _PROGRESS.format(links=escape(json.dumps(links)))
        if path_page.MARK in markdown:
            filled = path_page.learning_path(self._catalog, link)
            return markdown.replace(path_page.MARK, filled)
        return markdown


def _place(exercise: Exercise) -> str:
    return f"exercises/{exercise.slug}.md"


def _is_exercise(entry: Any) -> bool:
    """An entry of ``nav`` that names an exercise's page; those are made here."""
    targets = entry.values() if isinstance(entry, dict) else [entry]
    return all(isinstance(t, str) and t.startswith("exercises/") for t in targets)


def _put(files: Files, config: defaults.MkDocsConfig, place: str, content: str) -> None:
    there = files.get_file_from_path(place)
    if there is not None:
        files.remove(there)
    files.append(File.generated(config, place, content=content))
