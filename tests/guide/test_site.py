"""The guide with progress: what is shown, to whom, and the folder that ``build`` writes."""

from __future__ import annotations

import http.client
import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from kafka_lab.api import Outcome
from kafka_lab.guide import site
from kafka_lab.guide.site import Server
from kafka_lab.progress import Store
from kafka_lab.runtime.errors import UsageError

from .conftest import HOSTILE, Guide, verdict


def ask(
    guide: Guide, path: str, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(urlsplit(guide.address).netloc, timeout=10)
    connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    return answer, answer.read()


def shown(guide: Guide) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(guide, "/progress.json")[1])["exercises"]["transactions"]
    return found


def test_an_exercise_goes_from_new_to_passed(guide: Guide, tmp_path: Path) -> None:
    assert shown(guide)["state"] == "new"
    guide.store.record(verdict("1"), tmp_path)
    tried = shown(guide)
    assert (tried["state"], tried["best"], tried["tries"]) == ("tried", 15, 1)
    assert tried["last"]["checks"][1]["findings"][0]["code"] == "lost"
    assert tried["last"]["checks"][1]["hint"] == 3
    guide.store.record(verdict("2", Outcome.PASSED), tmp_path)
    passed = shown(guide)
    assert (passed["state"], passed["best"]) == ("passed", 100)
    assert [a["earned"] for a in passed["attempts"]] == [15, 100]


def test_the_reference_solution_is_nobodys_progress(guide: Guide, tmp_path: Path) -> None:
    guide.store.record(verdict("1", Outcome.PASSED), None)
    assert (shown(guide)["state"], shown(guide)["attempts"]) == ("new", [])
    guide.store.record(verdict("2", Outcome.PASSED), tmp_path, whole=False)
    some = shown(guide)
    assert (some["state"], some["best"], some["attempts"][0]["whole"]) == ("tried", None, False)


def test_hints_and_a_revealed_solution_are_told(guide: Guide) -> None:
    guide.store.next_hint("transactions", 5)
    guide.store.reveal_solution("transactions", "go")
    told = shown(guide)
    assert (told["hints_shown"], told["solution_seen"]) == (1, True)


def test_no_path_of_the_machine_is_told(guide: Guide, tmp_path: Path) -> None:
    guide.store.record(verdict("1"), tmp_path)
    assert str(tmp_path).encode() not in ask(guide, "/progress.js")[1]


def test_only_many_of_the_latest_attempts_are_drawn(guide: Guide, tmp_path: Path) -> None:
    for number in range(70):
        guide.store.record(verdict(str(number)), tmp_path)
    many = shown(guide)
    assert (many["tries"], len(many["attempts"])) == (70, 60)
    assert many["attempts"][-1]["id"] == "69"


def test_what_has_not_changed_is_not_sent_again(guide: Guide, tmp_path: Path) -> None:
    first, _ = ask(guide, "/progress.json")
    tag = first.headers["ETag"]
    again, body = ask(guide, "/progress.json", If_None_Match=tag)
    assert (again.status, body) == (304, b"")
    guide.store.record(verdict("1"), tmp_path)
    changed, _ = ask(guide, "/progress.json", If_None_Match=tag)
    assert (changed.status, changed.headers["ETag"] == tag) == (200, False)


@pytest.mark.parametrize("path", ["/progress.json", "/progress.js", "/"])
def test_other_names_get_nothing(guide: Guide, path: str) -> None:
    """A page elsewhere whose name was made to lead to 127.0.0.1 (DNS rebinding)."""
    answer, body = ask(guide, path, Host="evil.example:80")
    assert answer.status == 403
    assert b"exercises" not in body
    assert ask(guide, path)[0].status == 200


def test_it_listens_on_the_loopback_only(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/nothing"])
def test_nothing_outside_of_the_site_is_served(guide: Guide, path: str) -> None:
    assert ask(guide, path)[0].status == 404


def test_answers_forbid_to_fetch_from_elsewhere(guide: Guide) -> None:
    for path in ("/", "/progress.json", "/nothing"):
        answer, _ = ask(guide, path)
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Access-Control-Allow-Origin"] is None
    head, body = ask(guide, "/progress.json", method="HEAD")
    assert (head.status, body) == (200, b"")


def test_a_damaged_store_is_told_and_the_pages_stay(guide: Guide) -> None:
    guide.store.path.write_bytes(b"no database " * 100)
    answer, body = ask(guide, "/progress.json")
    assert answer.status == 503
    assert b"damaged" in body
    assert ask(guide, "/")[0].status == 200


def test_a_taken_port_is_said_and_by_default_another_is_used(
    store: Store, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = server.server_address[1]
    monkeypatch.setattr(site, "make", lambda folder: None)
    with pytest.raises(UsageError, match=f"port {taken} cannot be used"):
        Server(store, port=taken)
    monkeypatch.setattr(site, "PORT", taken)
    with Server(store) as other:
        assert other.server_address[1] not in (0, taken)


def test_nothing_is_left_of_a_server(store: Store) -> None:
    with Server(store, port=0) as made:
        folder = made._folder
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        assert (folder / "index.html").is_file()
        made.shutdown()
        thread.join()
    assert not folder.exists()


def test_build_writes_a_site_that_opens_as_files(store: Store, tmp_path: Path) -> None:
    store.record(verdict("1"), tmp_path / "work")
    output = tmp_path / "out" / "guide"
    site.build(output, store)
    script = (output / "progress.js").read_text()
    data = json.loads(script.removeprefix("window.kafkaLabProgress = ").rstrip(";\n"))
    assert data["live"] is False
    assert (
        HOSTILE in data["exercises"]["transactions"]["last"]["checks"][1]["findings"][0]["message"]
    )
    page = (output / "exercises" / "transactions.html").read_text()
    assert 'src="../progress.js"' in page
    assert 'href="../learning-path.html"' in page
    assert HOSTILE not in page
    assert [p.name for p in output.parent.iterdir()] == ["guide"]


def test_build_replaces_its_own_folder_and_no_other(store: Store, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="not empty"):
        site.build(mine, store)
    assert (mine / "thesis.txt").read_text() == "years of work"
    output = tmp_path / "guide"
    output.mkdir()
    site.build(output, store)
    (output / "old.html").write_text("old")
    site.build(output, store)
    assert not (output / "old.html").exists()
    assert (output / "index.html").is_file()
