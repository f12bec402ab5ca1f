"""Takes the pictures of the guide that README.md shows, from real attempts.

    KAFKA_LAB_HOME=… python docs/screenshots.py [--chromium PATH]

Serves the guide with the progress of ``KAFKA_LAB_HOME`` and writes ``docs/images/*.png``. Make the
attempts first (``kafka-lab start``, ``kafka-lab check``): nothing in the pictures is invented.
Needs kafka-lab importable, playwright (a development requirement) and Chromium.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import threading
from pathlib import Path

from kafka_lab.guide.site import Server
from kafka_lab.progress import Store
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
                take(server.address, chromium)
            finally:
                server.shutdown()
                thread.join()
    except LabError as e:
        print(f"{e.what}\n  {e.fix}", file=sys.stderr)
        return e.exit_code
    return 0


def take(address: str, chromium: str) -> None:
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
            picture = page.screenshot(type="png")
            temporary = IMAGES / f".{name}.tmp"
            temporary.write_bytes(picture)
            temporary.replace(IMAGES / name)
            print(f"docs/images/{name}: {len(picture) // 1024} kB")
            page.close()
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
