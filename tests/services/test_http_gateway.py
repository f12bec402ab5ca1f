"""The gateway before a real endpoint, asked by real HTTP clients."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest
import requests

from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Leases
from kafka_lab.services.http_endpoint import Behaviour, HttpEndpoint
from kafka_lab.services.http_gateway import HttpGateway


@pytest.fixture
def behind(leases: Leases) -> Iterator[HttpEndpoint]:
    found = HttpEndpoint(leases)
    found.start()
    yield found
    found.stop()


@pytest.fixture
def told() -> list[dict[str, object]]:
    return []


@pytest.fixture
def gateway(
    leases: Leases, behind: HttpEndpoint, told: list[dict[str, object]]
) -> Iterator[HttpGateway]:
    found = HttpGateway(
        leases,
        upstream=f"{behind.url}/base/",
        name="front",
        tell=lambda kind, **fields: told.append({"kind": kind, **fields}),
    )
    found.start()
    yield found
    found.stop()


def test_it_passes_on_and_back(gateway: HttpGateway, behind: HttpEndpoint) -> None:
    answer = Behaviour(409, b"no", headers=(("Content-Type", "text/x-reason"),))
    behind.script("/base/a", [answer])
    seen = requests.post(f"{gateway.url}/a?q=1", b"body", headers={"X-Mine": "7"}, timeout=10)
    assert (seen.status_code, seen.content) == (409, b"no")
    assert seen.headers["Content-Type"] == "text/x-reason"
    [had] = behind.received
    assert (had.method, had.path, had.body) == ("POST", "/base/a?q=1", b"body")
    assert had.headers["X-Mine"] == "7"
    [exchange] = gateway.exchanges
    assert (exchange.path, exchange.answer.status, exchange.forwarded) == ("/a", 409, True)
    assert not exchange.ok


def test_a_body_in_chunks_arrives_whole(gateway: HttpGateway, behind: HttpEndpoint) -> None:
    requests.put(f"{gateway.url}/a", iter([b"one", b"two"]), timeout=10)
    assert behind.received[0].body == b"onetwo"


def test_a_body_that_is_no_body_is_refused(gateway: HttpGateway) -> None:
    connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", "/a")
    connection.putheader("Transfer-Encoding", "gzip")
    connection.endheaders()
    assert connection.getresponse().status == 400


def test_head_has_no_body(gateway: HttpGateway) -> None:
    assert requests.head(f"{gateway.url}/a", timeout=10).content == b""


def test_a_fault_falls_on_the_exact_request(gateway: HttpGateway, behind: HttpEndpoint) -> None:
    fault = gateway.fail([Behaviour(500), Behaviour(503)], lambda r: r.path == "/b")
    seen = [requests.get(gateway.url + path, timeout=10).status_code for path in ("/a", "/b")]
    assert seen == [200, 500]
    assert not fault.done.is_set()
    seen = [requests.get(gateway.url + path, timeout=10).status_code for path in ("/b", "/b")]
    assert seen == [503, 200]
    assert fault.done.is_set()
    assert fault.hits == 2
    assert [r.path for r in behind.received] == ["/base/a", "/base/b"]
    assert [e.forwarded for e in gateway.exchanges] == [True, False, False, True]


def test_one_that_stays_is_healed(gateway: HttpGateway) -> None:
    fault = gateway.fail([Behaviour(503)], stays=True)
    for _ in range(3):
        assert requests.get(gateway.url, timeout=10).status_code == 503
    assert fault.done.is_set()
    assert fault.hits == 3
    gateway.heal(fault)
    gateway.heal(fault)
    assert requests.get(gateway.url, timeout=10).ok


def test_only_the_answer_is_lost(gateway: HttpGateway, behind: HttpEndpoint) -> None:
    gateway.fail([Behaviour(reset=True)], reaches=True)
    with pytest.raises(requests.ConnectionError):
        requests.post(gateway.url, b"kept", timeout=10)
    assert behind.received[0].body == b"kept"
    assert gateway.exchanges[0].forwarded
    assert not gateway.exchanges[0].ok


def test_a_service_that_is_gone_is_no_planned_fault(
    gateway: HttpGateway, behind: HttpEndpoint
) -> None:
    behind.stop()
    assert requests.get(gateway.url, timeout=10).status_code == 502
    with pytest.raises(LabError, match="did not answer"):
        _ = gateway.exchanges


def test_faults_are_told_from_other_answers(
    gateway: HttpGateway, told: list[dict[str, object]]
) -> None:
    gateway.fail([Behaviour(500)])
    for _ in range(2):
        requests.get(f"{gateway.url}/a", timeout=10)
    seen = [(e["answer"], e["planned"]) for e in told if e["kind"] == "service-request"]
    assert seen == [("500", True), ("200", False)]


def test_a_fault_without_answers_is_refused(gateway: HttpGateway) -> None:
    with pytest.raises(ValueError, match="at least one"):
        gateway.fail([])
