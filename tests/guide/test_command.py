"""``kafka-lab guide serve`` as a user has it: a process that is started, read, and stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import pytest

from kafka_lab.progress import Store

from .conftest import ROOT, verdict


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_serve_shows_this_homes_progress_until_it_is_stopped(
    tmp_path: Path, ending: signal.Signals
) -> None:
    home, scratch = tmp_path / "home", tmp_path / "tmp"
    scratch.mkdir()
    home.mkdir()
    Store(home / "progress.sqlite3").record(verdict("1"), tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "kafka_lab", "guide", "serve", "--port", "0"],
        cwd=tmp_path,
        env=os.environ
        | {
            "KAFKA_LAB_HOME": str(home),
            "PYTHONPATH": str(ROOT / "platform"),
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(scratch),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", said)
        assert address, said
        with urllib.request.urlopen(address[0] + "progress.json", timeout=10) as answer:
            told = json.load(answer)
        assert told["exercises"]["transactions"]["best"] == 15
        process.send_signal(ending)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        _, errors = process.communicate()
    assert errors == ""
    assert list(scratch.iterdir()) == [], tempfile.gettempdir()
