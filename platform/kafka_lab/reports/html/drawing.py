"""The picture of a scene: lanes for brokers, programs, transactions and partitions over time.

However much happened, it has a bounded number of marks: those that would lie on each other are one,
and it says how many it stands for. Records that a finding names are always drawn for themselves.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from markupsafe import Markup

from kafka_lab.reports.html import actors, records
from kafka_lab.reports.html.axis import Axis
from kafka_lab.reports.html.frame import LEFT, MOST_MARKED, RIGHT, WIDTH, Frame
from kafka_lab.reports.html.marks import Place
from kafka_lab.reports.html.model import Lane, Story
from kafka_lab.reports.html.scenes import Scene
from kafka_lab.reports.html.svg import tag, titled


@dataclass(frozen=True)
class Picture:
    """``anchors``: the id of the mark of each record that a finding names."""

    svg: Markup
    anchors: dict[Place, str]
    left_out: str = ""


def draw(
    story: Story,
    scene: Scene,
    prefix: str,
    label: str,
    bin_width: float = 4.0,
    closeup: bool = False,
    only: Collection[Lane] | None = None,
) -> Picture:
    """The picture of a scene; ``prefix`` makes its ids its own."""
    frame = Frame(story, scene, _axis(scene), prefix, bin_width, closeup)
    frame.y = frame.top = 8.0
    actors.faults(frame)
    actors.brokers(frame)
    actors.programs(frame)
    actors.transactions(frame)
    left_out = records.partitions(frame, only)
    records.ties(frame)
    bottom = frame.y
    _ticks(frame, bottom)
    height = bottom + 26
    lines = [
        tag("line", class_=f"fault {f.kind}", x1=x, x2=x, y1=frame.top + 2, y2=bottom)
        for f in scene.faults[:MOST_MARKED]
        for x in [frame.axis.x(f.t)]
    ]
    body = Markup("").join([*frame.under, *lines, *frame.over])
    whole = tag(
        "svg",
        tag("title", label),
        body,
        viewBox=f"0 0 {WIDTH} {height:.0f}",
        role="group",
        aria_label=label,
        class_="picture",
    )
    return Picture(whole, frame.anchors, left_out)


def _axis(scene: Scene) -> Axis:
    times = [scene.start, scene.end]
    times += [t for life in scene.lives for t in (life.start, life.end) if t is not None]
    times += [t for life in scene.lives for pause in life.pauses for t in pause]
    times += [t for f in scene.faults for t in (f.t, f.until) if t is not None]
    times += [t for a in scene.asked for t in (a.t, a.answered) if t is not None]
    times += [run.t for runs in scene.runs.values() for run in runs]
    # Of what is far outside (a fault in another scene's time) nothing is to be seen.
    return Axis((t for t in times if scene.start <= t <= scene.end), LEFT + 12, RIGHT - 12)


def _ticks(frame: Frame, bottom: float) -> None:
    for t, x in frame.axis.ticks(96):
        anchor = "end" if x > RIGHT - 40 else "middle"
        frame.under.append(tag("line", class_="tick", x1=x, x2=x, y1=frame.top, y2=bottom + 4))
        frame.under.append(
            tag("text", f"{t:.3f} s", class_="time", x=x, y=bottom + 17, text_anchor=anchor)
        )
    for x1, x2, seconds in frame.axis.waits(0.3, 16):
        frame.under.append(
            titled(
                "rect",
                f"{seconds:.1f} s in which nothing happens here",
                class_="wait",
                x=x1 + 2,
                y=frame.top,
                width=x2 - x1 - 4,
                height=bottom - frame.top,
            )
        )
        if x2 - x1 > 34:
            frame.under.append(
                tag(
                    "text",
                    f"{seconds:.1f} s",
                    class_="wait",
                    x=(x1 + x2) / 2,
                    y=bottom - 3,
                    text_anchor="middle",
                )
            )
