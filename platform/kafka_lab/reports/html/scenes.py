"""An attempt falls into scenes: programs and the topics they share. Each gets a picture of its own.

Nobody has to name them: what a program writes to, or commits offsets of, belongs to its scene.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from kafka_lab.reports.html.marks import Wrong
from kafka_lab.reports.html.model import Asked, Commit, Fault, Lane, Life, Run, Story, Txn

_BROKERS = frozenset(
    ("broker-kill", "broker-stop", "broker-start", "broker-pause", "broker-resume")
    + ("log-dir-offline", "refuse", "accept", "link", "allow", "deny")
)


@dataclass
class Scene:
    """What belongs together, in the order of time."""

    title: str
    programs: list[str]
    lanes: list[Lane]
    lives: list[Life] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    runs: dict[Lane, list[Run]] = field(default_factory=dict)
    txns: list[Txn] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    wrongs: list[Wrong] = field(default_factory=list)
    start: float = 0.0
    end: float = 0.0


def scenes(story: Story, wrongs: Iterable[Wrong]) -> list[Scene]:
    """The scenes, those with findings first, the others in the order of time."""
    groups = _groups(story)
    found = [_scene(story, sorted(m for m in members), list(wrongs)) for members in groups]
    found = [s for s in found if s.lives or s.runs or s.asked]
    return sorted(found, key=lambda s: (not s.wrongs, s.start))


def _groups(story: Story) -> list[set[tuple[str, str]]]:
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    def join(a: tuple[str, str], b: tuple[str, str]) -> None:
        parent[root(a)] = root(b)

    for program in [*story.roles.values(), *(life.program for life in story.lives)]:
        root(("program", program))
    for asked in story.asked:
        speaker = story.roles.get(asked.principal)
        for key in ("partitions", "offsets") if speaker else ():
            for part in asked.facts.get(key, ()):
                # Only topics of the harness: a program may ask for any name.
                if part[0] in story.topics:
                    join(("program", speaker or ""), ("topic", part[0]))
    for family in story.families:
        # A topic that nobody touched is with those that it was created with, if those agree.
        touched = {root(("topic", t)) for t in family if ("topic", t) in parent}
        for topic in family:
            if ("topic", topic) not in parent and len(touched) == 1:
                join(("topic", topic), next(iter(touched)))
    for topic in story.topics:
        root(("topic", topic))
    made: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for node in list(parent):
        made.setdefault(root(node), set()).add(node)
    return list(made.values())


def _scene(story: Story, members: list[tuple[str, str]], wrongs: list[Wrong]) -> Scene:
    started = {life.program: life.start for life in reversed(story.lives)}
    programs = sorted(
        (n for kind, n in members if kind == "program"), key=lambda p: started.get(p, 1e9)
    )
    order = list(story.topics)
    topics = sorted((n for kind, n in members if kind == "topic"), key=order.index)
    lanes = [(t, p) for t in topics for p in range(story.topics[t])]
    scene = Scene(_title(programs, topics), programs, lanes)
    mine, principals = set(programs), {p for p, n in story.roles.items() if n in programs}
    scene.lives = [life for life in story.lives if life.program in mine]
    scene.asked = [a for a in story.asked if a.principal in principals]
    scene.txns = [t for t in story.txns if t.principal in principals]
    scene.runs = {lane: story.runs[lane] for lane in lanes if story.runs.get(lane)}
    scene.commits = [c for c in story.commits if c.principal in principals]
    where, ids = set(lanes), {t.id for t in scene.txns}
    times = [
        *(t for life in scene.lives for t in (life.start, life.end or life.start)),
        *(run.t for runs in scene.runs.values() for run in runs),
    ]
    scene.start, scene.end = min(times, default=0.0), max(times, default=story.end)
    scene.faults = [
        f
        for f in story.faults
        if f.program in mine
        or f.principal in principals
        or (f.resource and f.resource in set(topics))
        or (
            f.kind in _BROKERS
            and not f.resource
            and scene.lives
            and scene.start <= f.t <= scene.end
        )
    ]
    scene.wrongs = [
        w
        for w in wrongs
        if any(p[:2] in where for c in w.cases for p in (*c.places, *c.sources))
        or any(c.facts.get("principal") in principals for c in w.cases)
        or any(c.facts.get("program") in mine for c in w.cases)
        or any(c.facts.get("transactional_id") in ids for c in w.cases)
    ]
    return scene


def _title(programs: list[str], topics: list[str]) -> str:
    if not programs:
        return ", ".join(topics[:3])
    if len(programs) == 1:
        return programs[0]
    common = ""
    for letters in zip(*programs, strict=False):
        if len(set(letters)) > 1:
            break
        common += letters[0]
    return common.rstrip("-_ ") or ", ".join(programs[:3])
