"""The number of dead letters, in Prometheus' text format."""

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# There from the start, at 0: a counter that is born with its first dead letter has not grown when
# Prometheus sees it for the first time.
dead_letters = 0


class Metrics(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        text = "# TYPE dead_letters_total counter\n" + f"dead_letters_total {dead_letters}\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: object) -> None:
        """Nothing: Prometheus asks twice a second."""


def serve() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["METRICS_PORT"])), Metrics)
    threading.Thread(target=server.serve_forever, daemon=True).start()
