"""Real workers on a real cluster, with rights of their own: what reaches topics and files."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kafka_lab.api import Rights
from kafka_lab.clusters.admin import Admin
from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.logreader import LogReader
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Leases
from kafka_lab.services.connect.client import ConnectError
from kafka_lab.services.connect.service import Connect

Unique = Callable[[str], str]
STRINGS = "org.apache.kafka.connect.storage.StringConverter"


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)  # polls, with a deadline


def source(file: Path, topic: str) -> dict[str, str]:
    return {
        "connector.class": "FileStreamSource",
        "file": str(file),
        "topic": topic,
        "tasks.max": "1",
        "value.converter": STRINGS,
    }


def lines(admin: Admin, topic: str, count: int) -> list[str]:
    """Wait for so many records of a topic with one partition."""
    reader = LogReader(admin, {topic: 1})

    def there() -> bool:
        reader.refresh()
        return len(reader.visible(topic)) >= count

    until(there)
    return [(record.value or b"").decode() for record in reader.visible(topic)]


def test_a_file_becomes_a_topic_and_a_file_again(
    cluster: Cluster, admin: Admin, leases: Leases, tmp_path: Path, unique: Unique
) -> None:
    topic = unique("lines")
    admin.create_topics({topic: 1})
    kept = tmp_path / "logs"
    with Connect(
        leases, kept, kafka=lambda: cluster, settings={"plugins": ["filestream"]}
    ) as connect:
        connect.allow(Rights(reads=(topic,), writes=(topic,)))
        (tmp_path / "in").write_text("one\ntwo\n")
        # As the grader's process does it: by the handle alone.
        other = Connect.attach(json.loads(json.dumps(connect.handle())), leases, lambda: cluster)
        other.client.put("in", source(tmp_path / "in", topic))
        sink = {
            "connector.class": "FileStreamSink",
            "file": str(tmp_path / "out"),
            "topics": topic,
            "value.converter": STRINGS,
        }
        other.client.put("out", sink)
        assert lines(admin, topic, 2) == ["one", "two"]
        out = tmp_path / "out"
        until(lambda: out.exists() and out.read_text() == "one\ntwo\n")
        state = other.client.wait_running("out")
        assert state is not None
        assert state.running
        assert other.client.connectors() == ["in", "out"]
        with pytest.raises(ConnectError) as refused:
            other.client.put("none", {"connector.class": "NoSuchConnector"})
        assert refused.value.status >= 400
    # Another start knows nothing of it, and its log stays.
    with connect:
        assert connect.client.connectors() == []
    assert (kept / "service-connect.log").exists()
    assert (kept / "service-connect-2.log").exists()


def test_a_connector_may_do_only_what_it_is_granted(
    cluster: Cluster, admin: Admin, leases: Leases, tmp_path: Path, unique: Unique
) -> None:
    topic = unique("secret")
    admin.create_topics({topic: 1})
    (tmp_path / "in").write_text("one\n")
    settings = {
        "mode": "standalone",
        "plugins": ["filestream"],
        "config": {"offset.flush.interval.ms": 100},
    }
    with Connect(leases, kafka=lambda: cluster, settings=settings) as connect:
        connect.client.put("in", source(tmp_path / "in", topic))
        until(lambda: bool((state := connect.client.state("in")) and state.failure))
        assert "TopicAuthorizationException" in connect.client.wait_running("in").failure  # type: ignore[union-attr]
        connect.allow(Rights(writes=(topic,)))
        connect.client.restart("in")
        assert lines(admin, topic, 1) == ["one"]
        until(lambda: bool(connect.client.offsets("in")))


def test_a_connector_outlives_its_worker(
    cluster: Cluster, admin: Admin, leases: Leases, tmp_path: Path, unique: Unique
) -> None:
    topic = unique("lines")
    admin.create_topics({topic: 1})
    file = tmp_path / "in"
    file.write_text("one\n")
    settings = {
        "workers": 2,
        "plugins": ["filestream"],
        "config": {"offset.flush.interval.ms": 100},
    }
    events: list[tuple[str, object]] = []

    def tell(kind: str, **fields: object) -> None:
        events.append((kind, fields.get("worker")))

    with Connect(leases, kafka=lambda: cluster, settings=settings, tell=tell) as connect:
        connect.allow(Rights(writes=(topic,)))
        connect.client.put("in", source(file, topic))
        assert lines(admin, topic, 1) == ["one"]
        until(lambda: bool(connect.client.offsets("in")))
        state = connect.client.wait_running("in")
        assert state is not None
        number = 1 + [u.removeprefix("http://") for u in connect.urls].index(state.tasks[0].worker)
        survivor = connect.worker(3 - number)
        connect.worker(number).kill()
        with file.open("a") as more:
            more.write("two\n")
        assert lines(admin, topic, 2) == ["one", "two"]
        moved = survivor.client.state("in")
        assert moved is not None
        assert moved.tasks[0].worker == survivor.url.removeprefix("http://")
        connect.worker(number).start()
        assert connect.worker(number).client.connectors() == ["in"]
        survivor.pause()
        survivor.resume()
        survivor.stop()
        with file.open("a") as more:
            more.write("three\n")
        assert lines(admin, topic, 3) == ["one", "two", "three"]
    kinds = [(kind, worker) for kind, worker in events if worker]
    assert kinds == [
        ("service-kill", number),
        ("service-start", number),
        ("service-pause", 3 - number),
        ("service-resume", 3 - number),
        ("service-stop", 3 - number),
    ]


def test_settings_that_make_no_sense_are_said(leases: Leases) -> None:
    for settings, words in (
        ({"workers": 9}, "cannot have 9 workers"),
        ({"mode": "standalone", "workers": 2}, "cannot have 2 workers"),
        ({"mode": "sideways"}, "no mode 'sideways'"),
        ({"worker": 2}, "no setting 'worker'"),
        ({"plugins": "filestream"}, "plugins is 'filestream'"),
    ):
        with pytest.raises(LabError, match=words):
            Connect(leases, settings=settings)
    with pytest.raises(LabError, match="no Connect plugin 'fliestream'"):
        Connect.prepare({"plugins": ["fliestream"]}, print)
