"""The public site, the guide served with a progress store of its own, and a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kafka_lab.api import CheckResult, Finding, Outcome, Verdict
from kafka_lab.guide.site import Server
from kafka_lab.progress import Store

ROOT = Path(__file__).parents[2]
HOSTILE = '<img src=x onerror="document.title=1"> ${7*7} </script>'
"""What a learner's program may print, and a finding may repeat."""


def verdict(attempt: str, outcome: Outcome = Outcome.FAILED, slug: str = "transactions") -> Verdict:
    """A verdict of two checks: one passed, the other as the whole."""
    finding = Finding("lost", f"one record is lost {HOSTILE}")
    findings = (finding,) if outcome is Outcome.FAILED else ()
    checks = (
        CheckResult("transfers_become_debit_and_credit", "They do.", Outcome.PASSED, 15),
        CheckResult("survives_crashes", "It survives.", outcome, 85, findings, hint=2),
    )
    when = 1_750_000_000.0 + int(attempt)
    return Verdict(slug, "python", outcome, checks, 4711, "embedded", "4.3.1", attempt, when, 12.5)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "progress.sqlite3")


@pytest.fixture(scope="session")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as everybody gets it, built while this user has attempts on record."""
    folder = tmp_path_factory.mktemp("public")
    home = folder / "home"
    Store(_made(home) / "progress.sqlite3").record(verdict("1"), Path("/secret/workspace"))
    site = folder / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(site)],
        cwd=ROOT,
        env=os.environ
        | {
            "KAFKA_LAB_HOME": str(home),
            "NO_MKDOCS_2_WARNING": "1",
            "PYTHONPATH": str(ROOT / "platform"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return site


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


@dataclass
class Guide:
    """The guide, served to this machine, and the store that it shows."""

    address: str
    store: Store


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests; each gives it a store of its own."""
    with Server(Store(tmp_path_factory.mktemp("first") / "progress.sqlite3"), port=0) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def guide(server: Server, store: Store) -> Guide:
    server.store = store
    return Guide(server.address, store)
