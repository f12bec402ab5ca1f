"""The endpoint against a real HTTP client."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from kafka_lab.runtime.leases import Leases
from kafka_lab.services.http_endpoint import Behaviour, HttpEndpoint


@pytest.fixture
def endpoint(leases: Leases) -> Iterator[HttpEndpoint]:
    found = HttpEndpoint(leases)
    found.start()
    yield found
    found.stop()


def test_a_script_is_followed_and_its_last_answer_stays(endpoint: HttpEndpoint) -> None:
    endpoint.script("/pay/a", [Behaviour(500), Behaviour(503), Behaviour(201, b"paid")])
    seen = [requests.post(f"{endpoint.url}/pay/a?n={n}", timeout=10) for n in range(4)]
    assert [a.status_code for a in seen] == [500, 503, 201, 201]
    assert seen[-1].content == b"paid"
    assert requests.get(f"{endpoint.url}/pay/b", timeout=10).status_code == 200


def test_every_request_is_on_record(endpoint: HttpEndpoint) -> None:
    def send(n: int) -> None:
        requests.post(endpoint.url + "/in", b"%d" % n, headers={"X-Id": str(n)}, timeout=30)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(1000)))
    assert sorted(int(r.body) for r in endpoint.received) == list(range(1000))
    assert all(r.headers["X-Id"].encode() == r.body for r in endpoint.received)


def test_a_reset_is_a_reset(endpoint: HttpEndpoint) -> None:
    endpoint.script("/cut", [Behaviour(reset=True)])
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        requests.get(endpoint.url + "/cut", timeout=10)


def test_a_hang_runs_into_the_clients_timeout(endpoint: HttpEndpoint) -> None:
    endpoint.script("/slow", [Behaviour(hang=True), Behaviour()])
    with pytest.raises(requests.ReadTimeout):
        requests.get(endpoint.url + "/slow", timeout=0.2)
    assert requests.get(endpoint.url + "/slow", timeout=10).ok
    assert len(endpoint.received) == 2


def test_a_new_start_has_no_requests(endpoint: HttpEndpoint) -> None:
    requests.get(endpoint.url, timeout=10)
    endpoint.stop()
    endpoint.start()
    assert endpoint.received == []


def test_its_log_names_each_request(endpoint: HttpEndpoint) -> None:
    endpoint.script("/cut", [Behaviour(503)])
    requests.post(endpoint.url + "/cut?a=1", b"12345", timeout=10)
    assert endpoint.logs().split()[1:] == ["POST", "'/cut?a=1'", "5", "503"]


def test_a_body_in_chunks_is_read_whole(endpoint: HttpEndpoint) -> None:
    with requests.Session() as session:
        assert session.put(endpoint.url + "/a", iter([b"one ", b"two"]), timeout=10).ok
        assert session.put(endpoint.url + "/b", b"three", timeout=10).ok
    assert [r.body for r in endpoint.received] == [b"one two", b"three"]


def test_something_can_be_done_when_a_request_is_there(endpoint: HttpEndpoint) -> None:
    seen: list[int] = []
    endpoint.script("/x", [Behaviour(418, act=lambda: seen.append(len(endpoint.received)))])
    assert requests.put(endpoint.url + "/x", timeout=10).status_code == 418
    assert seen == [1]
    assert endpoint.received[0].does.status == 418
