"""PostgreSQL from the system's packages, with logical decoding on."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from kafka_lab.clusters.ports import free_ports
from kafka_lab.runtime.paths import scratch_root
from kafka_lab.services import archives
from kafka_lab.services.base import READY_TIMEOUT, Say
from kafka_lab.services.container import Container, ContainerSpec
from kafka_lab.services.databases.base import NAME, Database, Row
from kafka_lab.services.images import Image, engine
from kafka_lab.services.process import Process, group_of
from kafka_lab.services.tools import find, run
from kafka_lab.services.unit import Unit

_OWNER = "postgres"
_IMAGE = Image("KAFKA_LAB_POSTGRES_IMAGE", "postgres:15")
_DEBIAN = Path("/usr/lib/postgresql")
"""Debian and its children keep each major version's programs in a folder of its own."""
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "logical",
    "max_wal_senders": "10",
    "max_replication_slots": "10",
    "shared_buffers": "32MB",
    # Not POSIX shared memory: what a SIGKILL leaves of that outlives the folder.
    "dynamic_shared_memory_type": "mmap",
}


@lru_cache(maxsize=1)
def _tools() -> dict[str, str]:
    newest = sorted(_DEBIAN.glob("*/bin"), key=lambda p: int(p.parent.name.split(".")[0]))
    return {tool: find(tool, *newest[-1:]) for tool in ("postgres", "initdb", "psql")}


def _user() -> str:
    """Who runs it: PostgreSQL refuses root."""
    if os.getuid():
        return ""
    for name in (_OWNER, "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    return ""


class Postgres(Database):
    """Its log has every connection's errors; ``wal_level`` is ``logical``."""

    kind = "postgres"
    scheme = "postgresql"

    @classmethod
    def unavailable(cls) -> str:
        return _IMAGE.lacks(cls._process_lacks())

    @classmethod
    def _process_lacks(cls) -> str:
        lacks = [tool for tool, path in _tools().items() if not path]
        if lacks:
            return (
                f"needs PostgreSQL ({', '.join(lacks)}): install it with apt-get install postgresql"
            )
        return ""

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], say: Say) -> None:
        if _IMAGE.used(cls._process_lacks()):
            _IMAGE.prepare(say)
        else:
            _template()

    def _make_folder(self) -> Path:
        return _open_folder(f"service-{self.name}-")

    def _launch(self, folder: Path) -> list[Unit]:
        self._new_password()
        [self.port] = free_ports(1)
        if _IMAGE.used(self._process_lacks()):
            return [self._contained(folder)]
        data = folder / "data"
        shutil.copytree(_template(), data)
        _give(data)
        data.chmod(0o700)
        argv = [_tools()["postgres"], "-D", str(data), "-k", str(folder), "-p", str(self.port)]
        argv += ["-c", "listen_addresses=127.0.0.1"]
        for key, value in _SETTINGS.items():
            argv += ["-c", f"{key}={value}"]
        log = self._log(folder)
        # SIGQUIT frees the segment of System V shared memory that SIGKILL would leave.
        process = Process(
            self.name, argv, folder, log, self.leases, user=_user(), first=signal.SIGQUIT
        )
        process.launch()
        return [process]

    def _contained(self, folder: Path) -> Container:
        command = ["postgres"]
        for key, value in _SETTINGS.items():
            command += ["-c", f"{key}={value}"]
        spec = ContainerSpec(
            _IMAGE.name,
            command,
            # The image's own set-up makes the superuser of it; programs never hear of it.
            environment={"POSTGRES_PASSWORD": secrets.token_urlsafe(15)},
            ports={5432: self.port},
        )
        container = Container(self.name, spec, self._log(folder), self.leases, engine())
        container.launch()
        return container

    def restart(self, timeout: float = READY_TIMEOUT) -> None:
        # Killed by another process than its parent it stays a zombie for a while, and PostgreSQL
        # takes the pid in its lock file for a running server.
        self._forget_killed()
        super().restart(timeout)

    def stop(self) -> None:
        self._forget_killed()
        super().stop()

    def _forget_killed(self) -> None:
        """Remove the lock files and the shared memory that a SIGKILL has left."""
        segment, tool = self._segment(), find("ipcrm")
        if segment and tool:
            subprocess.run([tool, "-m", segment], capture_output=True, check=False)
        if segment and self.folder is not None:
            for lock in ("data/postmaster.pid", f".s.PGSQL.{self.port}.lock"):
                (self.folder / lock).unlink(missing_ok=True)

    def _segment(self) -> str:
        """The shared memory of one that was killed and not restarted (postmaster.pid, line 7:
        key and id); of one that runs it is freed by its end."""
        if self.folder is None or any(p.alive() for p in self.processes):
            return ""
        try:
            lines = (self.folder / "data" / "postmaster.pid").read_text().splitlines()
            return lines[6].split()[1]
        except (OSError, IndexError):
            return ""

    def _end(self, process: Unit) -> None:
        if isinstance(process, Container):
            process.discard()
            return
        # "At once" to PostgreSQL; a paused one has to go on to hear it.
        process.resume()
        process.end(signal.SIGQUIT, 5)

    def _initial(self) -> str:
        return (
            f"CREATE ROLE {NAME} LOGIN REPLICATION PASSWORD '{self.password}';\n"
            f"CREATE DATABASE {NAME} OWNER {NAME};\n"
        )

    def _administer(self, sql: str) -> str:
        return self._psql("postgres", "postgres", sql)

    def query(self, sql: str) -> list[Row]:
        nothing = secrets.token_hex(8)
        text = self._psql(NAME, NAME, sql, "--csv", "-P", f"null={nothing}")
        rows = csv.DictReader(io.StringIO(text))
        return [{k: None if v == nothing else v for k, v in row.items()} for row in rows]

    def _psql(self, user: str, database: str, sql: str, *options: str) -> str:
        common = ["-X", "-q", "-v", "ON_ERROR_STOP=1", *options, "-U", user, "-d", database]
        refused = f"the database {self.name} refused"
        [server] = self.processes
        if isinstance(server, Container):
            # By TCP: while the image sets itself up, a server listens on the socket alone.
            script = 'printf "%s" "$SQL" | psql -h 127.0.0.1 "$@"'
            superuser = server.spec.environment["POSTGRES_PASSWORD"]
            password = superuser if user == _OWNER else self.password
            env = {"SQL": sql, "PGPASSWORD": password, "PGCLIENTENCODING": "UTF8"}
            return server.run(["sh", "-c", script, "psql", *common], refused, env)
        place = ["-h", str(self.folder), "-p", str(self.port)]
        return run([_tools()["psql"], *common, *place], refused, sql)


