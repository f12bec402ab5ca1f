"""The moment at which a record went wrong, large: the scene cut down to what is near to it."""

from __future__ import annotations

from dataclasses import replace

from kafka_lab.reports.html.marks import Case, Wrong
from kafka_lab.reports.html.model import Lane, Run, Story
from kafka_lab.reports.html.scenes import Scene

AFTER = 2.0
"""Seconds after an input of which nothing came, at most until its program ends."""
AROUND = 0.06
"""Seconds before and after a record that are shown with it."""
MOST = 160
"""Requests in a close-up; nearer ones first."""


def cut(story: Story, scene: Scene, wrong: Wrong, case: Case) -> tuple[Scene, set[Lane]] | None:
    """The scene around one case, and the partitions that tell of it; ``None``: nothing was seen."""
    runs = [r for p in (*case.places, *case.sources) if (r := story.run_at(*p)) is not None]
    times = [r.t for r in runs] + [t for pair in case.times for t in pair]
    times = [t for t in times if scene.start <= t <= scene.end]
    if not times:
        return None
    windows = [(t - AROUND, t + AROUND) for t in times]
    if case.missing:
        ends = [life.end for life in scene.lives if life.end and life.end > times[0]]
        windows.append((times[0], min([times[0] + AFTER, *(end + 0.01 for end in ends)])))
    for run in runs:
        for txn in scene.txns:
            ended = scene.end if txn.ended is None else txn.ended
            if (run.topic, run.partition) in txn.lanes and txn.began <= run.t <= ended:
                windows.append((txn.began - 0.005, ended + 0.005))
    first, last = min(w[0] for w in windows), max(w[1] for w in windows)
    # What was broken shortly before is the likely reason.
    for fault in scene.faults:
        if first - 1.0 <= fault.t <= last:
            windows.append((fault.t - 0.005, fault.t + 0.02))
    first = min(w[0] for w in windows)

    def near(t: float) -> bool:
        return any(a <= t <= b for a, b in windows)

    asked = [
        a for a in scene.asked if near(a.t) or (a.api == "InitProducerId" and first <= a.t <= last)
    ]
    if len(asked) > MOST:
        asked = sorted(asked, key=lambda a: min(abs(a.t - t) for t in times))[:MOST]
        asked.sort(key=lambda a: a.t)
    ends = [life.end for life in scene.lives if life.end is not None and near(life.end)]
    inside = [*(a.t for a in asked), *times, *ends]
    start, end = max(scene.start, min(inside) - 0.004), min(scene.end, max(inside) + 0.01)
    lanes = {(r.topic, r.partition) for r in runs}
    commits = [c for c in scene.commits if near(c.t) and start <= c.t <= end]
    lanes |= {(c.topic, c.partition) for c in commits}
    kept: dict[Lane, list[Run]] = {
        lane: [r for r in found if (near(r.t) and start <= r.t <= end) or r in runs]
        for lane, found in scene.runs.items()
        if lane in lanes
    }
    lives = [
        life
        for life in scene.lives
        if life.start <= end and (life.end is None or life.end >= start)
    ]
    busy = {story.roles.get(a.principal, "") for a in asked} | {life.program for life in lives}
    made = Scene(
        scene.title,
        [p for p in scene.programs if p in busy],
        [lane for lane in scene.lanes if lane in lanes],
        lives,
        asked,
        [f for f in scene.faults if start <= f.t <= end],
        kept,
        [t for t in scene.txns if t.began <= end and (t.ended or scene.end) >= start],
        commits,
        [replace(wrong, cases=[case])],
        start,
        end,
    )
    return made, lanes
