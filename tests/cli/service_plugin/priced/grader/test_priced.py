"""The grader of ``priced``: one of the prices is out of order at first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import requests
from confluent_kafka import Producer

from kafka_lab.api import Rights
from kafka_lab.grading.lab import fail
from kafka_lab.services.http_endpoint import Behaviour, HttpEndpoint

if TYPE_CHECKING:
    from kafka_lab.api import Record
    from kafka_lab.grading.lab import Lab

COUNT = 8


@pytest.fixture(scope="module")
def target(lab: Lab) -> str:
    return lab.name("out")


@pytest.fixture(scope="module")
def seen(lab: Lab, target: str) -> list[Record]:
    source, group = (lab.name(what) for what in ("in", "group"))
    lab.create_topics({source: 1, target: 1})
    prices = lab.service("prices", HttpEndpoint)
    for number in range(COUNT):
        out_of_order = [Behaviour(503)] if number == 3 else []
        prices.script(f"/{number}", [*out_of_order, Behaviour(body=b"%d00" % number)])
    rights = Rights(reads=(source,), writes=(target,), groups=(group,))
    names = {"IN_TOPIC": source, "OUT_TOPIC": target, "GROUP_ID": group}
    gateway = lab.gateway("front", lab.service("registry"))
    role = lab.role("priced", names | {"SCHEMA_REGISTRY_URL": gateway.url}, rights)
    role.program.start()
    feeder = Producer(lab.cluster.harness_client_config())
    for number in range(COUNT):
        feeder.produce(source, str(number))
    feeder.flush(10)
    reader = lab.reader({target: 1})

    def done() -> bool:
        reader.refresh()
        return len(reader.visible(target)) >= COUNT or not role.program.running()

    lab.wait(done, 20)
    role.program.kill()
    assert [e.path for e in gateway.exchanges] == [f"/subjects/{target}-value/versions"]
    assert len(prices.received) >= min(COUNT, len(reader.visible(target)))
    return reader.visible(target)


def test_prices(seen: list[Record]) -> None:
    """Each order gets its price, also when the service is out of order for a moment."""
    values = [json.loads((record.value or b"")[5:])["price"] for record in seen]
    if values != [f"{number}00EUR" for number in range(COUNT)]:
        raise fail("wrong-price", f"The prices are {values}.")


def test_registers(lab: Lab, seen: list[Record], target: str) -> None:
    """The schema of each price is in the registry."""
    url = lab.service("registry").addresses()["url"]
    latest = requests.get(f"{url}/subjects/{target}-value/versions/latest", timeout=20).json()
    for record in seen:
        if int.from_bytes((record.value or b"")[1:5], "big") != latest["id"]:
            raise fail("wrong-schema", f"The record at offset {record.offset} has another id.")
