"""A history of ``avro-registry`` made by hand: what a right service writes for what it is sent."""

from __future__ import annotations

import dataclasses
import importlib
import json
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from kafka_lab.api import Finding, Record

ROOT = Path(__file__).resolve().parents[3]
GRADER = ROOT / "graders" / "avro-registry"
NAMES = ("schemas", "scans", "desk", "bench", "judge")
OWN_ID = 0x1267


@contextmanager
def grader() -> Iterator[Any]:
    """The grader's helper modules; another exercise's may have the same names."""
    for name in NAMES:
        sys.modules.pop(name, None)
    sys.path.insert(0, str(GRADER))
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
    finally:
        sys.path.remove(str(GRADER))
        for name in NAMES:
            sys.modules.pop(name, None)


class Depot:
    """A history, and the records that a right service writes for what it is sent."""

    def __init__(self, modules: Any) -> None:
        self.modules = modules
        self.mint = modules.scans.Mint(random.Random(7))
        topics = {kind: kind for kind in modules.bench.PARTITIONS}
        self.history = modules.bench.History("made by hand", topics, own_id=OWN_ID)
        self.history.records = {kind: [] for kind in topics}
        self.history.stopped, self.history.stop_code = True, 0
        self.know(OWN_ID, modules.schemas.OWN, self.history.subject)

    def know(self, schema_id: int, schema: Any, *subjects: str) -> None:
        """What the registry says of an id, and that it knows not its mirror image."""
        registered = self.modules.desk.Registered
        text = json.dumps(schema) if schema else ""
        self.history.registered[schema_id] = registered(text, subjects)
        mirrored = int.from_bytes(schema_id.to_bytes(4, "big"), "little")
        self.history.registered.setdefault(mirrored, registered())

    def put(self, kind: str, key: Any, value: Any, *headers: Any) -> None:
        log = self.history.records[kind]
        log.append(Record(kind, 0, len(log), key, value, headers))

    def event_of(self, fields: Any, schema_id: int = OWN_ID, schema: Any = None) -> bytes:
        schemas = self.modules.schemas
        return bytes(schemas.frame(schema_id, schemas.encode(schema or schemas.OWN, fields)))

    def send(self, *items: Any) -> None:
        for item in items:
            self.history.sent.append(item)
            self.put(item.topic, item.key, item.value)
            if item.fate == "dead":
                self.put("dead", item.key, item.value, ("reason", b"because"))
                continue
            if item.fate == "event":
                self.put("events", item.key, self.event_of(item.fields))
            value = None if item.fate == "tombstone" else json.dumps(item.fields).encode()
            self.put("json", item.key, value)
        self.history.committed = {
            (kind, 0): len(self.history.records[kind])
            for kind in self.modules.bench.INPUTS
            if self.history.records[kind]
        }

    def change(self, kind: str, at: int = -1, **fields: Any) -> None:
        records = self.history.records[kind]
        records[at] = dataclasses.replace(records[at], **fields)

    def call(self, method: str, path: str, status: int, times: int = 1) -> None:
        self.history.calls += [self.modules.bench.Call(method, path, status)] * times

    def codes(self, judgement: Callable[..., list[Finding]], **more: Any) -> list[str]:
        return [finding.code for finding in judgement(self.history, **more)]
