"""The real pair: a broker's metrics, and an alert on its way to a webhook, with its end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Producer

from kafka_lab.clusters.admin import Admin
from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.embedded.backend import EmbeddedBackend
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Leases
from kafka_lab.services.base import Service
from kafka_lab.services.http_endpoint import HttpEndpoint
from kafka_lab.services.prometheus import Prometheus

RULES = """
groups:
  - name: kafka
    rules:
      - alert: BrokerDown
        expr: up{job="kafka"} == 0
        labels: {severity: page}
"""


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)  # polls, with a deadline


@pytest.fixture(scope="module")
def measured(needs: Callable[[type[Service]], None]) -> Iterator[Cluster]:
    """A cluster with an exporter, for these tests alone: its broker is killed."""
    needs(Prometheus)
    own = Leases.open()
    try:
        yield EmbeddedBackend().start(ClusterSpec(jmx=True), (), own)
    finally:
        own.clear()


def test_a_dead_broker_is_told_to_a_webhook_and_so_is_its_return(
    measured: Cluster, leases: Leases
) -> None:
    with (
        HttpEndpoint(leases) as endpoint,
        Prometheus(leases, kafka=lambda: measured) as prometheus,
    ):
        other = Prometheus.attach(prometheus.handle(), leases, lambda: measured)
        other.configure(RULES, webhook=f"{endpoint.url}/alerts")
        until(lambda: list(other.targets().values()) == ["up"])
        with Admin(measured) as admin:
            admin.create_topics({"counted": 1})
        producer = Producer(measured.harness_client_config())
        for _ in range(300):
            producer.produce("counted", b"x")
        producer.flush(20)

        def counted() -> bool:
            query = 'kafka_server_brokertopicmetrics_count{name="MessagesInPerSec",topic="counted"}'
            return [s.value for s in other.query(query)] == [300.0]

        until(counted)
        assert other.alerts() == []

        def told() -> list[tuple[str, str, str]]:
            """(state, alert, broker) of everything that came to the webhook."""
            bodies = [json.loads(r.body) for r in endpoint.received if r.path == "/alerts"]
            found = [(a["status"], a["labels"]) for b in bodies for a in b["alerts"]]
            return [(status, at["alertname"], at["broker"]) for status, at in found]

        measured.brokers[0].kill()
        until(lambda: ("firing", "BrokerDown", "1") in told())
        assert [(a.name, a.state) for a in other.alerts()] == [("BrokerDown", "firing")]
        measured.brokers[0].start()
        until(lambda: told()[-1] == ("resolved", "BrokerDown", "1"))
        until(lambda: other.alerts() == [])
        producer.flush(0)


def test_what_a_learner_wrote_is_refused_with_words(needs: Callable[..., None]) -> None:
    needs(Prometheus)
    assert Prometheus.rules_complaint(RULES) == ""
    assert "could not parse expression" in Prometheus.rules_complaint(RULES.replace("== 0", "=="))
    assert "unmarshal" in Prometheus.rules_complaint("groups: 7")
    assert Prometheus.alertmanager_complaint("route: {receiver: a}\nreceivers: [{name: a}]") == ""
    assert "undefined receiver" in Prometheus.alertmanager_complaint(
        "route: {receiver: b}\nreceivers: [{name: a}]"
    )


def test_a_refused_configuration_is_an_error(leases: Leases, needs: Callable[..., None]) -> None:
    needs(Prometheus)
    with Prometheus(leases) as prometheus:
        with pytest.raises(LabError, match="Prometheus refuses its configuration"):
            prometheus.configure("groups: 7")
        with pytest.raises(LabError, match="parse error"):
            prometheus.query("up{")
