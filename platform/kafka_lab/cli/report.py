"""``report``: an attempt as a picture."""

from __future__ import annotations

import json

import click

from kafka_lab.runtime.errors import LabError, UsageError


@click.command("report")
@click.argument("attempt", required=False)
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
def report_command(attempt: str | None, open_it: bool) -> int:
    """Show an attempt as a picture: a page with its time line.

    Prints where the file is; it can be sent to somebody, and needs no network. Without ATTEMPT:
    the latest one.
    """
    from kafka_lab.api import Verdict
    from kafka_lab.cli.logs import attempt_folder
    from kafka_lab.reports.html.place import REPORT
    from kafka_lab.reports.html.writing import write

    folder = attempt_folder(attempt)
    page = folder / REPORT
    if not page.is_file():
        try:
            verdict = Verdict.from_json(json.loads((folder / "verdict.json").read_text()))
        except (OSError, ValueError, KeyError, TypeError):
            raise UsageError(
                f"the attempt {folder.name} has no verdict",
                "it still runs, or was ended before its time",
            ) from None
        if not (folder / "events.jsonl").is_file():
            raise UsageError(f"the attempt {folder.name} has no events.jsonl to draw")
        try:
            page = write(folder, verdict)
        except OSError as e:
            raise LabError(
                f"cannot write {page}: {e.strerror}", "make room, or name another"
            ) from e
    click.echo(str(page))
    if open_it and click.launch(str(page)) != 0:
        raise LabError("no browser could be started", f"open {page} yourself")
    return 0
