from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from kafka_lab.api import CheckResult, Finding, Outcome, Verdict
from kafka_lab.progress import Store, database
from kafka_lab.runtime.errors import LabError, UsageError

HERE = Path("/home/ada/transactions")


def verdict(attempt: str, earned: int = 0, **changes: object) -> Verdict:
    """An attempt of two checks, of which one is passed for 40 points, or both for 100."""
    ok, no = Outcome.PASSED, Outcome.FAILED
    checks = (
        CheckResult("one", "One.", ok if earned else no, 40),
        CheckResult(
            "two",
            "Two.",
            ok if earned == 100 else no,
            60,
            () if earned == 100 else (Finding("lost", "t-1 \udcff is lost", {"raw": b"\x00"}),),
        ),
    )
    outcome = ok if earned == 100 else no
    made = Verdict(
        "transactions", "python", outcome, checks, 7, "embedded", "4.3.1", attempt, 1000.0, 2.5
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "progress.sqlite3")


def test_an_attempt_is_stored_whole(store: Store) -> None:
    store.record(verdict("a", 40), HERE)
    (found,) = store.attempts()
    assert (found.id, found.slug, found.language) == ("a", "transactions", "python")
    assert (found.backend, found.seed, found.outcome) == ("embedded", 7, Outcome.FAILED)
    assert (found.points, found.earned, found.started, found.seconds) == (100, 40, 1000.0, 2.5)
    assert (found.workspace, found.whole) == (HERE, True)
    assert found.verdict.checks[1].findings[0].message == "t-1 \udcff is lost"


def test_the_data_folder_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_LAB_HOME", str(tmp_path / "home"))
    Store().record(verdict("a"), HERE)
    assert (tmp_path / "home" / "progress.sqlite3").is_file()


def test_attempts_are_newest_first(store: Store) -> None:
    store.record(verdict("a", started=1.0), HERE)
    store.record(verdict("c", started=3.0), HERE)
    store.record(verdict("b", started=2.0, exercise="acls"), HERE)
    assert [a.id for a in store.attempts()] == ["c", "b", "a"]
    assert [a.id for a in store.attempts("transactions")] == ["c", "a"]
    assert [a.id for a in store.attempts(limit=1)] == ["c"]


def test_an_attempt_by_the_beginning_of_its_id(store: Store) -> None:
    for name in ("abc1", "abd2", "x%"):
        store.record(verdict(name), HERE)
    assert store.attempt("abc").id == "abc1"
    assert store.attempt("x%").id == "x%"
    for prefix, said in [("ab", "more than one"), ("%", "no attempt"), ("", "more than one")]:
        with pytest.raises(UsageError, match=said):
            store.attempt(prefix)


def test_the_same_attempt_again_replaces_the_first(store: Store) -> None:
    store.record(verdict("a"), HERE)
    store.record(verdict("a", 100), HERE)
    assert [a.earned for a in store.attempts()] == [100]


def test_best_and_passed(store: Store) -> None:
    assert store.best() == {}
    assert not store.is_passed("transactions")
    store.record(verdict("bad", 0, started=1.0), HERE)
    store.record(verdict("half", 40, started=2.0), HERE)
    store.record(verdict("half again", 40, started=3.0), HERE)
    store.record(verdict("worse", 0, started=4.0), HERE)
    assert store.best()["transactions"].id == "half"
    assert store.passed() == set()
    store.record(verdict("good", 100, started=5.0), HERE)
    store.record(verdict("later", 0, started=6.0), HERE)
    assert store.best()["transactions"].id == "good"
    assert store.passed() == {"transactions"}
    assert store.is_passed("transactions")
    assert store.is_passed("transactions", "python")
    assert not store.is_passed("transactions", "go")
    assert not store.is_passed("acls")


def test_neither_the_reference_solution_nor_a_part_counts_as_progress(store: Store) -> None:
    store.record(verdict("solution", 100), None)
    store.record(verdict("only one check", 100), HERE, whole=False)
    assert not store.is_passed("transactions")
    assert store.passed() == set()
    assert store.best() == {}
    assert [(a.workspace, a.whole) for a in store.attempts()] == [(HERE, False), (None, True)]


def test_hints_come_one_after_the_other(store: Store) -> None:
    assert store.hints_shown("transactions") == 0
    assert [store.next_hint("transactions", 3) for _ in range(4)] == [0, 1, 2, None]
    assert store.hints_shown("transactions") == 3
    assert store.hints_shown("acls") == 0


