"""Points: lateness, overrides, weights, changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kafka_lab.api import Outcome
from kafka_lab.batch.course import Course
from kafka_lab.batch.marks import State, as_points, changes, mark, rows
from kafka_lab.batch.records import Record
from kafka_lab.batch.tables import Override, Student, add_override, read_overrides
from kafka_lab.runtime.errors import UsageError

from .conftest import COURSE, make_record

Load = Callable[[str], Course]
LATE = "\n[late]\npercent_per_day = 10\ncutoff_days = 2\n"
DUE = datetime(2026, 12, 1, 22, 59, tzinfo=UTC)


@pytest.fixture
def late(load: Load) -> Course:
    return load(COURSE.replace("\n[[", LATE + "\n[[", 1))


def days(count: float) -> datetime:
    return datetime.fromtimestamp(DUE.timestamp() + count * 86400, UTC)


def test_lateness_costs_a_part_of_what_was_earned(late: Course) -> None:
    points = {}
    for over in (-1, 0, 0.5, 1.5, 2.5):
        record = make_record(late, "ada", earned=50, submitted=days(over))
        points[over] = mark("ada", "transactions", late, record, None).points
    assert points == {-1: 50, 0: 50, 0.5: 45, 1.5: 40, 2.5: 0}


def test_an_override_counts_as_it_is_and_an_error_waits_for_one(late: Course) -> None:
    given = Override("ada", "transactions", 77, "seen in person")
    broke = make_record(late, "ada", outcome=Outcome.ERROR, submitted=days(5))
    assert mark("ada", "transactions", late, broke, None).points is None
    assert mark("ada", "transactions", late, broke, None).state is State.ATTENTION
    assert mark("ada", "transactions", late, broke, given).points == 77
    assert mark("ada", "transactions", late, None, given).points == 77
    assert mark("ada", "transactions", late, None, None).points == 0


def test_weights_make_percents(course: Course) -> None:
    found: dict[tuple[str, str], Record] = {
        ("ada", "transactions"): make_record(course, "ada", earned=50),
        ("bob", "transactions"): make_record(course, "bob", earned=100),
        ("bob", "partitioning"): make_record(course, "bob", "partitioning", earned=100),
    }
    table = rows(course, [Student("ada"), Student("bob"), Student("cyd")], found, {})
    assert [r.percent for r in table] == [37.5, 100, 0]
    assert [m.state for m in table[2].marks] == [State.MISSING, State.MISSING]
    assert as_points(table) == {
        "ada": {"transactions": 50},
        "bob": {"transactions": 100, "partitioning": 100},
        "cyd": {},
    }


def test_changes_name_what_changed_and_why(course: Course) -> None:
    old = {"ada": {"transactions": 50.0}, "bob": {"transactions": 10.0}, "gone": {"x": 1.0}}
    found = {
        ("ada", "transactions"): make_record(course, "ada", earned=100, why=("another grader",)),
        ("bob", "transactions"): make_record(course, "bob", earned=10),
        ("cyd", "transactions"): make_record(course, "cyd", earned=5),
    }
    table = rows(course, [Student("ada"), Student("bob"), Student("cyd")], found, {})
    seen = [(c.student, c.before, c.after, c.why) for c in changes(old, table)]
    assert seen == [
        ("ada", 50, 100, "graded again: another grader"),
        ("cyd", None, 5, "new"),
        ("gone", 1, None, "no longer handed in"),
    ]


def test_overrides_are_kept_and_the_last_one_counts(tmp_path: Path) -> None:
    path = tmp_path / "overrides.csv"
    assert read_overrides(path) == {}
    for points in (1, 2.5):
        add_override(path, Override("ada", "x", points, 'a "reason", with commas', "me", "now"))
    assert len(path.read_text().splitlines()) == 3
    assert read_overrides(path)["ada", "x"].points == 2.5
    path.write_text("student,exercise,points,reason\nada,x,many,because\n")
    with pytest.raises(UsageError, match=r"overrides.csv:2: points 'many'"):
        read_overrides(path)
    path.write_text("student,exercise,points,reason\nada,x,1,\n")
    with pytest.raises(UsageError, match="'reason' is empty"):
        read_overrides(path)
