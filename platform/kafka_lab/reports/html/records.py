"""The lower lanes: records of each partition, committed offsets, what findings name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from kafka_lab.reports.html import words
from kafka_lab.reports.html.frame import LANE, MOST_LANES, MOST_MARKED, Frame
from kafka_lab.reports.html.marks import Place, Wrong
from kafka_lab.reports.html.model import Lane, Run
from kafka_lab.reports.html.svg import short, tag, titled


def partitions(frame: Frame, only: Collection[Lane] | None) -> str:
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


def ties(frame: Frame) -> None:
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
