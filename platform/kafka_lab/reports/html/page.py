"""The report as one page: what failed and how it came about, scene by scene; tables; logs."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from kafka_lab.api import Verdict
from kafka_lab.reports.html import tables
from kafka_lab.reports.html.closeup import cut
from kafka_lab.reports.html.drawing import Picture, draw
from kafka_lab.reports.html.marks import Place, Wrong, wrongs
from kafka_lab.reports.html.model import Story
from kafka_lab.reports.html.overview import overview
from kafka_lab.reports.html.scenes import Scene, scenes
from kafka_lab.reports.html.svg import clean

MOST_SCENES = 24
MOST_CLOSEUPS = 12
MARKS = 9000
"""Elements of all pictures together, about; marks are joined until they are so few."""
_BINS = (4.0, 8.0, 16.0, 32.0, 64.0)
_LOG_LINES = 120
_LOG_BYTES = 16_000
_ALL_LOGS = 600_000


@dataclass
class Closeup:
    """The large picture of one case."""

    name: str
    picture: Picture
    rows: list[tables.Row]
    left_out: int


@dataclass
class Shown:
    """A finding with its place in the page."""

    wrong: Wrong
    message: str
    compared: list[tables.Compared]
    closeups: list[Closeup] = field(default_factory=list)
    anchors: dict[Place, str] = field(default_factory=dict)
    scene: int = 0


@dataclass
class Section:
    """A scene with its picture and tables."""

    number: int
    scene: Scene
    picture: Picture
    rows: list[tables.Row]
    left_out: int
    partitions: list[tuple[str, int, str, str]]
    more_partitions: int


def render(story: Story, verdict: Verdict, logs: Mapping[str, str]) -> str:
    """The whole page. ``logs``: file name to its end; it is escaped here."""
    wrong = wrongs(verdict)
    found = scenes(story, wrong)
    # Scenes are drawn with what they name; a program with a thousand topics is no reason to freeze.
    drawn = found[:MOST_SCENES]
    budget = MARKS / max(1, len(drawn))
    sections = [_section(story, scene, n, budget) for n, scene in enumerate(drawn, 1)]
    shown = [_shown(w, story, sections) for w in wrong]
    _add_closeups(shown, story, sections)
    style, script = _asset("report.css"), _asset("report.js")
    environment = Environment(
        loader=PackageLoader("kafka_lab.reports.html", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clean"] = clean
    return environment.get_template("report.html.j2").render(
        verdict=verdict,
        when=time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(verdict.started)),
        story=story,
        findings=shown,
        sections=sections,
        more_scenes=len(found) - len(drawn),
        overview=overview(story, drawn),
        logs={name: clean(text) for name, text in logs.items()},
        style=Markup(style),
        script=Markup(script),
        policy="; ".join(
            (
                "default-src 'none'",
                f"style-src '{_digest(style)}'",
                f"script-src '{_digest(script)}'",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
    )


def _section(story: Story, scene: Scene, number: int, budget: float) -> Section:
    label = f"Time line of {scene.title}"
    for width in _BINS:
        picture = draw(story, scene, f"s{number}", label, width)
        if picture.svg.count("<") / 2 <= budget:
            break
    rows, left_out = tables.rows(story, scene, requests=False)
    parts, more = tables.partitions(story, scene)
    return Section(number, scene, picture, rows, left_out, parts, more)


def _shown(wrong: Wrong, story: Story, sections: list[Section]) -> Shown:
    shown = Shown(wrong, wrong.finding.message, tables.compared(wrong))
    for section in sections:
        if wrong in section.scene.wrongs:
            shown.anchors |= section.picture.anchors
            shown.scene = shown.scene or section.number
    return shown


def _add_closeups(shown: list[Shown], story: Story, sections: list[Section]) -> None:
    """Of each finding the first case; of a few, more of them."""
    drawn: set[tuple[Place, ...]] = set()
    for each in shown[:MOST_CLOSEUPS]:
        for section in sections:
            if section.number != each.scene:
                continue
            for number, case in enumerate(each.wrong.cases[: 2 if len(shown) < 4 else 1]):
                key = (*case.places, *case.sources)
                made = None if key in drawn else cut(story, section.scene, each.wrong, case)
                if made is None:
                    continue
                if key:
                    drawn.add(key)
                scene, lanes = made
                name = str(case.facts.get("id", "")) or each.wrong.finding.code
                label = f"Close-up of finding {each.wrong.number}: {name}"
                prefix = f"c{each.wrong.number}-{number}"
                picture = draw(story, scene, prefix, label, 4.0, closeup=True, only=lanes)
                rows, left_out = tables.rows(story, scene, requests=True)
                each.closeups.append(Closeup(name, picture, rows, left_out))


def _asset(name: str) -> str:
    return importlib.resources.files("kafka_lab.reports.html").joinpath(name).read_text("utf-8")


def _digest(text: str) -> str:
    """As a Content-Security-Policy names what it allows."""
    made = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(made).decode()}"


def read_logs(folder: Path) -> dict[str, str]:
    """The end of each log in an attempt's folder: the program's first, then the brokers'."""
    found: dict[str, str] = {}
    size = 0
    for pattern in ("program-*.log", "service-*.log", "*broker-*.log", "grader.log"):
        for path in sorted(folder.glob(pattern)):
            if path.name in found or size > _ALL_LOGS or path.is_symlink():
                continue
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - _LOG_BYTES))
                text = file.read(_LOG_BYTES).decode("utf-8", "replace")
            found[path.name] = "\n".join(text.splitlines()[-_LOG_LINES:])
            size += len(text)
    return found
