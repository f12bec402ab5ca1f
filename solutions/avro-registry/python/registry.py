"""The schema registry over HTTP: schemas by id, ids by schema, each asked for once."""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import quote

TIMEOUT = 2.0  # seconds; urllib's own default is to wait for ever
PAUSE = 0.3


class Refused(Exception):
    """The registry has answered, and the answer is no."""


class Registry:
    def __init__(self, url: str, running: Callable[[], bool]) -> None:
        self.url = url.rstrip("/")
        self.running = running
        self.known: dict[int, dict] = {}

    def register(self, subject: str, schema: str) -> int:
        """The schema's id; registers it where it is new. Raises Refused."""
        path = f"/subjects/{quote(subject, safe='')}/versions"
        return self.ask(path, {"schema": schema})["id"]

    def look_up(self, subject: str, schema: str) -> int:
        """The schema's id if it is registered. Raises Refused."""
        return self.ask(f"/subjects/{quote(subject, safe='')}", {"schema": schema})["id"]

    def schema(self, schema_id: int) -> dict:
        """What the registry says of an id. Raises Refused for one it does not know."""
        # What an id means never changes: one request for each is enough.
        if schema_id not in self.known:
            self.known[schema_id] = self.ask(f"/schemas/ids/{schema_id}")
        return self.known[schema_id]

    def ask(self, path: str, body: dict | None = None) -> dict:
        """The answer's JSON. Asks until there is an answer: a 5xx, or silence, is none."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
        request = urllib.request.Request(self.url + path, data, headers)
        while True:
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as problem:
                if problem.code < 500:
                    raise Refused(f"the registry says {problem.code} to {path}") from problem
                trouble = str(problem)
            except (OSError, http.client.HTTPException, ValueError) as problem:
                trouble = str(problem)
            if not self.running():
                raise RuntimeError(f"told to stop while the registry was away: {trouble}")
            time.sleep(PAUSE)
