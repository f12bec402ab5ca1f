"""The terminal's words are golden: KAFKA_LAB_GOLDEN=write writes them anew; then read them."""

from __future__ import annotations

import io
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from kafka_lab.api import CheckResult, Finding, Outcome, Verdict
from kafka_lab.reports.terminal import TerminalReport

GOLDEN = Path(__file__).parent / "golden"
SPOOF = "\x1b]0;owned\x07\x1b[2K\x1b[1A\r✓ passed \x9b31m \u202egnorw [red]bold[/red] :boom: \udcff"


def play(report: TerminalReport, verdict: Verdict) -> None:
    """One attempt from its first stage to the verdict."""
    with report:
        report.stage("Building the program")
        report.stage("Building the program")
        report.stage("Starting a cluster")
        for check in verdict.checks:
            report.check(check)
        report.verdict(verdict)


def shown(verdict: Verdict, width: int = 80, **options: object) -> str:
    stream = io.StringIO()
    play(TerminalReport(stream, width=width, **options), verdict)  # type: ignore[arg-type]
    return stream.getvalue()


def of_kind(failed: Verdict, kind: str) -> Verdict:
    """The failed attempt turned into another kind of attempt."""
    first, second, *rest = failed.checks
    if kind == "passed":
        passed = tuple(replace(c, outcome=Outcome.PASSED, findings=()) for c in failed.checks)
        return replace(failed, outcome=Outcome.PASSED, checks=passed)
    if kind == "error":
        broken = replace(
            second,
            outcome=Outcome.ERROR,
            findings=(),
            error="broker 1 ended by itself, exit code 137: run the check again; if it stays, "
            "look into its log\n  /tmp/x/broker-1.log",
        )
        said = "a broker died that the lab did not kill\nfree some memory and check again"
        return replace(failed, outcome=Outcome.ERROR, checks=(first, broken, *rest), error=said)
    if kind == "build":
        words = "TransferService.java:12: error: ';' expected\n        int x = 1\n" + " " * 17 + "^"
        build = CheckResult(
            "build", "The program builds.", Outcome.FAILED, 0, (Finding("build", words),)
        )
        return replace(failed, checks=(build,))
    return failed


@pytest.mark.parametrize("width", [60, 100])
@pytest.mark.parametrize("kind", ["failed", "passed", "error", "build"])
def test_the_words_are_golden(failed: Verdict, kind: str, width: int) -> None:
    output = shown(of_kind(failed, kind), width)
    path = GOLDEN / f"{kind}-{width}.txt"
    if os.environ.get("KAFKA_LAB_GOLDEN") == "write":
        path.write_text(output)
    assert output == path.read_text()
    assert max(cell_len(line) for line in output.splitlines()) <= width
    assert not re.search(r"[ \t]+$", output, re.MULTILINE)


def test_nothing_is_wider_than_is_readable(failed: Verdict) -> None:
    assert max(map(len, shown(failed, 300).splitlines())) <= 100


@pytest.mark.parametrize("live", [False, True])
def test_what_a_learner_made_does_not_reach_the_terminal(failed: Verdict, live: bool) -> None:
    check = replace(
        failed.checks[1],
        title=SPOOF,
        findings=(Finding(SPOOF, SPOOF, {"expected": SPOOF, "seen": [SPOOF, b"\x1b[31m"]}),),
        error=SPOOF,
    )
    verdict = replace(failed, checks=(check,), error=SPOOF)
    stream = io.StringIO()
    report = TerminalReport(stream, width=90, live=live, repeat=SPOOF)
    report.stage(SPOOF)
    play(report, verdict)
    output = stream.getvalue()
    # What is left are the colours and cursor movements of our own.
    ours = re.sub(r"\x1b\[(\?25[lh]|[0-9;]*m|2K|1A)|\r(?=\x1b|$)", "", output)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", ours)
    assert "\x1b]" not in output
    assert "\x1b[1A\r✓" not in output
    assert r"\x1b]0;owned\x07" in output.replace("\n", "")
    assert "[red]bold[/red] :boom:" in output
    output.encode()


def test_a_terminal_gets_colour_and_a_spinner_that_goes_away(failed: Verdict) -> None:
    output = shown(failed, live=True)
    assert "\x1b[?25l" in output  # the cursor is hidden,
    assert output.rindex("\x1b[?25h") > output.rindex("\x1b[?25l")  # and comes back
    assert "Starting a cluster" in output
    assert "✗ survives_crashes" in re.sub(r"\x1b\[[0-9;]*m", "", output)


def test_the_cursor_comes_back_after_ctrl_c() -> None:
    stream = io.StringIO()

    def interrupted() -> None:
        with TerminalReport(stream, live=True) as report:
            report.stage("Starting a cluster")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "plain"),
    [({}, False), ({"NO_COLOR": "1"}, True), ({"NO_COLOR": ""}, False), ({"TERM": "dumb"}, True)],
)
def test_no_color_and_dumb_terminals_are_honoured(
    failed: Verdict, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], plain: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    play(TerminalReport(stream, width=80), failed)
    assert ("\x1b" not in stream.getvalue()) == plain


def test_the_width_of_the_terminal_is_respected(
    failed: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    stream = io.StringIO()
    play(TerminalReport(stream), failed)
    assert max(map(len, stream.getvalue().splitlines())) <= 50


def test_a_terminal_without_unicode(failed: Verdict) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    odd = replace(failed.checks[1], findings=(Finding("lost", "key 'Zoë' is lost"),))
    play(TerminalReport(stream, width=80), replace(failed, checks=(*failed.checks, odd)))
    output = raw.getvalue().decode("ascii")
    assert "x Killed at the worst moments" in output
    assert "+ Every valid transfer" in output
    assert r"key 'Zo\xeb' is lost" in output


def test_hints_that_were_seen_and_checks_without_one(failed: Verdict) -> None:
    assert "Look at next: kafka-lab hint  (hint 3: about survives_crashes)" in shown(failed)
    assert "(hint 3: you have seen it)" in shown(failed, hints_shown=3)
    assert "hint" not in shown(failed, next_steps=False)
    plain = replace(failed, checks=tuple(replace(c, hint=None) for c in failed.checks))
    assert "Look at next: kafka-lab hint\n" in shown(plain)


def test_how_to_repeat(failed: Verdict) -> None:
    output = shown(failed, repeat="kafka-lab check --solution")
    assert "Again, the same: kafka-lab check --solution --seed 4711\n" in output


def test_a_flood_is_cut(failed: Verdict) -> None:
    flood = Finding("build", "\n".join(f"line {n}" for n in range(1000)))
    check = replace(failed.checks[1], findings=(flood,) * 100)
    output = shown(replace(failed, checks=(check,)))
    assert "(960 more lines)" in output
    assert "and 95 more; all of them: kafka-lab check --seed 4711 --json" in output
    assert len(output.splitlines()) < 230
