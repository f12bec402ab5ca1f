"""A sandboxed program that listens is reached from outside, and only by its own entrance."""

from __future__ import annotations

import pytest
import requests

from kafka_lab.grading.entrance import Entrance

from .conftest import Confine
from .test_box import until

SERVES = """
from http.server import BaseHTTPRequestHandler, HTTPServer

class Answer(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body[::-1])

HTTPServer(("127.0.0.1", 9100), Answer).serve_forever()
"""


def test_what_listens_inside_is_reached(confine: Confine) -> None:
    cell = confine(SERVES)
    entrance = Entrance(lambda: cell.box.dial(9100))
    url = f"http://127.0.0.1:{entrance.port}/"
    with pytest.raises(requests.ConnectionError):
        requests.post(url, b"too early", timeout=20)
    cell.program.start()

    def answers() -> bool:
        try:
            return requests.post(url, b"abc", timeout=20).content == b"cba"
        except requests.ConnectionError:
            return False  # it does not listen yet

    until(answers)
    large = bytes(range(256)) * 4096
    assert requests.post(url, large, timeout=20).content == large[::-1]
    entrance.close()
    with pytest.raises(requests.ConnectionError):
        requests.post(url, b"closed", timeout=20)


def test_nobody_listens(confine: Confine) -> None:
    cell = confine("import time; time.sleep(60)")
    with pytest.raises(ConnectionRefusedError, match="refused"):
        cell.box.dial(9100)
    cell.box.close()
    with pytest.raises(ConnectionRefusedError):
        cell.box.dial(9100)
