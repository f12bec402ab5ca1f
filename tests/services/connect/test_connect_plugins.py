"""Debezium from both databases, and the JDBC sink: rows become records, and rows again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kafka_lab.clusters.admin import Acl, Admin
from kafka_lab.clusters.base import CONNECT, Cluster
from kafka_lab.clusters.logreader import LogReader
from kafka_lab.runtime.leases import Leases
from kafka_lab.services.base import Service
from kafka_lab.services.connect.service import Connect
from kafka_lab.services.databases.base import Database
from kafka_lab.services.databases.mariadb import MariaDb
from kafka_lab.services.databases.postgres import Postgres

PLUGINS = ["debezium-postgres", "debezium-mariadb", "jdbc-sink"]


@pytest.fixture(scope="module")
def connect(
    cluster: Cluster, leases: Leases, needs: Callable[[type[Service]], None]
) -> Iterator[Connect]:
    needs(Postgres)
    needs(MariaDb)
    with Connect(leases, kafka=lambda: cluster, settings={"plugins": PLUGINS}) as found:
        yield found


@pytest.fixture(scope="module")
def target(connect: Connect, leases: Leases) -> Iterator[Postgres]:
    with Postgres(leases, name="target") as found:
        yield found


def prepared(admin: Admin, connect: Connect, prefix: str, topic: str) -> None:
    """What a source and a sink may use: topics that exist, and rights to no others."""
    admin.create_topics({topic: 1, f"{prefix}-history": 1})
    rights = [Acl(CONNECT, "TOPIC", topic, op) for op in ("READ", "WRITE")]
    history = ("READ", "WRITE", "DESCRIBE_CONFIGS")
    rights += [Acl(CONNECT, "TOPIC", f"{prefix}-history", op) for op in history]
    connect.allow(rights)


def source(database: Database, prefix: str) -> dict[str, str]:
    at = database.addresses()
    return {
        "topic.prefix": prefix,
        "database.hostname": at["host"],
        "database.port": at["port"],
        "database.user": at["user"],
        "database.password": at["password"],
        "tasks.max": "1",
    }


def sink(target: Postgres, topic: str, table: str) -> dict[str, str]:
    at = target.addresses()
    return {
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
        "topics": topic,
        "connection.url": at["jdbc_url"],
        "connection.username": at["user"],
        "connection.password": at["password"],
        "collection.name.format": table,
        "primary.key.mode": "record_key",
        "insert.mode": "upsert",
        "delete.enabled": "true",
        "schema.evolution": "basic",
        "consumer.override.metadata.max.age.ms": "1000",
    }


def put(connect: Connect, name: str, config: dict[str, str]) -> None:
    connect.client.put(name, config)
    state = connect.client.wait_running(name, 60)
    assert state is not None
    assert state.running, state.failure or state


def until(connect: Connect, condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, connect.logs()[-3000:]
        time.sleep(0.05)  # polls, with a deadline


def follow(
    admin: Admin, connect: Connect, database: Database, target: Postgres, topic: str, table: str
) -> None:
    """A row that was there, a new one, a changed one and a deleted one, in topic and table."""
    reader = LogReader(admin, {topic: 1})

    def payloads() -> list[dict[str, Any]]:
        reader.refresh()
        return [json.loads(r.value)["payload"] for r in reader.visible(topic) if r.value]

    until(connect, lambda: [p["op"] for p in payloads()] == ["r"])  # its snapshot is taken
    database.query("INSERT INTO orders VALUES (2, 'new')")
    database.query("UPDATE orders SET what = 'changed' WHERE id = 1")
    database.query("INSERT INTO orders VALUES (3, 'gone'); DELETE FROM orders WHERE id = 3")
    until(connect, lambda: [p["op"] for p in payloads()] == ["r", "c", "u", "c", "d"])
    assert [p["after"] and p["after"]["what"] for p in payloads()] == [
        "first",
        "new",
        "changed",
        "gone",
        None,
    ]
    put(connect, f"{table}-sink", sink(target, topic, table))
    wanted = [("1", "changed"), ("2", "new")]

    def rows() -> list[tuple[str | None, str | None]]:
        there = target.query(f"SELECT to_regclass('{table}') IS NOT NULL AS there")
        if there != [{"there": "t"}]:
            return []
        return [(r["id"], r["what"]) for r in target.query(f"SELECT * FROM {table} ORDER BY id")]

    until(connect, lambda: rows() == wanted)


def test_postgres_to_topic_to_table(
    admin: Admin, connect: Connect, target: Postgres, leases: Leases, unique: Callable[[str], str]
) -> None:
    prefix = unique("pg")
    topic = f"{prefix}.public.orders"
    prepared(admin, connect, prefix, topic)
    with Postgres(leases) as database:
        database.query("CREATE TABLE orders (id INT PRIMARY KEY, what VARCHAR(20))")
        database.query("INSERT INTO orders VALUES (1, 'first')")
        config = {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "plugin.name": "pgoutput",
            "database.dbname": "lab",
            "publication.autocreate.mode": "filtered",
            "table.include.list": "public.orders",
        }
        put(connect, "from-postgres", source(database, prefix) | config)
        follow(admin, connect, database, target, topic, "from_postgres")
        connect.client.delete("from-postgres")


def test_mariadb_to_topic_to_table(
    admin: Admin, connect: Connect, target: Postgres, leases: Leases, unique: Callable[[str], str]
) -> None:
    prefix = unique("maria")
    topic = f"{prefix}.lab.orders"
    prepared(admin, connect, prefix, topic)
    with MariaDb(leases) as database:
        database.query("CREATE TABLE orders (id INT PRIMARY KEY, what VARCHAR(20))")
        database.query("INSERT INTO orders VALUES (1, 'first')")
        history = "schema.history.internal"
        config = {
            "connector.class": "io.debezium.connector.mariadb.MariaDbConnector",
            "database.server.id": "77",
            "database.include.list": "lab",
            "table.include.list": "lab.orders",
            "include.schema.changes": "false",
            f"{history}.kafka.bootstrap.servers": connect.kafka.harness_bootstrap,
            f"{history}.kafka.topic": f"{prefix}-history",
            **connect.login(f"{history}.producer."),
            **connect.login(f"{history}.consumer."),
        }
        put(connect, "from-mariadb", source(database, prefix) | config)
        follow(admin, connect, database, target, topic, "from_mariadb")
        connect.client.delete("from-mariadb")
