"""Both databases, by their own clients: rows, faults, and what is left of them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Leases
from kafka_lab.services.base import Service
from kafka_lab.services.databases.base import Database
from kafka_lab.services.databases.mariadb import MariaDb
from kafka_lab.services.databases.postgres import Postgres


@pytest.fixture(params=[Postgres, MariaDb], ids=["postgres", "mariadb"])
def kind(request: pytest.FixtureRequest, needs: Callable[[type[Service]], None]) -> type[Database]:
    needs(request.param)
    return request.param  # type: ignore[no-any-return]


def test_rows_survive_a_kill_and_not_a_stop(kind: type[Database], leases: Leases) -> None:
    database = kind(leases)
    with database:
        database.query("CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(20))")
        database.query("INSERT INTO t VALUES (1, 'ä\tb'), (2, NULL), (3, '')")
        other = kind.attach(json.loads(json.dumps(database.handle())), leases)
        rows = other.query("SELECT * FROM t ORDER BY id")
        assert [row["name"] for row in rows] == ["ä\tb", None, ""]
        with pytest.raises(LabError, match="nosuch"):
            other.query("SELECT * FROM nosuch")
        other.kill()
        with pytest.raises(LabError, match="refused"):
            other.query("SELECT 1")
        other.restart()
        assert other.query("SELECT count(*) AS n FROM t") == [{"n": "3"}]
        before = other.addresses()
    with database:
        with pytest.raises(LabError, match=r"\bt\b"):
            database.query("SELECT * FROM t")
        assert database.addresses()["password"] != before["password"]


def test_only_the_password_lets_in(kind: type[Database], leases: Leases) -> None:
    with kind(leases) as database:
        at = database.addresses()
        if kind is Postgres:
            way = [
                "psql",
                "-h",
                at["host"],
                "-p",
                at["port"],
                "-U",
                "postgres",
                "-w",
                "-c",
                "SELECT 1",
            ]
        else:
            way = ["mariadb", "--no-defaults", "-h", at["host"], "-P", at["port"], "-u", "root"]
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "MYSQL_"))}
        done = subprocess.run(way, env=env, capture_output=True, text=True, check=False, input="")
        assert done.returncode != 0
        assert any(w in done.stderr for w in ("password", "denied"))


def _segments() -> list[str]:
    """Ids of System V shared memory that nobody is attached to (proc(5), sysvipc/shm)."""
    path = Path("/proc/sysvipc/shm")
    rows = [line.split() for line in path.read_text().splitlines()[1:]] if path.exists() else []
    return [row[1] for row in rows if row[6] == "0"]


def test_nothing_outlives_a_killed_kafka_lab(kind: type[Database]) -> None:
    before = set(_segments())
    own = Leases.open()
    database = kind(own)
    database.start()
    database.ready()
    folder = database.folder
    assert folder is not None
    database.pause()
    own.clear()  # what the next command does
    assert not any(p.alive() for p in database.processes)
    assert not folder.exists()
    assert set(_segments()) <= before
