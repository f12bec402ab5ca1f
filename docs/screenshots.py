"""Takes the pictures of the guide and of a report that the pages show, from real attempts.

    KAFKA_LAB_HOME=… python docs/screenshots.py [--chromium PATH]

Serves the guide with the progress of ``KAFKA_LAB_HOME``, opens the report of the latest attempt
there that found a duplicate, and writes ``docs/images/*.png``. Make the attempts first (``kafka-lab
start``, ``kafka-lab check``): nothing in the pictures is invented.
Needs kafka-lab importable, playwright (a development requirement) and Chromium.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import threading
from pathlib import Path

from kafka_lab.grading.attempt import attempts_dir
from kafka_lab.guide.site import Server
from kafka_lab.progress import Store
from kafka_lab.reports.html.place import REPORT
from kafka_lab.runtime.errors import LabError

IMAGES = Path(__file__).parent / "images"
# File → (page, colour scheme, width and height)
PICTURES = {
    "guide-path.png": ("learning-path/", "light", (1280, 800)),
    "guide-exercise.png": ("exercises/transactions/", "dark", (1280, 680)),
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Takes the pictures of the guide.")
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="Chromium's program.")
    chromium = parser.parse_args().chromium
    if not chromium:
        print("there is no Chromium here; name it with --chromium", file=sys.stderr)
        return 2
    store = Store()
    if not store.attempts():
        print(f"{store.path} has no attempts: run kafka-lab check first", file=sys.stderr)
        return 2
    IMAGES.mkdir(exist_ok=True)
    try:
        with Server(store, port=0) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                take(server.address, chromium, newest_report(store))
            finally:
                server.shutdown()
                thread.join()
    except LabError as e:
        print(f"{e.what}\n  {e.fix}", file=sys.stderr)
        return e.exit_code
    return 0


def newest_report(store: Store) -> Path | None:
    """Of the latest attempt that found a duplicate and whose folder is still there."""
    for attempt in store.attempts():
        codes = {f.code for check in attempt.verdict.checks for f in check.findings}
        page = attempts_dir() / attempt.id / REPORT
        if "duplicate" in codes and page.is_file():
            return page
    print("no attempt found a duplicate: the report's picture stays as it is", file=sys.stderr)
    return None


def take(address: str, chromium: str, report: Path | None) -> None:
    """Write all pictures, each to a temporary name first."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.getuid() == 0 else []  # as root it would not start
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        for name, (place, scheme, (width, height)) in PICTURES.items():
            page = browser.new_page(
                viewport={"width": width, "height": height},
                color_scheme="dark" if scheme == "dark" else "light",
            )
            page.goto(address + place)
            page.wait_for_load_state("networkidle")
            write(name, page.screenshot(type="png"))
            page.close()
        if report is not None:
            page = browser.new_page(viewport={"width": 1240, "height": 900}, color_scheme="light")
            page.goto(report.as_uri())
            write("report.png", page.locator(".finding").first.screenshot(type="png"))
            page.close()
        browser.close()


def write(name: str, picture: bytes) -> None:
    """Put a picture in its place, whole or not at all."""
    temporary = IMAGES / f".{name}.tmp"
    temporary.write_bytes(picture)
    temporary.replace(IMAGES / name)
    print(f"docs/images/{name}: {len(picture) // 1024} kB")


if __name__ == "__main__":
    sys.exit(main())
