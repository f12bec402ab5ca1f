"""``logs``: what an attempt left."""

from __future__ import annotations

import re
from pathlib import Path

import click

from kafka_lab.runtime.errors import UsageError

_KINDS = ("program", "broker", "service", "grader")
_WHICH = re.compile(rf"^({'|'.join(_KINDS)})(-.*)?$")
_OVERVIEW = 10
"""Lines of a program's output in the overview."""


@click.command("logs")
@click.argument("attempt", required=False)
@click.argument("which", required=False)
@click.option("-n", "--lines", type=click.IntRange(0), help="Lines of each log; 0: all of them.")
def logs_command(attempt: str | None, which: str | None, lines: int | None) -> None:
    """Show where an attempt's logs are, and the end of the program's output.

    Without ATTEMPT: the latest one. WHICH is program, broker, service or grader, or one of them
    such as broker-2: shows the end of these logs instead, 100 lines of each.
    """
    if which is None and attempt is not None and _WHICH.match(attempt):
        attempt, which = None, attempt
    if which is not None and not _WHICH.match(which):
        raise UsageError(
            f"there are no logs called '{which}'", f"choose {', '.join(_KINDS)}, or one such file"
        )
    folder = attempt_folder(attempt)
    click.echo(str(folder))
    if which is None:
        _overview(folder, _OVERVIEW if lines is None else lines)
    else:
        _chosen(folder, which, 100 if lines is None else lines)


def attempt_folder(attempt: str | None) -> Path:
    """The folder of the attempt whose id begins like this; without one, of the latest.

    Raises:
        UsageError: when there is none.
    """
    from kafka_lab.grading.attempt import attempts_dir

    root = attempts_dir()
    folders = sorted(p for p in root.iterdir() if p.is_dir()) if root.is_dir() else []
    folders = [p for p in folders if p.name.startswith(attempt or "")]
    if not folders:
        raise UsageError(
            f"there is no attempt '{attempt}'" if attempt else "there is no attempt yet",
            "kafka-lab progress lists the latest",
        )
    return folders[-1]


def _overview(folder: Path, lines: int) -> None:
    quiet = [path.name for path in _logs(folder, "program") if not _show(path, lines)]
    if quiet:
        click.echo(f"nothing was printed to {', '.join(quiet)}")
    others = [path.stem for kind in _KINDS[1:] for path in _logs(folder, kind)]
    if others:
        click.echo(f"others, shown by kafka-lab logs {folder.name} NAME: {', '.join(others)}")


def _chosen(folder: Path, which: str, lines: int) -> None:
    found = _logs(folder, which)
    if not found:
        every = [path.stem for kind in _KINDS for path in _logs(folder, kind)]
        raise UsageError(
            f"this attempt has no log of a {which}",
            f"it has {', '.join(every)}" if every else "it came to its end before anything ran",
        )
    quiet = [path.name for path in found if not _show(path, lines)]
    if quiet:
        click.echo(f"nothing was logged to {', '.join(quiet)}")


def _logs(folder: Path, which: str) -> list[Path]:
    """``broker``: every broker's, ``broker-2``: this one's, or those whose name goes on so."""
    exact = folder / f"{which}.log"
    if exact.is_file():
        return [exact]
    wanted = which if "-" in which else f"{which}-"
    return sorted(p for p in folder.glob("*.log") if p.stem.startswith(wanted))


def _show(path: Path, lines: int) -> bool:
    """Show its end, as text that cannot steer the terminal; whether there is anything."""
    from kafka_lab.reports import escape

    text = path.read_bytes().decode("utf-8", "replace").splitlines()
    if not text:
        return False
    click.echo(click.style(f"── {path.name}", bold=True))
    for line in text[-lines:] if lines else text:
        click.echo(escape.terminal(line))
    return True
