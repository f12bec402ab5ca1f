"""A check as the learner sees it: what happens now, each check as it ends, then the verdict.

On a terminal with colour and a spinner; elsewhere, or with ``NO_COLOR``, in plain lines. Whatever
a learner's program may have written goes through ``escape.terminal`` before it is shown.
"""

from __future__ import annotations

import json
import os
import sys
from types import TracebackType
from typing import Any, TextIO

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from kafka_lab.api import CheckResult, Finding, Outcome, Verdict
from kafka_lab.reports import escape

MAX_WIDTH = 100
"""Columns; longer lines are hard to read, however wide the window is."""
MAX_FINDINGS = 5
MAX_LINES = 40
"""Of one message: a compiler can say a lot."""

_STYLES = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "red",
    Outcome.NOT_REACHED: "dim",
    Outcome.ERROR: "magenta",
}
_SIGNS = {
    Outcome.PASSED: "✓",
    Outcome.FAILED: "✗",
    Outcome.NOT_REACHED: "–",
    Outcome.ERROR: "!",
    "stage": "…",
    "dot": "·",
}
_ASCII_SIGNS = dict(zip(_SIGNS, "+x-!.,", strict=True))


class TerminalReport:
    """Callbacks for one attempt; a context manager that stops the spinner, come what may.

    Each callback may be called from any thread, but from one at a time.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        width: int | None = None,
        live: bool | None = None,
        repeat: str = "kafka-lab check",
        hint: str = "kafka-lab hint",
        hints_shown: int = 0,
        next_steps: bool = True,
    ) -> None:
        """Write to ``stream``, standard output by default.

        Args:
            stream: where to write.
            width: columns, by default those of the terminal; never more than ``MAX_WIDTH``.
            live: colour and spinner; by default if ``stream`` is a terminal that takes them.
            repeat: the command that repeats this attempt, without ``--seed``.
            hint: the command that shows the next hint.
            hints_shown: how many hints the learner has seen.
            next_steps: whether to suggest hints and the solution (not for the reference's own run).
        """
        stream = stream or sys.stdout
        if live is None:
            live = stream.isatty() and not os.environ.get("NO_COLOR")
            live = live and os.environ.get("TERM") not in ("dumb", "unknown")
        self._console = Console(
            file=stream,
            width=width,
            force_terminal=live,
            force_jupyter=False,
            color_system="auto" if live else None,
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._live = live
        self._repeat, self._hint = repeat, hint
        self._hints_shown, self._next_steps = hints_shown, next_steps
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        try:
            "".join(_SIGNS.values()).encode(self._encoding)
            self._signs = _SIGNS
        except UnicodeEncodeError:
            self._signs = _ASCII_SIGNS
        self._progress: Progress | None = None
        self._stage = ""

    def __enter__(self) -> TerminalReport:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def live(self) -> bool:
        """Whether there is a spinner, in which a passing remark leaves no line."""
        return self._live

    def close(self) -> None:
        """Stop the spinner and leave the cursor as it was; may be called again."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def stage(self, text: str) -> None:
        """Say what is happening now, in a few words."""
        text = self._one_line(text)
        if text == self._stage:
            return
        self._stage = text
        if not self._live:
            self._print(Text(text), first=f"{self._signs['stage']} ", rest="  ")
            return
        if self._progress is None:
            self._progress = Progress(
                SpinnerColumn("dots" if self._signs is _SIGNS else "line"),
                TextColumn(
                    "{task.description}",
                    markup=False,
                    table_column=Column(no_wrap=True, overflow="ellipsis"),
                ),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
                refresh_per_second=8,
            )
            self._progress.add_task(text)
            self._progress.start()
        else:
            # Of the whole attempt, the time goes on; only the words change.
            self._progress.update(self._progress.task_ids[0], description=text)

    def check(self, result: CheckResult) -> None:
        """Show that a check has ended, and how."""
        line = Text(self._one_line(result.title) or result.id)
        if result.outcome is Outcome.NOT_REACHED:
            needs = ", ".join(result.needs)
            line.append(f" (not reached{': needs ' + needs if needs else ''})")
            line.stylize("dim")
        elif result.seconds >= 0.1:
            line.append(f" ({result.seconds:.1f} s)", "dim")
        self._print(line, first=self._signed(result.outcome), rest="  ")

    def verdict(self, verdict: Verdict, picture: str = "") -> None:
        """Show what went wrong, the points, and what to do next.

        ``picture``: the command that shows the attempt as a picture, if there is one.
        """
        self.close()
        again = f"{self._repeat} --seed {verdict.seed}"
        wrong = [c for c in verdict.checks if c.outcome in (Outcome.FAILED, Outcome.ERROR)]
        for check in wrong:
            self._console.print()
            self._details(check, again)
        if verdict.error:
            self._console.print()
            self._print(self._short(verdict.error), self._signed(Outcome.ERROR), "  ")
        self._console.print()
        self._summary(verdict)
        if verdict.outcome is Outcome.PASSED:
            if self._next_steps:
                self._print(Text("All hints and the reference solution are open to you now."))
            return
        if verdict.outcome is Outcome.ERROR:
            said = "The lab itself could not judge this; it does not count against you."
            self._print(Text(said))
        if picture:
            self._label("See how it happened", picture)
        self._next(wrong)
        self._label("Again, the same", again)

    def _summary(self, verdict: Verdict) -> None:
        passed = sum(c.outcome is Outcome.PASSED for c in verdict.checks)
        dot = f" {self._signs['dot']} "
        facts = dot.join(
            (
                f"{verdict.earned} of {verdict.points} points",
                f"{passed} of {len(verdict.checks)} checks",
                f"{verdict.seconds:.1f} s",
                f"{verdict.backend} Kafka {verdict.kafka_version}",
            )
        )
        style = f"bold {_STYLES[verdict.outcome]}"
        word = verdict.outcome.value.replace("_", " ").upper()
        self._print(Text.assemble((word, style), "  ", self._one_line(facts)), rest="  ")

    def _next(self, wrong: list[CheckResult]) -> None:
        if not self._next_steps:
            return
        # Of several, the first: later checks often fail for the same reason.
        about = next((c for c in wrong if c.outcome is Outcome.FAILED), None)
        if about is None:
            return
        note = ""
        if about.hint is not None:
            seen = "you have seen it" if about.hint < self._hints_shown else f"about {about.id}"
            note = f"hint {about.hint + 1}: {seen}"
        self._label("Look at next", self._hint, note)

    def _label(self, label: str, command: str, note: str = "") -> None:
        text = Text.assemble(f"{label}: ", (self._one_line(command), "bold"))
        if note:
            text.append(f"  ({note})", "dim")
        self._print(text, rest="  ")

    def _details(self, check: CheckResult, again: str) -> None:
        points = f" ({check.earned} of {check.points} points)" if check.points else ""
        heading = Text.assemble((check.id, "bold"), points)
        self._print(heading, first=self._signed(check.outcome), rest="  ")
        for finding in check.findings[:MAX_FINDINGS]:
            self._finding(finding)
        more = len(check.findings) - MAX_FINDINGS
        if more > 0:
            all_of_them = f"and {more} more; all of them: {self._one_line(again)} --json"
            self._print(Text(all_of_them, "dim"), first="  ", rest="  ")
        if check.error:
            self._print(self._short(_last_words(check.error)), first="  ", rest="  ")

    def _finding(self, finding: Finding) -> None:
        message = self._short(finding.message)
        # Lines of a compiler keep their columns, so that its arrows point at what they mean.
        after = ":\n" if "\n" in message.plain else ": "
        text = Text.assemble((f"{self._one_line(finding.code)}{after}", "bold"), message)
        self._print(text, first="  ", rest="  ")
        for name in ("expected", "seen"):
            if name in finding.data:
                first = f"    {name:<8}  "
                self._print(self._short(_shown(finding.data[name])), first, " " * len(first))

    def _signed(self, outcome: Outcome) -> Text:
        return Text(f"{self._signs[outcome]} ", _STYLES[outcome])

    def _clean(self, text: str) -> str:
        return escape.terminal(text, self._encoding)

    def _one_line(self, text: str) -> str:
        return self._clean(" ".join(text.split()))

    def _short(self, text: str) -> Text:
        """Cleaned, and of very many lines the first ones."""
        lines = self._clean(text).strip("\n").split("\n")
        if len(lines) > MAX_LINES:
            left_out = len(lines) - MAX_LINES
            lines = [*lines[:MAX_LINES], f"({left_out} more lines)"]
        return Text("\n".join(lines))

    def _print(self, text: Text, first: str | Text = "", rest: str = "") -> None:
        """Print wrapped text: ``first`` before its first line, ``rest`` before the others."""
        width = min(self._console.width, MAX_WIDTH)
        start = Text(first) if isinstance(first, str) else first
        room = max(20, width - max(start.cell_len, len(rest)))
        for number, line in enumerate(text.wrap(self._console, room)):
            line.rstrip()
            # soft_wrap: it is wrapped already, and without padding to the width.
            self._console.print(
                Text.assemble(rest if number else start, line) if line else Text(), soft_wrap=True
            )


def _last_words(error: str) -> str:
    """What a traceback ends with; the whole of it is in the attempt's folder."""
    if "Traceback (most recent call last):" not in error:
        return error
    lines = error.strip().split("\n")
    frames = [n for n, line in enumerate(lines) if line.startswith("  ")]
    words = "\n".join(lines[frames[-1] + 1 :]) if frames else error
    return f"{words}\nThe whole of it: kafka-lab logs names the folder, see its verdict.json"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(escape.plain(value), ensure_ascii=False)
