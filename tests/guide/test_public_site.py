"""The public site: whole, with nobody's progress, and with nothing that is hidden from learners."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kafka_lab import wiring
from kafka_lab.guide.exercise_page import check_titles
from kafka_lab.guide.topics import curriculum

ROOT = Path(__file__).parents[2]
_TEXT = (".html", ".js", ".json", ".xml", ".txt", ".css", ".svg")
_SHORT = 25
"""A line of fewer characters (``return None``, ``import os``) says nothing about its origin."""


def plain(text: str) -> str:
    """Without tags (highlighting cuts code into pieces), entities and differences of blanks."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", text)).split())


@pytest.fixture(scope="module")
def words(public: Path) -> str:
    """All that can be read in the site, as one text."""
    files = [p for p in sorted(public.rglob("*")) if p.suffix in _TEXT]
    # A search index has the pages' text as JSON strings.
    return "\n".join(plain(p.read_text().replace('\\"', '"').replace("\\n", " ")) for p in files)


def lines(*folders: str) -> Iterator[str]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                text = path.read_text(errors="replace")
                for line in text.splitlines():
                    # A patch's lines begin with their sign.
                    yield " ".join(line.lstrip("+- ").split())


def hidden() -> set[str]:
    """Lines of solutions and graders, but for what is open anyway: exercises, docs, kafka-lab."""
    given = "\n".join(lines("exercises", "docs", "platform"))
    titles = [t for e in wiring.catalog().exercises for t in check_titles(e.graders).values()]
    return {
        line
        for line in lines("solutions", "graders")
        if len(line) >= _SHORT
        and line not in given
        and not any(line.strip('"') in title for title in titles)
    }


def test_nothing_of_solutions_and_graders_can_be_read(words: str) -> None:
    secret = hidden()
    assert len(secret) > 500
    shown = sorted(line for line in secret if plain(line) in words)
    assert shown == []


def test_the_search_for_hidden_text_would_find_it(words: str) -> None:
    """The sentences of checks come out of the graders' files, so they are where one can look."""
    exercise = wiring.catalog().get("transactions")
    assert all(plain(t) in words for t in check_titles(exercise.graders).values())
    starter = exercise.guide.read_text()
    assert plain(starter.splitlines()[4]) in words


def test_no_mutant_is_named(words: str) -> None:
    """Their names tell what a grader looks for. Contributors' pages have one as an example."""
    named = [
        name
        for exercise in wiring.catalog().exercises
        for name in re.findall(
            r'^id = "(.+)"$', (exercise.graders / "mutants.toml").read_text(), re.MULTILINE
        )
    ]
    assert named
    assert {name for name in named if name in words} <= {"python-no-rewind"}


def test_it_has_nobodys_progress(public: Path, words: str) -> None:
    assert "/secret/workspace" not in words
    assert not list(public.rglob("progress*"))
    assert not list(public.rglob("guide.js"))
    scripts = [p for p in public.rglob("*.html") if "progress.js" in p.read_text()]
    assert scripts == []


def test_every_exercise_has_a_page_and_every_other_topic_is_planned(public: Path) -> None:
    there = {exercise.slug for exercise in wiring.catalog().exercises}
    pages = {p.name for p in (public / "exercises").iterdir() if p.is_dir()}
    assert pages == there
    path = (public / "learning-path" / "index.html").read_text()
    cards = re.findall(r'<li class="(kl-card[^"]*)">(.*?)</li>', path, re.DOTALL)
    assert len(cards) == len(set(curriculum().topics) | there)
    planned = [body for kind, body in cards if "planned" in kind]
    assert len(planned) == len(set(curriculum().topics) - there)
    assert all('class="kl-planned"' in body and "<a " not in body for body in planned)


def test_links_lead_to_pages_and_anchors_that_are_there(public: Path) -> None:
    """Also those in generated HTML, which MkDocs does not check."""
    wrong = []
    for page in public.rglob("*.html"):
        if page.name == "404.html":  # its links are absolute: it may be shown at any address
            continue
        for link in re.findall(r'<a\b[^>]*\bhref="?([^"\s>]+)', page.read_text()):
            link = html.unescape(link)
            if re.match(r"[a-z]+:", link):
                continue
            place, _, anchor = link.partition("#")
            target = (page.parent / place).resolve() if place else page
            target = target / "index.html" if target.is_dir() else target
            named = rf'\bid="?{re.escape(anchor)}["\s>]'
            there = target.is_file() and (not anchor or re.search(named, target.read_text()))
            if not there:
                wrong.append((page.relative_to(public).as_posix(), link))
    assert wrong == []


def test_the_checkouts_entry_point_is_that_of_the_package() -> None:
    import configparser
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    beside = configparser.ConfigParser()
    beside.read(ROOT / "platform" / "kafka_lab-0.dist-info" / "entry_points.txt")
    assert dict(beside["mkdocs.plugins"]) == project["entry-points"]["mkdocs.plugins"]
