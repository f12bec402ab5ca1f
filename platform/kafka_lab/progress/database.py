"""The SQLite file under the progress store: opened, migrated, and its errors put into words."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from kafka_lab.runtime.errors import LabError

BUSY_SECONDS = 10.0
"""How long to wait for another kafka-lab that is writing."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE attempts (
            id TEXT PRIMARY KEY,
            slug TEXT NOT NULL,
            language TEXT NOT NULL,
            backend TEXT NOT NULL,
            seed INTEGER NOT NULL,
            outcome TEXT NOT NULL,
            points INTEGER NOT NULL,
            earned INTEGER NOT NULL,
            started REAL NOT NULL,
            seconds REAL NOT NULL,
            workspace TEXT,
            whole INTEGER NOT NULL,
            verdict TEXT NOT NULL
        )""",
        "CREATE INDEX attempts_of ON attempts (slug, started)",
        """CREATE TABLE hints (
            slug TEXT NOT NULL,
            number INTEGER NOT NULL,
            shown REAL NOT NULL,
            PRIMARY KEY (slug, number)
        )""",
        """CREATE TABLE solutions (
            slug TEXT NOT NULL,
            language TEXT NOT NULL,
            revealed REAL NOT NULL,
            PRIMARY KEY (slug, language)
        )""",
    ),
)
"""Statements by version: those at index n lead from ``user_version`` n to n + 1. Only ever add."""


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to the migrated database, closed at the end.

    Raises:
        LabError: when the file is damaged, locked for too long, or cannot be read or written.
    """
    try:
        # One connection for each use: no state to share between threads, and with the last one
        # SQLite folds the write-ahead log into the file.
        with contextlib.closing(
            sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        ) as db:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA synchronous = FULL")
            _migrate(db, path)
            yield db
    except sqlite3.Error as e:
        raise _said(e, path) from e


@contextlib.contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """Like ``reading``, in one transaction that is either written whole or not at all."""
    with reading(path) as db, _transaction(db):
        yield db


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    # IMMEDIATE takes the write lock now, waiting for it: a later upgrade could not wait.
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    version = _version(db)
    if version > len(MIGRATIONS):
        raise LabError(
            f"{path} was written by a newer kafka-lab (version {version}; "
            f"this one knows {len(MIGRATIONS)})",
            "upgrade this kafka-lab, or set KAFKA_LAB_HOME to another folder",
        )
    if version == len(MIGRATIONS):
        return
    _write_ahead(db)
    with _transaction(db):
        # Asked again under the lock: another process may have migrated in between.
        for number in range(_version(db), len(MIGRATIONS)):
            for statement in MIGRATIONS[number]:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {number + 1}")


def _write_ahead(db: sqlite3.Connection) -> None:
    """Switch to WAL, so that a reader never waits for a writer.

    SQLite does not always apply its busy timeout to this switch, hence the loop.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as e:
            busy = e.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _said(error: sqlite3.Error, path: Path) -> LabError:
    # The low byte is the primary result code; errors of Python's own module have none.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LabError(
            f"another program has been writing to {path} for more than {BUSY_SECONDS:.0f} s",
            "end it (`kafka-lab doctor` lists what runs) and try again",
        )
    if code == sqlite3.SQLITE_FULL:
        return LabError(f"no space left to write {path}", "free some space and try again")
    if code in (
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_AUTH,
    ):
        return LabError(
            f"cannot read or write {path}: {error}",
            "make the file and its folder writable, or set KAFKA_LAB_HOME to another folder",
        )
    away = path.parent / "damaged-progress"
    return LabError(
        f"the progress database {path} is damaged: {error}",
        f"move it away, a new one is made then: mkdir {away} && mv {path}* {away}/\n"
        "Nothing was deleted; `sqlite3 FILE .recover` can often get the attempts back.",
    )
