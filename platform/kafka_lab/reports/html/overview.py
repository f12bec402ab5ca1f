"""The whole attempt in one small picture, to scale: which scene ran when, and where it was hurt."""

from __future__ import annotations

from markupsafe import Markup

from kafka_lab.reports.html import words
from kafka_lab.reports.html.model import Story
from kafka_lab.reports.html.scenes import Scene
from kafka_lab.reports.html.svg import short, tag, titled

WIDTH, LEFT, RIGHT, LANE = 1200, 186, 1184, 22
MOST = 60
"""Programs' starts, or faults, of one scene that are drawn."""


def overview(story: Story, scenes: list[Scene]) -> Markup:
    """Each row leads to its scene."""
    end = story.end or 1.0

    def x(t: float) -> float:
        return LEFT + (RIGHT - LEFT) * t / end

    parts: list[Markup] = []
    y = 6
    for number, scene in sorted(enumerate(scenes, 1), key=lambda pair: pair[1].start):
        middle = y + LANE / 2
        wrong = bool(scene.wrongs)
        name = tag(
            "a",
            tag(
                "text",
                tag("title", scene.title),
                ("✗ " if wrong else "") + short(scene.title, 27),
                class_="name wrong-name" if wrong else "name",
                x=LEFT - 10,
                y=middle + 4,
                text_anchor="end",
            ),
            href=f"#scene-{number}",
            aria_label=f"{scene.title}{', with findings' if wrong else ''}",
        )
        parts += [name, tag("line", class_="ground", x1=LEFT, x2=RIGHT, y1=middle, y2=middle)]
        for life in scene.lives[:MOST]:
            last = end if life.end is None else life.end
            parts.append(
                titled(
                    "rect",
                    words.life(life),
                    class_="life",
                    x=x(life.start),
                    y=middle - 5,
                    width=max(2.0, x(last) - x(life.start)),
                    height=10,
                    rx=3,
                )
            )
        for fault in scene.faults[:MOST]:
            parts.append(
                titled(
                    "path",
                    f"{fault.t:.3f} s: {words.fault(fault)}",
                    class_="bolt",
                    d=f"M{x(fault.t) + 2:.1f} {middle - 9:.1f}l-5 10h4l-2 8 7-11h-4l3-7z",
                )
            )
        y += LANE
    step = next(s for s in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1e9) if end / s <= 12)
    for n in range(int(end / step) + 1):
        at = x(n * step)
        parts.append(tag("line", class_="tick", x1=at, x2=at, y1=4, y2=y + 4))
        anchor = "end" if at > RIGHT - 20 else "middle"
        words_ = f"{n * step:g} s"
        parts.append(tag("text", words_, class_="time", x=at, y=y + 17, text_anchor=anchor))
    label = "The whole attempt: scenes over time, to scale"
    return tag(
        "svg",
        tag("title", label),
        *parts,
        viewBox=f"0 0 {WIDTH} {y + 24}",
        role="group",
        aria_label=label,
        class_="picture",
    )
