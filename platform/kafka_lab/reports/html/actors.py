"""The upper lanes: faults, brokers, programs with their requests, transactions."""

from __future__ import annotations

from markupsafe import Markup

from kafka_lab.reports.html import words
from kafka_lab.reports.html.frame import (
    CHARACTER,
    LEFT,
    MOST_MARKED,
    MOST_PROGRAMS,
    RIGHT,
    Frame,
    bar,
)
from kafka_lab.reports.html.svg import short, tag, titled


def faults(frame: Frame) -> None:
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
        wide = (len(said) + 3) * CHARACTER
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


def brokers(frame: Frame) -> None:
    axis, scene = frame.axis, frame.scene
    for name in frame.story.brokers[:9]:
        mine = [f for f in scene.faults if f.broker == name and f.kind.startswith("broker-")]
        middle = frame.lane(name, "broker", 20)
        begin: float | None = axis.left
        for f in sorted(mine, key=lambda f: f.t):
            if f.kind in ("broker-kill", "broker-stop", "broker-pause") and begin is not None:
                frame.over.append(bar(begin, axis.x(f.t), middle, 8, "broker", f"{name} runs"))
                begin = None
            elif f.kind in ("broker-start", "broker-resume") and begin is None:
                begin = axis.x(f.t)
        if begin is not None:
            frame.over.append(bar(begin, RIGHT - 12, middle, 8, "broker", f"{name} runs"))


def programs(frame: Frame) -> None:
    axis, scene = frame.axis, frame.scene
    named = frame.story.roles
    for program in scene.programs[:MOST_PROGRAMS]:
        middle = frame.lane(program, "program", 34 if frame.labels else 30)
        for life in [life for life in scene.lives if life.program == program][-200:]:
            end = scene.end if life.end is None else life.end
            x1, x2 = axis.x(life.start), axis.x(end)
            frame.over.append(bar(x1, x2, middle, 16, "life", words.life(life)))
            for pause in life.pauses:
                p2 = axis.x(pause[1] if len(pause) > 1 else scene.end)
                frame.over.append(bar(axis.x(pause[0]), p2, middle, 16, "frozen", "frozen"))
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
            frame.over.append(bar(x1, x2, middle, 22, "held", words.fault(f)))
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
                free = x + CHARACTER * len(name)


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


def transactions(frame: Frame) -> None:
    axis, scene = frame.axis, frame.scene
    ids = list(dict.fromkeys(t.id for t in scene.txns))
    for name in ids[:6]:
        middle = frame.lane(f"txn {name}", "txn", 22, f"transactions of {name}")
        mine = [t for t in scene.txns if t.id == name]
        for x, kind, heap in frame.binned(mine, lambda t: axis.x(t.began), lambda t: t.outcome):
            last = heap[-1]
            x2 = max(x + 2, axis.x(scene.end if last.ended is None else last.ended) - 1)
            title = words.txn(heap[0]) if len(heap) == 1 else f"{len(heap):,} {kind} transactions"
            frame.over.append(bar(x, x2, middle, 10, f"txn {kind}", title))
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
