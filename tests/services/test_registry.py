"""The real registry: what it refuses, and that a new start knows nothing."""

from __future__ import annotations

import json

import requests

from kafka_lab.runtime.leases import Leases
from kafka_lab.services.registry import Registry


def _register(url: str, fields: list[dict[str, str]]) -> int:
    schema = json.dumps({"type": "record", "name": "Order", "fields": fields})
    answer = requests.post(
        f"{url}/subjects/orders-value/versions", json={"schema": schema}, timeout=20
    )
    return answer.status_code


def test_an_incompatible_schema_is_refused_and_a_new_start_is_fresh(leases: Leases) -> None:
    key, added = {"name": "id", "type": "string"}, {"name": "n", "type": "int"}
    registry = Registry(leases)
    with registry:
        assert _register(registry.url, [key]) == 200
        assert _register(registry.url, [key, added]) == 409
        other = Registry.attach(registry.handle(), leases)
        assert requests.get(f"{other.url}/subjects", timeout=20).json() == ["orders-value"]
    with registry:
        assert requests.get(f"{registry.url}/subjects", timeout=20).json() == []
