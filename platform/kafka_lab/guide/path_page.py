"""The learning path: the 12 sections as a map, and their topics, ready or planned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from html import escape
from itertools import pairwise

from kafka_lab.exercises.catalog import Catalog
from kafka_lab.exercises.exercise import Exercise
from kafka_lab.guide.exercise_page import LANGUAGES
from kafka_lab.guide.topics import SectionTopic, Topic, curriculum

MARK = "<!-- kafka-lab: learning path -->"
_BOX = (194, 64)
_GAP = (54, 20)
_EDGE = 4


def learning_path(catalog: Catalog, link: Callable[[str], str]) -> str:
    """The map, and each section with its topics; a topic without an exercise is *planned*.

    ``link`` gives the address of an exercise's page, as seen from the learning path.
    """
    there = {exercise.slug: exercise for exercise in catalog.exercises}
    whole = curriculum()
    ready = sum(1 for slug in whole.topics if slug in there)
    lines = [
        f"**{ready} of {len(whole.topics)}** topics have their exercise already; the others are "
        "marked as *planned*.",
        section_map(catalog),
    ]
    for section in whole.sections:
        lines.append(f"## {section.number} {section.name} {{ #{section.anchor} }}")
        lines.append(_about(section))
        known = whole.of(section.number)
        cards = [_card(topic, there.get(topic.slug), link) for topic in known]
        cards += [
            _extra(exercise, link)
            for exercise in catalog.exercises
            if exercise.manifest.section == section.number and exercise.slug not in whole.topics
        ]
        # One line without blanks: Markdown leaves a block of HTML alone, links are made by hand.
        lines.append(f'<ul class="kl-cards">{"".join(cards)}</ul>')
    return "\n\n".join(lines)


def _about(section: SectionTopic) -> str:
    whole = {s.number: s for s in curriculum().sections}
    before = [f"[{whole[n].name}](#{whole[n].anchor})" for n in section.after]
    return section.about + (f" Comes after {' and '.join(before)}." if before else "")


def _card(topic: Topic, exercise: Exercise | None, link: Callable[[str], str]) -> str:
    after = [curriculum().topics[slug].title for slug in topic.after]
    known = exercise.languages if exercise else topic.languages
    return _item(
        topic.slug,
        exercise.manifest.title if exercise else topic.title,
        exercise.manifest.summary if exercise else topic.about,
        known,
        after,
        exercise,
        link,
    )


def _extra(exercise: Exercise, link: Callable[[str], str]) -> str:
    """An exercise that some plugin brings beside the curriculum."""
    m = exercise.manifest
    return _item(exercise.slug, m.title, m.summary, exercise.languages, [], exercise, link)


def _item(
    slug: str,
    title: str,
    about: str,
    languages: tuple[str, ...],
    after: list[str],
    exercise: Exercise | None,
    link: Callable[[str], str],
) -> str:
    spoken = ", ".join(LANGUAGES.get(name, name) for name in languages)
    name = escape(title)
    if exercise:
        m = exercise.manifest
        name = f'<a href="{escape(link(slug))}">{name}</a>'
        facts = f"{m.difficulty} · {m.minutes} min · {m.points} points · {spoken}"
        state = f'<span class="kl-state" data-kl-state="{slug}" hidden></span>'
    else:
        facts = spoken
        state = '<span class="kl-planned">planned</span>'
    first = f'<p class="kl-after">After: {escape(", ".join(after))}</p>' if after else ""
    kind = "kl-card" if exercise else "kl-card kl-card--planned"
    return (
        f'<li class="{kind}"><p class="kl-card-title">{name}{state}</p>'
        f'<p>{escape(about)}</p>{first}<p class="kl-card-facts">{escape(facts)}</p></li>'
    )


def section_map(catalog: Catalog) -> str:
    """An SVG of the sections, those that build upon others to their right; works without script."""
    whole = curriculum()
    columns: dict[int, list[SectionTopic]] = {}
    for section in whole.sections:
        columns.setdefault(whole.depth(section.number), []).append(section)
    rows = max(len(column) for column in columns.values())
    height = rows * (_BOX[1] + _GAP[1]) - _GAP[1] + 2 * _EDGE
    width = len(columns) * (_BOX[0] + _GAP[0]) - _GAP[0] + 2 * _EDGE
    places: dict[int, tuple[float, float]] = {}
    for depth, column in columns.items():
        free = height - 2 * _EDGE - len(column) * (_BOX[1] + _GAP[1]) + _GAP[1]
        for row, section in enumerate(column):
            x = _EDGE + depth * (_BOX[0] + _GAP[0])
            y = _EDGE + free / 2 + row * (_BOX[1] + _GAP[1])
            places[section.number] = (x, y)
    drawn = [*_arrows(places), *(_box(s, places[s.number], catalog) for s in whole.sections)]
    return (
        '<div class="kl-map" tabindex="0" role="region" aria-label="Map of the sections">'
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="group" '
        'aria-label="The twelve sections; an arrow leads to what builds upon a section">'
        f"{''.join(drawn)}</svg></div>"
    )


def _arrows(places: Mapping[int, tuple[float, float]]) -> Iterator[str]:
    for section in curriculum().sections:
        x2, y2 = places[section.number]
        end = (x2, y2 + _BOX[1] / 2)
        for before in section.after:
            x1, y1 = places[before]
            points = [(x1 + _BOX[0], y1 + _BOX[1] / 2), end]
            points[1:1] = _way(points[0], end, places)
            yield f'<path class="kl-arrow" d="{_curve(points)}"/>'
            yield (
                f'<path class="kl-tip" d="M{end[0] - 8:g} {end[1] - 4:g} '
                f'L{end[0]:g} {end[1]:g} L{end[0] - 8:g} {end[1] + 4:g} Z"/>'
            )


def _way(
    start: tuple[float, float], end: tuple[float, float], places: Mapping[int, tuple[float, float]]
) -> Iterator[tuple[float, float]]:
    """Where an arrow passes the columns between its ends: through a gap, never behind a box."""
    for x in sorted({x for x, _ in places.values() if start[0] < x < end[0]}):
        column = sorted(y for at, y in places.values() if at == x)
        gaps = [y - _GAP[1] / 2 for y in column] + [column[-1] + _BOX[1] + _GAP[1] / 2]
        straight = start[1] + (end[1] - start[1]) * (x - start[0]) / (end[0] - start[0])
        lane = min(gaps, key=lambda y: abs(y - straight))
        yield x, lane
        yield x + _BOX[0], lane


def _curve(points: list[tuple[float, float]]) -> str:
    path = f"M{points[0][0]:g} {points[0][1]:g}"
    for (x1, y1), (x2, y2) in pairwise(points):
        bend = min(_GAP[0], x2 - x1) / 2
        path += f" C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"
    return path


def _box(section: SectionTopic, place: tuple[float, float], catalog: Catalog) -> str:
    slugs = {topic.slug for topic in curriculum().of(section.number)}
    ready = sum(1 for exercise in catalog.exercises if exercise.slug in slugs)
    x, y = place
    said = f"{ready} of {len(slugs)} ready" if ready else f"{len(slugs)} planned"
    kind = "kl-box kl-box--ready" if ready else "kl-box"
    first, second = _two_lines(f"{section.number} {section.name}")
    low = y + 46
    words = f'<text x="{x + 12:g}" y="{y + (22 if second else 27):g}">{escape(first)}</text>'
    if second:
        words += f'<text x="{x + 12:g}" y="{y + 39:g}">{escape(second)}</text>'
        low = y + 56
    return (
        f'<a class="{kind}" href="#{section.anchor}" '
        f'aria-label="{escape(f"{section.number} {section.name}: {said}")}">'
        f'<rect x="{x:g}" y="{y:g}" width="{_BOX[0]}" height="{_BOX[1]}" rx="7"/>'
        f'{words}<text class="kl-small" x="{x + 12:g}" y="{low:g}">{said}</text></a>'
    )


def _two_lines(name: str, width: int = 24) -> tuple[str, str]:
    """SVG does not wrap words."""
    if len(name) <= width:
        return name, ""
    cut = name.rindex(" ", 0, width + 1)
    return name[:cut], name[cut + 1 :]
