"""The curriculum's sections and topics, those without an exercise too. Plain data."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from kafka_lab.exercises.manifest import SECTIONS

FILE = Path(__file__).with_name("topics.toml")


@dataclass(frozen=True)
class SectionTopic:
    """A section; ``after`` are the sections that it builds upon."""

    number: int
    about: str
    after: tuple[int, ...]

    @property
    def name(self) -> str:
        return SECTIONS[self.number]

    @property
    def anchor(self) -> str:
        """The id of its heading in the learning path."""
        return f"section-{self.number}"


@dataclass(frozen=True)
class Topic:
    """A topic of the curriculum; its exercise, if there is one, has the same slug.

    ``after`` are the topics to do first; ``languages`` the tracks that it has or will have.
    """

    slug: str
    section: int
    title: str
    about: str
    languages: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class Curriculum:
    """All of it, in the order of teaching."""

    sections: tuple[SectionTopic, ...]
    topics: Mapping[str, Topic]

    def of(self, section: int) -> list[Topic]:
        """The topics of a section."""
        return [topic for topic in self.topics.values() if topic.section == section]

    def depth(self, section: int) -> int:
        """How many sections, one after another, come before this one."""
        found = next(s for s in self.sections if s.number == section)
        return max((self.depth(before) + 1 for before in found.after), default=0)


@lru_cache(maxsize=1)
def curriculum() -> Curriculum:
    """The curriculum as ``topics.toml`` has it."""
    raw = tomllib.loads(FILE.read_text(encoding="utf-8"))
    sections = tuple(
        SectionTopic(s["number"], s["about"], tuple(s["after"])) for s in raw["sections"]
    )
    topics = {
        t["slug"]: Topic(
            t["slug"],
            t["section"],
            t["title"],
            t["about"],
            tuple(t["languages"]),
            tuple(t["after"]),
        )
        for t in raw["topics"]
    }
    return Curriculum(sections, topics)
