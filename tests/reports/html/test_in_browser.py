"""The report of a real check in a real browser: a duplicate is seen, and everybody can read it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kafka_lab.api import Finding
from kafka_lab.reports.html.page import render
from kafka_lab.reports.html.reading import read

from .story import duplicate, place, verdict

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[3]
MUTANT = "python-commit-timeout-starts-over"
SECONDS = 20_000
"""Deadline of what a page has to show, in milliseconds; nothing waits that long when it works."""


def tool(*arguments: str, where: Path, home: Path, scratch: Path) -> Any:
    return subprocess.run(
        [sys.executable, "-P", "-m", "kafka_lab", *arguments],
        cwd=where,
        env=os.environ
        | {
            "KAFKA_LAB_HOME": str(home),
            "KAFKA_LAB_BACKEND": "embedded",
            "KAFKA_LAB_SCRATCH": str(scratch),
            "PYTHONPATH": str(ROOT / "platform"),
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, scratch: Path) -> Path:
    """Of a service that books a transfer once more when a commit's answer is lost."""
    folder = tmp_path_factory.mktemp("learner")
    home = folder / "home"
    made = tool("start", "transactions", where=folder, home=home, scratch=scratch)
    assert made.returncode == 0, made.stderr
    mutants = ROOT / "graders" / "transactions"
    listed = tomllib.loads((mutants / "mutants.toml").read_text())["mutant"]
    (patch,) = [mutants / m["patch"] for m in listed if m["id"] == MUTANT]
    work = folder / "transactions"
    solution = ROOT / "solutions" / "transactions" / "python" / "transfer_service.py"
    (work / solution.name).write_text(solution.read_text())
    subprocess.run(["git", "apply", "-p1", str(patch)], cwd=work, check=True)
    done = tool(
        "check",
        "--seed",
        "7",
        "--only",
        "rides_out_a_stalled_commit",
        where=work,
        home=home,
        scratch=scratch,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "See how it happened: kafka-lab report --open" in done.stdout
    printed = tool("report", where=work, home=home, scratch=scratch)
    assert printed.returncode == 0, printed.stderr
    page = Path(printed.stdout.strip())
    assert page.name == "report.html"
    assert not (page.parent / "report-broke.log").exists()
    return page


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens files; at the end no page may have complained or asked for anything else."""
    trouble: list[str] = []
    contexts = []

    def open_(path: Path, **options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: trouble.append(m.text))
        page.on("pageerror", lambda e: trouble.append(str(e)))
        address = path.as_uri()
        context.on(
            "request",
            lambda r: None if r.url.partition("#")[0] == address else trouble.append(r.url),
        )
        page.goto(address)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert trouble == []


def test_the_fault_and_the_duplicate_are_in_the_time_line(
    report: Path, opened: Callable[..., Any]
) -> None:
    page = opened(report)
    finding = page.locator(".finding").first
    assert "duplicate" in finding.inner_text()
    scene = page.locator("details.scene[open]").first
    flag = scene.locator(".flag.strike")
    assert "answer to EndTxn held back" in flag.first.text_content()
    assert flag.first.is_visible()
    assert scene.locator("line.fault.hold").count() == 1
    assert scene.locator(".tie").count() >= 1
    # The first of the two was written before the answer was held back, the second after it.
    fault = float(scene.locator("line.fault.hold").get_attribute("x1"))
    spots = [
        float(re.findall(r"M([\d.]+)", m.get_attribute("d"))[0])
        for m in scene.locator("a.wrong path").all()
    ]
    assert min(spots) < fault < max(spots)
    assert finding.locator("svg.picture .tie").count() == 1


def test_a_finding_leads_to_its_mark_and_the_mark_back(
    report: Path, opened: Callable[..., Any]
) -> None:
    page = opened(report)
    page.evaluate("document.querySelectorAll('details.scene').forEach(d => { d.open = false })")
    link = page.locator("#f1 a.place").first
    link.click()
    mark = page.locator(".wrong:target")
    mark.wait_for(timeout=SECONDS)
    assert mark.is_visible()  # the scene that it is in was unfolded
    # It scrolls there, which takes its time.
    page.wait_for_function(
        "() => { const b = document.querySelector('.wrong:target').getBoundingClientRect();"
        " return b.top >= 0 && b.bottom <= innerHeight }",
        timeout=SECONDS,
    )
    assert link.inner_text() in (mark.get_attribute("aria-label") or "")
    # Back by the keyboard alone.
    assert page.evaluate("document.activeElement.id") == mark.get_attribute("id")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("#f1$"), timeout=SECONDS)
    page.wait_for_function("document.activeElement.id === 'f1'", timeout=SECONDS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_everybody_can_read_it(
    report: Path, opened: Callable[..., Any], scheme: str, width: int
) -> None:
    """axe-core finds no violation of WCAG 2.1 A and AA, and nothing is wider than the screen."""
    from axe_playwright_python.sync_playwright import Axe

    # Playwright's own script runs in a world of its own, axe in the page's: its policy forbids it.
    page = opened(
        report, color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True
    )
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
    violations = Axe().run(page, options=rules).response["violations"]
    found = [(v["id"], [n["target"] for n in v["nodes"]][:3], len(v["nodes"])) for v in violations]
    assert found == []


def test_hostile_text_does_nothing(opened: Callable[..., Any], tmp_path: Path) -> None:
    evil = '</script><script>document.title="caught"</script><img src=x onerror="document.title=1">'
    events = duplicate()
    for event in events:
        if event.get("program"):
            event["program"] = evil
    cases = [{"id": evil, "places": [place("out", 0, 0), place("out", 0, 2)]}]
    text = render(
        read(events), verdict(Finding(evil, evil, {"cases": cases})), {"program.log": evil}
    )
    (tmp_path / "report.html").write_text(text)
    page = opened(tmp_path / "report.html")
    assert page.locator("img").count() == 0
    assert page.title() == "x in python: failed"
    assert evil in page.locator("#f1 .message").inner_text()
