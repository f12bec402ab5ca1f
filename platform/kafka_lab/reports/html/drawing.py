"""The picture of a scene: lanes for brokers, programs, transactions and partitions over time.

However much happened, it has a bounded number of marks: those that would lie on each other are one,
and it says how many it stands for. Records that a finding names are always drawn for themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

from markupsafe import Markup

from kafka_lab.reports.html import words
from kafka_lab.reports.html.axis import Axis
from kafka_lab.reports.html.marks import Place, Wrong
from kafka_lab.reports.html.model import Lane, Run, Story
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
_CHARACTER = 6.2
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
    _faults(frame)
    _brokers(frame)
    _programs(frame)
    _transactions(frame)
    left_out = _partitions(frame, only)
    _ties(frame)
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


def _faults(frame: Frame) -> None:
    """Flags above the lanes, in as many rows as they need."""
    rows: list[float] = []
    flags = [(f.t, words.fault(f), "strike") for f in frame.scene.faults[:MOST_MARKED]]
    flags += [
        (f.until, words.release(f), "release")
        for f in frame.scene.faults[:MOST_MARKED]
        if f.until is not None and f.until <= frame.scene.end
    ]
    for t, said, kind in sorted(flags):
        x = frame.axis.x(t)
        wide = (len(said) + 3) * _CHARACTER
        from_end = x + wide > RIGHT
        begin = x - wide if from_end else x
        row = next((n for n, end in enumerate(rows) if end <= begin), len(rows))
        if row >= 8:  # still marked by its line
            continue
        if row == len(rows):
            rows.append(0.0)
        rows[row] = x if from_end else x + wide
        y = frame.top + 12 + row * 16
        sign = "⚡ " if kind == "strike" else "↩ "
        frame.over.append(
            tag(
                "text",
                tag("title", f"{t:.3f} s: {said}"),
                sign + short(said, 60),
                class_=f"flag {kind}",
                x=x - 3 if from_end else x - 4,
                y=y,
                text_anchor="end" if from_end else "start",
            )
        )
    frame.y = frame.top + 8 + 16 * len(rows)


def _brokers(frame: Frame) -> None:
    axis, scene = frame.axis, frame.scene
    for name in frame.story.brokers[:9]:
        number = name.rsplit(" ", 1)[-1]
        mine = [f for f in scene.faults if str(f.broker) == number and f.kind.startswith("broker-")]
        middle = frame.lane(name, "broker", 20)
        begin: float | None = axis.left
        for f in sorted(mine, key=lambda f: f.t):
            if f.kind in ("broker-kill", "broker-stop", "broker-pause") and begin is not None:
                frame.over.append(_bar(begin, axis.x(f.t), middle, 8, "broker", f"{name} runs"))
                begin = None
            elif f.kind in ("broker-start", "broker-resume") and begin is None:
                begin = axis.x(f.t)
        if begin is not None:
            frame.over.append(_bar(begin, RIGHT - 12, middle, 8, "broker", f"{name} runs"))


def _bar(x1: float, x2: float, y: float, high: float, kind: str, title: str) -> Markup:
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


def _programs(frame: Frame) -> None:
    axis, scene = frame.axis, frame.scene
    named = frame.story.roles
    for program in scene.programs[:MOST_PROGRAMS]:
        middle = frame.lane(program, "program", 34 if frame.labels else 30)
        for life in [life for life in scene.lives if life.program == program][-200:]:
            end = scene.end if life.end is None else life.end
            x1, x2 = axis.x(life.start), axis.x(end)
            frame.over.append(_bar(x1, x2, middle, 16, "life", words.life(life)))
            for pause in life.pauses:
                p2 = axis.x(pause[1] if len(pause) > 1 else scene.end)
                frame.over.append(_bar(axis.x(pause[0]), p2, middle, 16, "frozen", "frozen"))
            if life.end is not None and life.code and scene.start <= life.end <= scene.end:
                title = f"{life.end:.3f} s: {words.ending(life)}"
                cross = _cross(x2, middle, title)
                blamed = [w for w in scene.wrongs if w.blames(program)] if life.code > 0 else []
                if blamed:
                    said = f"{program}, {title}, finding {blamed[0].number}"
                    link = f"#f{blamed[0].number}"
                    cross = tag("a", cross, href=link, class_="wrong", aria_label=said)
                frame.over.append(cross)
        held = [f for f in scene.faults if f.program == program and f.until is not None]
        for f in held:
            x1, x2 = axis.x(f.t), axis.x(f.until or f.t)
            frame.over.append(_bar(x1, x2, middle, 22, "held", words.fault(f)))
        mine = [a for a in scene.asked if named.get(a.principal) == program]
        free = float(LEFT)
        for x, kind, heap in frame.binned(mine, lambda a: axis.x(a.t), _kind_of_request):
            said = "\n".join(f"{a.t:.3f} s: {words.request(a)}" for a in heap[:8])
            if len(heap) > 8:
                said += f"\nand {len(heap) - 8:,} more"
            frame.over.append(
                titled(
                    "line",
                    said,
                    class_=f"ask {kind}",
                    x1=x,
                    x2=x,
                    y1=middle - 7,
                    y2=middle + 7,
                )
            )
            name = heap[0].api
            if frame.labels and kind != "other" and x >= free and x + 6 * len(name) < RIGHT + 8:
                frame.over.append(tag("text", name, class_="api", x=x, y=middle + 18))
                free = x + _CHARACTER * len(name)


def _kind_of_request(asked: object) -> str:
    api, error = getattr(asked, "api", ""), getattr(asked, "error", None)
    if error:
        return "refused"
    if api == "Produce":
        return "produce"
    if api == "EndTxn":
        return "end" if getattr(asked, "facts", {}).get("committed") else "abort"
    if api in ("TxnOffsetCommit", "OffsetCommit"):
        return "offsets"
    return "init" if api == "InitProducerId" else "other"


def _cross(x: float, y: float, title: str) -> Markup:
    path = f"M{x - 5:.1f} {y - 5:.1f}l10 10m0-10l-10 10"
    return titled("path", title, class_="death", d=path)


def _transactions(frame: Frame) -> None:
    axis, scene = frame.axis, frame.scene
    ids = list(dict.fromkeys(t.id for t in scene.txns))
    for name in ids[:6]:
        middle = frame.lane(f"txn {name}", "txn", 22, f"transactions of {name}")
        mine = [t for t in scene.txns if t.id == name]
        for x, kind, heap in frame.binned(mine, lambda t: axis.x(t.began), lambda t: t.outcome):
            last = heap[-1]
            x2 = max(x + 2, axis.x(scene.end if last.ended is None else last.ended) - 1)
            title = words.txn(heap[0]) if len(heap) == 1 else f"{len(heap):,} {kind} transactions"
            frame.over.append(_bar(x, x2, middle, 10, f"txn {kind}", title))
    _moments(frame)


def _moments(frame: Frame) -> None:
    """What findings say of times: a band across everything up to here."""
    for wrong in frame.scene.wrongs:
        for case in wrong.cases[:20]:
            for began, ended in case.times:
                if not (frame.scene.start <= began <= frame.scene.end):
                    continue
                x1, x2 = frame.axis.x(began), frame.axis.x(ended)
                band = tag(
                    "rect",
                    tag("title", f"finding {wrong.number}: {wrong.finding.code}"),
                    class_="moment",
                    x=x1 - 4,
                    y=frame.top + 2,
                    width=x2 - x1 + 8,
                    height=frame.y - frame.top,
                    rx=4,
                )
                words_ = f"to finding {wrong.number}, {wrong.finding.code}"
                frame.over.append(
                    tag("a", band, href=f"#f{wrong.number}", class_="wrong", aria_label=words_)
                )


def _partitions(frame: Frame, only: Collection[Lane] | None) -> str:
    """A lane each; of very many those with findings, the others of a topic together."""
    scene, story = frame.scene, frame.story
    named: dict[Place, Wrong] = {}
    for wrong in scene.wrongs:
        for case in wrong.cases:
            for place in (*case.places, *case.sources):
                named.setdefault(place, wrong)
    touched = [
        lane
        for lane in scene.lanes
        if scene.runs.get(lane) or any((c.topic, c.partition) == lane for c in scene.commits)
    ]
    shown = [lane for lane in touched if only is None or lane in only]
    apart = {p[:2] for p in named}
    if len(shown) > MOST_LANES:
        shown = [lane for lane in shown if lane in apart][:MOST_LANES]
    rest: dict[str, list[Lane]] = {}
    for lane in touched if only is None else ():
        if lane not in shown:
            rest.setdefault(lane[0], []).append(lane)
    marked = list(named)[:MOST_MARKED]
    for lane in shown:
        middle = frame.lane(f"{lane[0]}-{lane[1]}", "partition")
        _records(frame, middle, scene.runs.get(lane, []))
        _offsets(frame, middle, lane)
        for place in marked:
            if place[:2] == lane:
                _marked(frame, middle, place, named[place])
    for topic, lanes in list(rest.items())[:MOST_LANES]:
        middle = frame.lane(f"{topic} ({len(lanes)})", "partition", LANE, f"{topic}, together")
        _records(frame, middle, [r for lane in lanes for r in scene.runs.get(lane, [])])
    # A record that nobody read and no answer told of has no time.
    missing = sum(1 for place in named if story.run_at(*place) is None)
    said = []
    if missing:
        said.append(f"{missing} of the records named were never seen and are not in the picture")
    if len(named) > MOST_MARKED:
        said.append(f"of {len(named):,} records named the first {MOST_MARKED} are marked")
    return "; ".join(said)


def _records(frame: Frame, middle: float, runs: Sequence[Run]) -> None:
    heaps = frame.binned(runs, lambda r: frame.axis.x(r.t), lambda r: r.state)
    for x, state, heap in heaps:
        count = sum(r.count for r in heap)
        if len(heap) == 1:
            title = words.run(heap[0], frame.story)
        else:
            low, high = min(r.first for r in heap), max(r.last for r in heap)
            title = f"{count:,} records, offsets {low}…{high}; {words.STATES[state]}"
        title = f"{heap[0].t:.3f} s: {title}"
        high_ = 8.0 if count == 1 else min(22.0, 9.0 + 2.0 * len(str(count)) + (count > 4) * 2)
        frame.over.append(
            titled(
                "rect",
                title,
                class_=f"record {state}",
                x=x - 4,
                y=middle - high_ / 2,
                width=8.0 if frame.bin_width <= 8 else frame.bin_width,
                height=high_,
                rx=4,
            )
        )


def _offsets(frame: Frame, middle: float, lane: Lane) -> None:
    mine = [c for c in frame.scene.commits if (c.topic, c.partition) == lane]
    for x, kind, heap in frame.binned(
        mine, lambda c: frame.axis.x(c.t), lambda c: "inside" if c.transactional else "plain"
    ):
        last = heap[-1]
        how = "in a transaction" if last.transactional else "by a plain OffsetCommit"
        title = f"{last.t:.3f} s: group {last.group} commits offset {last.offset} {how}"
        path = f"M{x:.1f} {middle + 5:.1f}l4 7h-8z"
        frame.over.append(titled("path", title, class_=f"commit {kind}", d=path))
        if frame.labels:
            frame.over.append(
                tag("text", f"→{last.offset}", class_="small", x=x + 6, y=middle + 13)
            )


def _marked(frame: Frame, middle: float, place: Place, wrong: Wrong) -> None:
    run = frame.story.run_at(*place)
    if run is None or not (frame.scene.start <= run.t <= frame.scene.end):
        return
    x = frame.axis.x(run.t)
    # Several of one batch lie side by side.
    while (x, middle) in frame.at.values():
        x += 7
    frame.at[place] = (x, middle)
    name = f"{place[0]}-{place[1]}@{place[2]}"
    anchor = frame.anchors[place] = f"{frame.prefix}m{len(frame.anchors) + 1}"
    said = f"{name}, finding {wrong.number}: {wrong.finding.code}"
    frame.over.append(
        tag(
            "a",
            tag("title", f"{said}\n{run.t:.3f} s: {words.run(run, frame.story)}"),
            tag("path", d=f"M{x:.1f} {middle - 9:.1f}l9 9l-9 9l-9-9z"),
            tag("text", f"@{place[2]}", x=x + 11, y=middle - 4),
            id=anchor,
            href=f"#f{wrong.number}",
            class_="wrong",
            aria_label=said,
        )
    )


def _ties(frame: Frame) -> None:
    """The records of one case belong together: an arc from each to the next."""
    for wrong in frame.scene.wrongs:
        for case in wrong.cases[:20]:
            spots = [frame.at[p] for p in case.places if p in frame.at]
            name = str(case.facts.get("id", ""))
            for (x1, y1), (x2, y2) in pairwise(spots):
                if (x1, y1) == (x2, y2):
                    continue
                up = min(y1, y2) - 16 if y1 == y2 else (y1 + y2) / 2 - 12
                path = (
                    f"M{x1:.1f} {y1 - 9:.1f}Q{(x1 + x2) / 2:.1f} {up - 8:.1f} {x2:.1f} {y2 - 9:.1f}"
                )
                frame.under.append(tag("path", class_="tie", d=path))
                if frame.labels and name and abs(x2 - x1) > 8 * len(name):
                    frame.over.append(
                        tag(
                            "text",
                            f"the same: {short(name, 30)}",
                            class_="tied",
                            x=(x1 + x2) / 2,
                            y=up + 4,
                            text_anchor="middle",
                        )
                    )


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
