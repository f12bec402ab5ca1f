"""What a training broker is put through, so that the AOT cache covers what exercises use."""

from __future__ import annotations

from confluent_kafka import Consumer, Producer, TopicPartition

from kafka_lab.clusters.admin import Acl, Admin
from kafka_lab.clusters.base import Cluster


def exercise_broker(cluster: Cluster) -> None:
    """Topics, rights, a group, a transaction with offsets: once each."""
    with Admin(cluster) as admin:
        admin.create_topics({"training-in": 2, "training-out": 1})
        admin.allow([Acl("program-0", "TOPIC", "training-in", "READ")])
    config = cluster.harness_client_config()
    feeder = Producer(config)
    for i in range(200):
        feeder.produce("training-in", key=str(i % 7), value=f"record {i}")
    feeder.flush(30)
    consumer = Consumer(
        config
        | {
            "group.id": "training",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": "false",
        }
    )
    consumer.subscribe(["training-in"])
    producer = Producer(config | {"transactional.id": "training"})
    producer.init_transactions(30)
    seen = 0
    for _ in range(300):
        if seen >= 200:
            break
        batch = [m for m in consumer.consume(50, 0.2) if m.error() is None]
        if not batch:
            continue
        producer.begin_transaction()
        for message in batch:
            producer.produce("training-out", value=message.value())
        seen += len(batch)
        ends = {(str(m.topic()), m.partition() or 0): (m.offset() or 0) + 1 for m in batch}
        producer.send_offsets_to_transaction(
            [TopicPartition(t, p, o) for (t, p), o in ends.items()],
            consumer.consumer_group_metadata(),
        )
        if seen > 150:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    consumer.close()
    del producer