def test_a_revealed_solution_is_remembered(store: Store) -> None:
    assert store.solution_revealed("transactions") is None
    store.reveal_solution("transactions", "go")
    first = store.solution_revealed("transactions", "go")
    store.reveal_solution("transactions", "go")
    assert first is not None
    assert store.solution_revealed("transactions") == first
    assert store.solution_revealed("transactions", "java") is None


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from kafka_lab.api import Outcome, Verdict
from kafka_lab.progress import Store
name, path = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
store = Store(Path(path))
one = Verdict("t", "go", Outcome.PASSED, (), 1, "embedded", "4", "", 0.0, 1.0)
hints = []
for number in range(40):
    store.record(replace(one, attempt=f"{name}-{number}"), Path("/w"))
    hints.append(store.next_hint("t", 1000))
    store.attempts(limit=3)
print(*hints)
"""

MID_TRANSACTION = """
import sys
from pathlib import Path
from kafka_lab.progress.database import writing
with writing(Path(sys.argv[1])) as db:
    # More than fits the cache, so that uncommitted pages reach the disk.
    db.execute("PRAGMA cache_size = 1")
    db.executemany("INSERT INTO hints VALUES ('t', ?, 0)", [(n,) for n in range(5000)])
    print("ready", flush=True)
    sys.stdin.readline()
"""


def python(program: str, *arguments: str) -> subprocess.Popen[str]:
    """A program that has said `ready` and waits for a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_write_at_once_from_the_very_first_moment(store: Store) -> None:
    writers = [python(WRITER, name, str(store.path)) for name in "ab"]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    outputs = [writer.communicate(timeout=60)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert len(store.attempts()) == 80
    hints = sorted(int(n) for output in outputs for n in output.split())
    assert hints == list(range(80))  # no hint was given twice


def test_a_writer_killed_in_the_middle_leaves_no_half(store: Store) -> None:
    store.record(verdict("before"), HERE)
    writer = python(MID_TRANSACTION, str(store.path))
    assert [a.id for a in store.attempts()] == ["before"]  # a reader does not wait for it
    writer.send_signal(signal.SIGKILL)
    writer.communicate(timeout=10)
    assert store.hints_shown("t") == 0
    store.record(verdict("after", started=2000.0), HERE)
    assert [a.id for a in store.attempts()] == ["after", "before"]
    with closing(sqlite3.connect(store.path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_migration_that_is_killed_is_made_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = ((*database.MIGRATIONS[0][:1], "this is not SQL"),)
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", broken)
        with pytest.raises(LabError):
            store.attempts()
    assert store.attempts() == []


def test_a_next_version_migrates_and_keeps_what_is_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.record(verdict("old", 100), HERE)
    later = (*database.MIGRATIONS, ("CREATE TABLE streaks (day TEXT)",))
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", later)
        assert store.is_passed("transactions")
    with pytest.raises(LabError, match=r"newer kafka-lab \(version 2; this one knows 1\)"):
        store.attempts()


def test_a_damaged_database_is_said_and_left_as_it_is(store: Store) -> None:
    junk = b"this was a database once " * 100
    store.path.write_bytes(junk)
    with pytest.raises(LabError) as caught:
        store.record(verdict("a"), HERE)
    assert f"the progress database {store.path} is damaged" in caught.value.what
    assert f"mv {store.path}*" in caught.value.fix
    assert caught.value.exit_code == 3
    assert store.path.read_bytes() == junk


def test_a_database_damaged_in_the_middle_is_said(store: Store) -> None:
    for number in range(50):
        store.record(verdict(f"a{number}"), HERE)
    raw = bytearray(store.path.read_bytes())
    raw[4096:] = b"\xa5" * (len(raw) - 4096)
    store.path.write_bytes(raw)
    with pytest.raises(LabError, match="is damaged"):
        store.attempts()


def test_a_database_without_its_tables_is_said(store: Store) -> None:
    store.attempts()
    with closing(sqlite3.connect(store.path)) as db:
        db.execute("DROP TABLE attempts")
    with pytest.raises(LabError, match="is damaged: no such table"):
        store.attempts()


def test_a_path_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot read or write") as caught:
        Store(tmp_path).attempts()  # a folder
    assert "KAFKA_LAB_HOME" in caught.value.fix


def test_a_lock_held_for_too_long_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.attempts()
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert store.attempts() == []  # reading goes on
        with pytest.raises(LabError, match="another program has been writing"):
            store.record(verdict("a"), HERE)


def test_no_space_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.attempts()
    connect = sqlite3.connect

    def small(*args: object, **kwargs: object) -> sqlite3.Connection:
        db: sqlite3.Connection = connect(*args, **kwargs)  # type: ignore[call-overload]
        db.execute("PRAGMA max_page_count = 1")
        return db

    monkeypatch.setattr(sqlite3, "connect", small)
    big = verdict("a", error="x" * 100_000)
    with pytest.raises(LabError, match="no space left"):
        store.record(big, HERE)
