"""The services that come with kafka-lab, registered the way an outside plugin's are."""

from __future__ import annotations

from collections.abc import Mapping

from kafka_lab.api import API_VERSION, Loader, hookimpl

KAFKA_LAB_API = API_VERSION


def _registry() -> type:
    from kafka_lab.services.registry import Registry

    return Registry


def _http() -> type:
    from kafka_lab.services.http_endpoint import HttpEndpoint

    return HttpEndpoint


def _connect() -> type:
    from kafka_lab.services.connect.service import Connect

    return Connect


def _postgres() -> type:
    from kafka_lab.services.databases.postgres import Postgres

    return Postgres


def _mariadb() -> type:
    from kafka_lab.services.databases.mariadb import MariaDb

    return MariaDb


def _prometheus() -> type:
    from kafka_lab.services.prometheus import Prometheus

    return Prometheus


def _kdc() -> type:
    from kafka_lab.services.kdc import Kdc

    return Kdc


@hookimpl
def kafka_lab_services() -> Mapping[str, Loader]:
    """Kind to a loader of the class."""
    return {
        "registry": _registry,
        "http": _http,
        "connect": _connect,
        "kdc": _kdc,
        "postgres": _postgres,
        "mariadb": _mariadb,
        "prometheus": _prometheus,
    }
