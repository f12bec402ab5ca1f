"""What databases have in common: a user, a database, and SQL."""

from __future__ import annotations

import secrets
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from kafka_lab.runtime.errors import LabError
from kafka_lab.services.base import Service

Row = dict[str, str | None]
"""Column → its value as text."""

NAME = "lab"
"""The user for programs and connectors, and its database."""


class Database(Service):
    """A database server with the user ``lab``, who owns the database ``lab`` and may read its
    changes; its password is new with each start. Nothing is synced to the disk."""

    scheme: ClassVar[str]
    """Of its addresses, and of JDBC's."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.port = 0
        self.password = ""
        self._set_up = False

    def addresses(self) -> dict[str, str]:
        at = f"127.0.0.1:{self.port}/{NAME}"
        return {
            "url": f"{self.scheme}://{NAME}:{quote(self.password)}@{at}",
            "jdbc_url": f"jdbc:{self.scheme}://{at}",
            "host": "127.0.0.1",
            "port": str(self.port),
            "user": NAME,
            "password": self.password,
            "database": NAME,
        }

    @abstractmethod
    def query(self, sql: str) -> list[Row]:
        """Run SQL as the user ``lab``; the rows of the last statement that has any.

        Raises:
            LabError: when the database refuses, with its words.
        """

    @abstractmethod
    def _administer(self, sql: str) -> str:
        """Run SQL with all rights, past the password. Raises ``LabError``."""

    @abstractmethod
    def _initial(self) -> str:
        """SQL that makes user and database."""

    def _answers(self) -> bool:
        try:
            if self._set_up:
                return bool(self.query("SELECT 1 AS one"))
            self._administer("SELECT 1")
        except LabError:
            return False
        self._administer(self._initial())  # what goes wrong here goes wrong for good
        self._set_up = True
        return bool(self.query("SELECT 1 AS one"))

    def _new_password(self) -> None:
        self.password = secrets.token_urlsafe(15)
        self._set_up = False

    def _facts(self) -> dict[str, Any]:
        return {"port": self.port, "password": self.password}

    def _restore(self, facts: Mapping[str, Any]) -> None:
        self.port, self.password = int(facts["port"]), str(facts["password"])
        self._set_up = True