def _open_folder(prefix: str) -> Path:
    """A private folder for the user who runs it, where that user can get at it."""
    user = _user()
    if not user:
        return Path(tempfile.mkdtemp(prefix=prefix, dir=scratch_root()))
    # Our own scratch folder may be closed to others on the way.
    shm = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix=f"kafka-lab-{prefix}", dir=shm if shm.is_dir() else None))
    _give(folder)
    return folder


def _give(folder: Path) -> None:
    user = _user()
    if user:
        ids = pwd.getpwnam(user).pw_uid, group_of(user)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, *ids)


def _template() -> Path:
    """A data folder as ``initdb`` makes it, made once for each version."""
    tools = _tools()
    version = run([tools["postgres"], "--version"], "PostgreSQL does not run").strip()
    key = hashlib.sha256(f"{version} {tools['initdb']}".encode()).hexdigest()[:12]

    def make(work: Path) -> None:
        folder = _open_folder("initdb-")
        try:
            user = _user()
            who: dict[str, Any] = {}
            if user:
                who = {"user": user, "group": group_of(user), "extra_groups": []}
            # Only who can enter the folder with the socket needs no password.
            argv = [tools["initdb"], "-D", str(folder / "data"), "-U", "postgres", "-E", "UTF8"]
            argv += ["--no-sync", "--no-locale", "--auth-local=trust", "--auth-host=scram-sha-256"]
            run(argv, "PostgreSQL's initdb failed", cwd=folder, **who)
            shutil.copytree(folder / "data", work, dirs_exist_ok=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return archives.kept(f"postgres-{key}", make)
