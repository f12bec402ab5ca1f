"""The site in a real browser: search, progress, what it fetches, whether everybody can read it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from kafka_lab.api import Outcome
from kafka_lab.guide import site
from kafka_lab.progress import Store

from .conftest import ROOT, Guide, verdict

pytestmark = pytest.mark.browser

EXERCISE = "exercises/transactions/"
PAGES = ("", "learning-path/", EXERCISE, "progress/", "reference/cli/", "reference/lab/")
SECONDS = 20_000
"""Deadline of what a page has to show, in milliseconds; nothing waits that long when it works."""


@pytest.fixture
def opened(browser: Any, guide: Guide) -> Iterator[Callable[..., Any]]:
    """Opens pages; at the end no page may have complained or asked another host."""
    trouble: list[str] = []
    contexts = []
    allowed = urlsplit(guide.address).netloc

    def watch(page: Any) -> None:
        page.on("console", lambda m: trouble.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: trouble.append(str(e)))

    def asked(request: Any) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != allowed:
            trouble.append(f"asked {request.url}")

    def open_(path: str, **options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        context.on("page", watch)
        context.on("request", asked)
        page = context.new_page()
        page.goto(guide.address + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert trouble == []


def test_search_finds_an_exercise(opened: Callable[..., Any]) -> None:
    page = opened("")
    page.wait_for_load_state("networkidle")  # the index is loaded
    page.locator("[data-md-component=search-query]").click()
    # Key by key, as a reader types: Material listens to keys.
    page.locator("[data-md-component=search-query]").press_sequentially("exactly-once zombie")
    hit = page.locator(f".md-search-result__link[href*='{EXERCISE}']").first
    hit.wait_for(timeout=SECONDS)
    hit.click()
    page.wait_for_url(re.compile(EXERCISE), timeout=SECONDS)


@pytest.mark.parametrize("path", PAGES)
def test_pages_open_without_complaint_and_without_asking_others(
    opened: Callable[..., Any], guide: Guide, tmp_path: Path, path: str
) -> None:
    guide.store.record(verdict("1"), tmp_path)
    page = opened(path)
    page.wait_for_load_state("networkidle")
    assert page.locator("h1").first.is_visible()


def test_what_a_program_printed_is_text(
    opened: Callable[..., Any], guide: Guide, tmp_path: Path
) -> None:
    guide.store.record(verdict("1"), tmp_path)
    page = opened("progress/")
    message = page.locator(".kl-finding").first
    message.wait_for(timeout=SECONDS)
    assert "<img src=x" in message.inner_text()
    assert page.locator("img[src=x]").count() == 0
    assert page.title() != "1"


def test_the_page_follows_the_attempts(
    opened: Callable[..., Any], guide: Guide, tmp_path: Path
) -> None:
    page = opened(EXERCISE)
    panel = page.locator(".kl-progress")
    panel.get_by_text("not tried yet").wait_for(timeout=SECONDS)
    guide.store.record(verdict("1"), tmp_path)
    panel.get_by_text("15 of 100 points", exact=True).wait_for(timeout=SECONDS)
    assert panel.locator("svg rect").count() == 1
    guide.store.record(verdict("2", Outcome.PASSED), tmp_path)
    panel.get_by_text("kafka-lab solution transactions").wait_for(timeout=SECONDS)
    assert panel.locator("svg rect").count() == 2
    # Said to a screen reader too.
    said = page.locator("[role=status]").last.inner_text()
    assert said.endswith("passed, 100 of 100 points")
    path = opened("learning-path/")
    path.locator(".kl-state--passed").wait_for(timeout=SECONDS)


def test_progress_shows_after_a_real_check(
    opened: Callable[..., Any], guide: Guide, tmp_path: Path, scratch: Path
) -> None:
    """The page is open while the learner checks the starter on a real cluster, and fails."""
    home = tmp_path / "home"
    env = os.environ | {
        "KAFKA_LAB_HOME": str(home),
        "KAFKA_LAB_BACKEND": "embedded",
        "KAFKA_LAB_SCRATCH": str(scratch),
        "PYTHONPATH": str(ROOT / "platform"),
    }
    tool = [sys.executable, "-P", "-m", "kafka_lab"]
    subprocess.run([*tool, "start", "transactions"], cwd=tmp_path, env=env, check=True)
    guide.store.path = home / "progress.sqlite3"
    page = opened("progress/")
    part = page.locator("[data-kl-one=transactions]")
    part.get_by_text("not tried yet").wait_for(timeout=SECONDS)
    checking = subprocess.Popen([*tool, "check", "transactions"], cwd=tmp_path, env=env)
    try:
        # While it runs, the page says how far it is.
        now = part.locator(".kl-running")
        now.get_by_text(re.compile(r"Checking now \(python\): \d+ of 11 checks")).wait_for(
            timeout=6 * SECONDS
        )
        assert checking.wait(timeout=300) == 1
    finally:
        checking.kill()
        checking.wait()
    now.wait_for(state="detached", timeout=SECONDS)
    assert list((home / "checking").iterdir()) == []
    (attempt,) = Store(home / "progress.sqlite3").attempts("transactions")
    part.get_by_text("in progress").wait_for(timeout=SECONDS)
    shown = part.inner_text()
    assert f"{attempt.earned} of {attempt.points} points" in shown
    assert f"seed {attempt.seed}" in shown
    for check in attempt.verdict.checks:
        assert check.title in shown
        for finding in check.findings:
            assert " ".join(finding.message.split()) in " ".join(shown.split())


def test_a_built_guide_opens_as_a_file(browser: Any, store: Store, tmp_path: Path) -> None:
    store.record(verdict("1", Outcome.PASSED), tmp_path)
    site.build(tmp_path / "guide", store)
    page = browser.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda e: complaints.append(str(e)))
    page.goto((tmp_path / "guide" / "progress.html").as_uri())
    page.get_by_text("You have passed 1 of").wait_for(timeout=SECONDS)
    page.locator("[data-md-component=search-query]").click()
    page.locator("[data-md-component=search-query]").press_sequentially("exactly-once zombie")
    found = page.locator(".md-search-result__link[href*='exercises/transactions.html']").first
    found.wait_for(timeout=SECONDS)
    page.keyboard.press("Escape")
    page.locator("[data-kl-one=transactions] a").first.click()
    page.locator(".kl-progress").get_by_text("100 of 100 points", exact=True).wait_for(
        timeout=SECONDS
    )
    page.close()
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_and_everybody_can_read_them(
    opened: Callable[..., Any], guide: Guide, tmp_path: Path, scheme: str, width: int
) -> None:
    """axe-core finds no violation of WCAG 2.1 A and AA, and nothing is wider than the screen."""
    from axe_playwright_python.sync_playwright import Axe

    guide.store.record(verdict("1"), tmp_path)
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
    page = opened("", color_scheme=scheme, viewport={"width": width, "height": 900})
    found = []
    for path in PAGES:
        page.goto(guide.address + path)
        page.wait_for_load_state("networkidle")
        # What is folded can be unfolded, and has to be readable then.
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{path} is {wide} wide"
        for violation in Axe().run(page, options=rules).response["violations"]:
            nodes = [node["target"] for node in violation["nodes"]]
            found.append((path, violation["id"], nodes[:3], len(nodes)))
    assert found == []
