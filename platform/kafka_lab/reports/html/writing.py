"""Writes the report into an attempt's folder."""

from __future__ import annotations

from pathlib import Path

from kafka_lab.api import Verdict
from kafka_lab.reports.html.page import read_logs, render
from kafka_lab.reports.html.place import REPORT
from kafka_lab.reports.html.reading import read
from kafka_lab.runtime.events import read_events


def write(folder: Path, verdict: Verdict) -> Path:
    """Write the report into an attempt's folder, whole or not at all; returns where it is.

    Raises:
        OSError: when it cannot be written, or there are no events to read.
    """
    story = read(read_events(folder / "events.jsonl"))
    target = folder / REPORT
    temporary = target.with_suffix(".tmp")
    # What JSON let through as lone surrogates cannot be written; in a page it is a question mark.
    temporary.write_text(render(story, verdict, read_logs(folder)), "utf-8", errors="replace")
    temporary.replace(target)
    return target
