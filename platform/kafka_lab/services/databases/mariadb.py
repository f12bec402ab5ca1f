"""MariaDB from the system's packages, with a binary log of whole rows."""

from __future__ import annotations

import hashlib
import os
import shutil
import xml.etree.ElementTree as ET
from functools import lru_cache
from pathlib import Path

from kafka_lab.clusters.ports import free_ports
from kafka_lab.services import archives
from kafka_lab.services.databases.base import NAME, Database, Row
from kafka_lab.services.process import Process
from kafka_lab.services.tools import find, run
from kafka_lab.services.unit import Unit

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_SETTINGS = {
    "log-bin": "binlog",
    "server-id": "1",
    "binlog-format": "ROW",
    "binlog-row-image": "FULL",
    "binlog-row-metadata": "FULL",
    "bind-address": "127.0.0.1",
    "innodb-buffer-pool-size": "32M",
    "innodb-flush-log-at-trx-commit": "0",
    "character-set-server": "utf8mb4",
}


@lru_cache(maxsize=1)
def _tools() -> dict[str, str]:
    return {tool: find(tool) for tool in ("mariadbd", "mariadb-install-db", "mariadb")}


def _as_root() -> list[str]:
    """It runs as root only if told so; the folder is root's then."""
    return [] if os.getuid() else ["--user=root"]


class MariaDb(Database):
    """Its binary log is what Debezium reads; no names are resolved."""

    kind = "mariadb"
    scheme = "mariadb"

    @classmethod
    def unavailable(cls) -> str:
        lacks = [tool for tool, path in _tools().items() if not path]
        if lacks:
            what = f"needs MariaDB ({', '.join(lacks)})"
            return f"{what}: install it with apt-get install mariadb-server"
        return ""

    def _launch(self, folder: Path) -> list[Unit]:
        self._new_password()
        [self.port] = free_ports(1)
        shutil.copytree(_template(), folder / "data")
        argv = [_tools()["mariadbd"], "--no-defaults", *_as_root(), "--skip-name-resolve"]
        argv += [f"--datadir={folder / 'data'}", f"--socket={folder / 's'}", f"--port={self.port}"]
        argv += [f"--pid-file={folder / 'pid'}"]
        argv += [f"--{key}={value}" for key, value in _SETTINGS.items()]
        process = Process(self.name, argv, folder, self._log(folder), self.leases)
        process.launch()
        return [process]

    def _initial(self) -> str:
        rights = "SELECT, RELOAD, SHOW DATABASES, LOCK TABLES, REPLICATION SLAVE, BINLOG MONITOR"
        return (
            # Whoever reaches the socket's folder needs no password, nobody else is root.
            "DELETE FROM mysql.global_priv "
            "WHERE User = '' OR (User = 'root' AND Host != 'localhost');\n"
            "FLUSH PRIVILEGES;\n"
            f"CREATE DATABASE {NAME};\n"
            f"CREATE USER {NAME}@'%' IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL ON {NAME}.* TO {NAME}@'%';\n"
            f"GRANT {rights} ON *.* TO {NAME}@'%';\n"
        )

    def _administer(self, sql: str) -> str:
        return self._client(sql, [f"--socket={self.folder}/s", "--user=root"])

    def query(self, sql: str) -> list[Row]:
        by_password = {"MYSQL_PWD": self.password}
        way = [
            "--default-character-set=utf8mb4",
            "--host=127.0.0.1",
            f"--port={self.port}",
            f"--user={NAME}",
        ]
        text = self._client(sql, [*way, f"--database={NAME}", "--xml"], by_password)
        # One document for each statement with rows.
        last = "<?xml" + text.rpartition("<?xml")[2] if "<?xml" in text else ""
        return [
            {str(f.get("name")): None if f.get(_NIL) else f.text or "" for f in row.iter("field")}
            for row in (ET.fromstring(last).iter("row") if last else ())
        ]

    def _client(self, sql: str, way: list[str], env: dict[str, str] | None = None) -> str:
        argv = [_tools()["mariadb"], "--no-defaults", "--batch", *way]
        return run(argv, f"the database {self.name} refused", sql, env=env)


def _template() -> Path:
    """A data folder as ``mariadb-install-db`` makes it, made once for each version."""
    tools = _tools()
    version = run([tools["mariadbd"], "--version"], "MariaDB does not run")
    key = hashlib.sha256(version.encode()).hexdigest()[:12]

    def make(work: Path) -> None:
        argv = [tools["mariadb-install-db"], "--no-defaults", *_as_root(), f"--datadir={work}"]
        argv += ["--auth-root-authentication-method=normal", "--skip-test-db"]
        run([*argv, "--skip-name-resolve"], "mariadb-install-db failed")

    return archives.kept(f"mariadb-{key}", make)
