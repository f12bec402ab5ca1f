"""What an entry of the catalog is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from kafka_lab.api import Finding


class History(NamedTuple):
    name: str
    judge: Callable[[], Sequence[Finding]]
    codes: tuple[str, ...] = ()

    @property
    def findings(self) -> Sequence[Finding]:
        return self.judge()
