"""``kafka-lab course``: a course file made, shown, and points given by hand."""

from __future__ import annotations

from .conftest import Tool


def test_a_new_course_file_is_valid_and_its_seed_is_its_own(tool: Tool) -> None:
    assert tool.call("course", "new", "transactions", "--title", 'A "title" {x}').code == 0
    path = tool.folder / "kafka_lab.toml"
    first = path.read_text()
    shown = tool.call("course", "show")
    assert shown.code == 0
    assert 'A "title" {x}' in shown.out
    assert "transactions" in shown.out
    assert "100.0 %" in shown.out
    assert path.stat().st_mode & 0o077 == 0
    again = tool.call("course", "new")
    assert (again.code, path.read_text()) == (2, first)
    other = tool.call("course", "new", "--course", "other.toml")
    assert other.code == 0
    seeds = [
        t.split('secret_seed = "')[1][:32]
        for t in (first, (tool.folder / "other.toml").read_text())
    ]
    assert seeds[0] != seeds[1]


def test_an_override_is_written_with_its_reason(tool: Tool) -> None:
    tool.call("course", "new", "transactions")
    args = ("course", "override", "ada", "transactions", "70.5")
    assert tool.call(*args).code == 2  # no reason
    assert tool.call(*args, "--reason", "her broker's disk, seen in person").code == 0
    assert tool.call(*args, "--reason", "again").code == 0
    lines = (tool.folder / "overrides.csv").read_text().splitlines()
    assert lines[0] == "student,exercise,points,reason,by,when"
    assert len(lines) == 3
    assert lines[1].startswith('ada,transactions,70.5,"her broker\'s disk, seen in person",')
    wrong = tool.call("course", "override", "ada", "transaction", "1", "--reason", "x")
    assert wrong.code == 2
    assert "it has transactions" in wrong.err
