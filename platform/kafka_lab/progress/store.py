"""What the learner tried and how it went. Times are seconds since the epoch."""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from kafka_lab.api import Outcome, Verdict
from kafka_lab.progress.database import reading, writing
from kafka_lab.runtime.errors import UsageError
from kafka_lab.runtime.paths import data_dir

FILE = "progress.sqlite3"


@dataclass(frozen=True)
class Attempt:
    """One stored attempt.

    ``workspace`` is ``None`` when it was not the learner's program (the reference solution);
    ``whole`` is false when only some of the checks were asked for. Neither kind counts as
    progress.
    """

    id: str
    slug: str
    language: str
    backend: str
    seed: int
    outcome: Outcome
    points: int
    earned: int
    started: float
    seconds: float
    workspace: Path | None
    whole: bool
    verdict: Verdict

    @classmethod
    def _of(cls, row: sqlite3.Row) -> Attempt:
        return cls(
            id=row["id"],
            slug=row["slug"],
            language=row["language"],
            backend=row["backend"],
            seed=row["seed"],
            outcome=Outcome(row["outcome"]),
            points=row["points"],
            earned=row["earned"],
            started=row["started"],
            seconds=row["seconds"],
            workspace=Path(row["workspace"]) if row["workspace"] is not None else None,
            whole=bool(row["whole"]),
            verdict=Verdict.from_json(json.loads(row["verdict"])),
        )


_COUNTS = "workspace IS NOT NULL AND whole"


class Store:
    """The progress of whoever's data folder it is. Safe to use from many processes at once."""

    def __init__(self, path: Path | None = None) -> None:
        """Use the database ``path``, made at first use; by default that of ``data_dir()``."""
        self.path = path or data_dir() / FILE

    def record(self, verdict: Verdict, workspace: Path | None, *, whole: bool = True) -> None:
        """Store an attempt; the same attempt again takes the place of the first.

        Args:
            verdict: what was judged; its ``attempt`` is the id.
            workspace: the learner's folder, or ``None`` for a program that is not the learner's.
            whole: whether all checks of the exercise were asked for.
        """
        with writing(self.path) as db:
            db.execute(
                "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    verdict.attempt,
                    verdict.exercise,
                    verdict.language,
                    verdict.backend,
                    verdict.seed,
                    verdict.outcome.value,
                    verdict.points,
                    verdict.earned,
                    verdict.started,
                    verdict.seconds,
                    None if workspace is None else str(workspace),
                    whole,
                    json.dumps(verdict.to_json(), default=str),
                ),
            )

    def attempts(self, slug: str | None = None, limit: int = -1) -> list[Attempt]:
        """Attempts of one exercise or of all, the newest first; ``limit`` -1 is no limit."""
        with reading(self.path) as db:
            rows = db.execute(
                "SELECT * FROM attempts WHERE ?1 IS NULL OR slug = ?1 "
                "ORDER BY started DESC, rowid DESC LIMIT ?2",
                (slug, limit),
            ).fetchall()
        return [Attempt._of(row) for row in rows]

    def attempt(self, prefix: str) -> Attempt:
        """The attempt whose id begins like this.

        Raises:
            UsageError: when there is none, or more than one.
        """
        with reading(self.path) as db:
            rows = db.execute(
                "SELECT * FROM attempts WHERE substr(id, 1, length(?1)) = ?1 LIMIT 2", (prefix,)
            ).fetchall()
        if len(rows) != 1 or not prefix:
            many = "more than one attempt begins" if rows else "no attempt begins"
            raise UsageError(f"{many} with '{prefix}'", "`kafka-lab progress` lists their ids")
        return Attempt._of(rows[0])

    def best(self) -> dict[str, Attempt]:
        """For each exercise that was tried, the attempt that counts and earned most.

        Of equal ones, one that passed; then the earliest.
        """
        with reading(self.path) as db:
            rows = db.execute(
                f"SELECT * FROM attempts WHERE {_COUNTS} "
                "ORDER BY earned, outcome = 'passed', started DESC, rowid DESC"
            ).fetchall()
        # The last row of a slug is its best.
        return {slug: Attempt._of(row) for slug, row in {row["slug"]: row for row in rows}.items()}

    def passed(self) -> set[str]:
        """The exercises that the learner passed, in any language."""
        with reading(self.path) as db:
            rows = db.execute(
                f"SELECT DISTINCT slug FROM attempts WHERE outcome = 'passed' AND {_COUNTS}"
            ).fetchall()
        return {row["slug"] for row in rows}

    def is_passed(self, slug: str, language: str | None = None) -> bool:
        """Whether the learner's own program passed all checks, in this or in any language."""
        with reading(self.path) as db:
            row = db.execute(
                f"SELECT 1 FROM attempts WHERE {_COUNTS} AND outcome = 'passed' "
                "AND slug = ?1 AND (?2 IS NULL OR language = ?2)",
                (slug, language),
            ).fetchone()
        return row is not None

    def hints_shown(self, slug: str) -> int:
        """How many hints, from the first on, were shown."""
        with reading(self.path) as db:
            return _hints(db, slug)

    def next_hint(self, slug: str, total: int) -> int | None:
        """Take the next hint: its index from 0, or ``None`` when all ``total`` were shown.

        Two at the same moment get different ones.
        """
        with writing(self.path) as db:
            number = _hints(db, slug)
            if number >= total:
                return None
            db.execute("INSERT INTO hints VALUES (?, ?, ?)", (slug, number, time.time()))
            return number

    def reveal_solution(self, slug: str, language: str) -> None:
        """Remember that the learner has seen the reference solution."""
        with writing(self.path) as db:
            db.execute(
                "INSERT OR IGNORE INTO solutions VALUES (?, ?, ?)", (slug, language, time.time())
            )

    def solution_revealed(self, slug: str, language: str | None = None) -> float | None:
        """When the solution was first seen, in this or in any language; ``None`` if never."""
        with reading(self.path) as db:
            row = db.execute(
                "SELECT min(revealed) AS first FROM solutions "
                "WHERE slug = ?1 AND (?2 IS NULL OR language = ?2)",
                (slug, language),
            ).fetchone()
        first = row["first"]
        return None if first is None else float(first)


def _hints(db: sqlite3.Connection, slug: str) -> int:
    row = db.execute("SELECT max(number) AS last FROM hints WHERE slug = ?", (slug,)).fetchone()
    return 0 if row["last"] is None else int(row["last"]) + 1
