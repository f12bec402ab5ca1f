"""The list of topics agrees with itself and with the exercises that are there."""

from __future__ import annotations

from kafka_lab import wiring
from kafka_lab.exercises.manifest import SECTIONS
from kafka_lab.guide.exercise_page import LANGUAGES
from kafka_lab.guide.topics import curriculum


def test_there_are_44_topics_in_12_sections() -> None:
    whole = curriculum()
    assert len(whole.topics) == 44
    assert [s.number for s in whole.sections] == list(SECTIONS)
    assert all(whole.of(number) for number in SECTIONS)


def test_what_comes_before_is_known_and_never_goes_in_circles() -> None:
    whole = curriculum()
    sections = {s.number: s for s in whole.sections}
    place = {slug: whole.depth(topic.section) for slug, topic in whole.topics.items()}
    for section in whole.sections:
        assert set(section.after) <= set(sections)
        assert all(whole.depth(n) < whole.depth(section.number) for n in section.after)
    done: set[str] = set()
    while len(done) < len(whole.topics):
        now = {s for s, t in whole.topics.items() if s not in done and done.issuperset(t.after)}
        assert now, f"a circle, or an unknown topic, among {set(whole.topics) - done}"
        done |= now
    for slug, topic in whole.topics.items():
        # Nobody is sent ahead on the map to do what comes first.
        assert all(place[before] <= place[slug] for before in topic.after), slug


def test_every_topic_says_what_it_is_about_and_in_which_languages() -> None:
    for topic in curriculum().topics.values():
        assert topic.about.endswith(".")
        assert topic.languages
        assert set(topic.languages) <= set(LANGUAGES)


def test_the_exercises_that_are_there_are_topics_of_their_section() -> None:
    topics = curriculum().topics
    for exercise in wiring.catalog().exercises:
        assert topics[exercise.slug].section == exercise.manifest.section
        assert exercise.languages[0] == topics[exercise.slug].languages[0]
