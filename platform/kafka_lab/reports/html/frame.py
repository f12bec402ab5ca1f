"""What all lanes of a picture share: where it is, how wide, what is drawn under and over what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from markupsafe import Markup

from kafka_lab.reports.html.axis import Axis
from kafka_lab.reports.html.marks import Place
from kafka_lab.reports.html.model import Story
from kafka_lab.reports.html.scenes import Scene
from kafka_lab.reports.html.svg import short, tag, titled

WIDTH = 1200
LEFT = 186
RIGHT = 1184
LANE = 26
MOST_LANES = 24
MOST_PROGRAMS = 12
MOST_MARKED = 150
"""Records of findings that one picture marks."""
CHARACTER = 6.2
"""Pixels, about, of one in a label."""

T = TypeVar("T")


@dataclass
class Frame:
    """A picture being made. ``bin_width``: pixels within which marks are joined."""

    story: Story
    scene: Scene
    axis: Axis
    prefix: str
    bin_width: float
    labels: bool
    top: float = 0.0
    y: float = 0.0
    under: list[Markup] = field(default_factory=list)
    over: list[Markup] = field(default_factory=list)
    at: dict[Place, tuple[float, float]] = field(default_factory=dict)
    anchors: dict[Place, str] = field(default_factory=dict)

    def lane(self, name: str, kind: str, height: float = LANE, title: str = "") -> float:
        """Begin a lane and return the height of its middle."""
        middle = self.y + height / 2
        name_ = short(name, 28)
        self.under.append(
            tag(
                "text",
                tag("title", title or name),
                name_,
                class_=f"name {kind}",
                x=LEFT - 10,
                y=middle + 4,
                text_anchor="end",
            )
        )
        self.under.append(tag("line", class_="ground", x1=LEFT, x2=RIGHT, y1=middle, y2=middle))
        self.y += height
        return middle

    def binned(
        self, items: Iterable[T], place: Callable[[T], float], kind: Callable[[T], str]
    ) -> list[tuple[float, str, list[T]]]:
        """Items that fall together, with the place and kind of each heap, in order."""
        heaps: dict[tuple[int, str], list[T]] = {}
        for item in items:
            x = place(item)
            heaps.setdefault((int(x / self.bin_width), kind(item)), []).append(item)
        return [(place(heap[0]), what, heap) for (_, what), heap in heaps.items()]


def bar(x1: float, x2: float, y: float, high: float, kind: str, title: str) -> Markup:
    return titled(
        "rect",
        title,
        class_=kind,
        x=x1,
        y=y - high / 2,
        width=max(1.5, x2 - x1),
        height=high,
        rx=min(3.0, high / 2),
    )
