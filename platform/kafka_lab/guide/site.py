"""Builds the guide with the learner's progress, and serves it to this machine only."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kafka_lab.guide.class_page import read_results
from kafka_lab.guide.snapshot import snapshot
from kafka_lab.progress import Store
from kafka_lab.runtime.errors import LabError, UsageError
from kafka_lab.runtime.paths import bundled

HOST = "127.0.0.1"
PORT = 8765
MARKER = ".kafka-lab-guide"
"""Marks a folder that ``build`` made, and may therefore replace."""
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'; form-action 'none'; "
    "base-uri 'self'"
)
"""Even a page that wanted to could fetch nothing from elsewhere. Material has inline scripts."""


def progress(store: Store, *, live: bool) -> dict[str, Any]:
    """The progress as pages read it; ``live``: there is a server to ask again."""
    from kafka_lab import wiring

    return snapshot(store, wiring.catalog(), live=live) | {"live": live}


def as_script(data: dict[str, Any]) -> str:
    """A script, so that pages show it at once, and when opened as files too."""
    return f"window.kafkaLabProgress = {json.dumps(data)};\n"


def make(folder: Path, *, served: bool = True, results: Path | None = None) -> None:
    """Build the site into ``folder`` (which is emptied).

    With the learner's progress switched on; or, given a class's ``results``, with those instead.

    One that is not ``served`` is opened as files: links name ``index.html``, the search's index is
    a script, and what the search runs in stands in for a worker.

    Raises:
        LabError: when the documentation is not in this installation, or does not build.
    """
    # Material announces MkDocs 2 on each import; a learner can do nothing about it.
    os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")
    from mkdocs.commands.build import build as mkdocs_build
    from mkdocs.config import load_config
    from mkdocs.exceptions import MkDocsException

    logging.getLogger("mkdocs").setLevel(logging.ERROR)
    source = bundled("docs").parent / "mkdocs.yml"
    try:
        # Not strict: a broken link in somebody's exercise is no reason to show a learner nothing.
        config = load_config(
            str(source),
            site_dir=str(folder),
            strict=False,
            use_directory_urls=served,
        )
        plugin: Any = config.plugins["kafka-lab"]
        plugin.config.progress = results is None
        plugin.config.as_files = not served
        plugin.config.class_results = str(results) if results else ""
        config.plugins.on_startup(command="build", dirty=False)
        mkdocs_build(config)
    except (MkDocsException, SystemExit) as e:
        raise LabError(
            f"the guide could not be built: {e}", "install kafka-lab again; or report it, please"
        ) from e


def build(output: Path, store: Store) -> None:
    """Write the guide, with the progress as it is now, into ``output``. Opens without a server.

    Raises:
        UsageError: when ``output`` has something in it that is not such a guide.
        LabError: as ``make``.
    """

    def fill(made: Path) -> None:
        make(made, served=False)
        (made / "progress.js").write_text(as_script(progress(store, live=False)), encoding="utf-8")

    _write(output, fill)


def build_class(output: Path, results: Path) -> None:
    """Write the guide with an overview of a class into ``output``; nobody's progress is in it.

    Raises:
        UsageError: when ``results`` has no verdicts, or ``output`` something that is no guide.
        LabError: as ``make``.
    """
    read_results(results)  # said at once, not from inside of MkDocs
    _write(output, lambda made: make(made, served=False, results=results.absolute()))


def _write(output: Path, fill: Callable[[Path], None]) -> None:
    """Fill a folder beside ``output``, then put it in its place: whole, or not at all."""
    output = output.absolute()  # MkDocs would take it as relative to its configuration
    if output.exists() and not (output / MARKER).is_file() and _has_things(output):
        raise UsageError(f"{output} is not empty", "name another folder with --output")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".kafka-lab-guide-", dir=output.parent) as scratch:
        made = Path(scratch) / "site"
        fill(made)
        (made / MARKER).write_text("Made by kafka-lab guide build, which may replace it.\n")
        if output.exists():
            output.rename(Path(scratch) / "old")
        made.rename(output)


def _has_things(output: Path) -> bool:
    return not output.is_dir() or any(output.iterdir())


class Handler(SimpleHTTPRequestHandler):
    """Files of the built site, and the progress, read anew for each request."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    server: Server

    def do_GET(self) -> None:
        self._answer(super().do_GET)

    def do_HEAD(self) -> None:
        self._answer(super().do_HEAD)

    def _answer(self, file: Callable[[], None]) -> None:
        # A page of another site whose name leads here (DNS rebinding) must not read progress.
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        if host not in ("127.0.0.1", "localhost", "::1"):
            self.send_error(HTTPStatus.FORBIDDEN, "This guide answers to its own address only")
            return
        path = urlsplit(self.path).path
        if path == "/progress.js":
            self._send("text/javascript", lambda: as_script(self._progress()))
        elif path == "/progress.json":
            self._send("application/json", lambda: json.dumps(self._progress()))
        else:
            file()

    def _progress(self) -> dict[str, Any]:
        return progress(self.server.store, live=True)

    def _send(self, kind: str, text: Callable[[], str]) -> None:
        try:
            body = text().encode()
        except LabError as e:
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, explain=f"{e.what}; {e.fix}")
            return
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        if self.headers.get("If-None-Match") == tag:
            self.send_response(HTTPStatus.NOT_MODIFIED)
            self.send_header("ETag", tag)
            self.end_headers()
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", tag)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Each page asks every two seconds: nobody wants to read that."""


class Server(ThreadingHTTPServer):
    """The guide on this machine's loopback address; a context manager that clears up."""

    daemon_threads = True

    def __init__(self, store: Store, port: int | None = None) -> None:
        """Build the guide and bind; ``port`` is 8765 by default, or any free one if that is taken.

        Raises:
            UsageError: when the ``port`` asked for cannot be had.
            LabError: as ``make``.
        """
        self.store = store
        self._folder = Path(tempfile.mkdtemp(prefix="kafka-lab-guide-"))
        try:
            make(self._folder)
            self._bind(partial(Handler, directory=str(self._folder)), port)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def _bind(self, handler: Callable[..., Handler], port: int | None) -> None:
        for number in (port,) if port is not None else (PORT, 0):
            try:
                super().__init__((HOST, number), handler)
                return
            except OSError as e:
                refused = e
        raise UsageError(
            f"port {port} cannot be used: {refused.strerror}", "name another with --port"
        )

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle is nothing to report."""

    def server_close(self) -> None:
        super().server_close()
        shutil.rmtree(self._folder, ignore_errors=True)
