"""Dead letters with kafka-python, written from the brief alone.

A thread with a consumer and a group of its own for each of the three topics; notes without
transactions, letter by letter.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request
from collections import deque

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata
from prometheus_client import CollectorRegistry, Counter, start_http_server

E = os.environ
NEXT = {
    E["ORDERS_TOPIC"]: (E["RETRY_1_TOPIC"], int(E["RETRY_1_DELAY_MS"]) / 1000),
    E["RETRY_1_TOPIC"]: (E["RETRY_2_TOPIC"], int(E["RETRY_2_DELAY_MS"]) / 1000),
    E["RETRY_2_TOPIC"]: (E["DEAD_LETTERS_TOPIC"], 0.0),
}
STATE = "state"
"""One header on the way: JSON of origin, attempts, when it is due, and the order's timestamp."""
stop = threading.Event()
registry = CollectorRegistry()
dead = Counter("dead_letters", "Orders given up", registry=registry)


def common():
    config = {
        "bootstrap_servers": E["KAFKA_BOOTSTRAP_SERVERS"].split(","),
        "security_protocol": E["KAFKA_SECURITY_PROTOCOL"],
    }
    if "KAFKA_SASL_MECHANISM" in E:
        config |= {
            "sasl_mechanism": E["KAFKA_SASL_MECHANISM"],
            "sasl_plain_username": E["KAFKA_SASL_USERNAME"],
            "sasl_plain_password": E["KAFKA_SASL_PASSWORD"],
        }
    if "KAFKA_SSL_CA_LOCATION" in E:
        config["ssl_cafile"] = E["KAFKA_SSL_CA_LOCATION"]
    return config


def ask(record, origin) -> tuple[str, bool]:
    """(error, whether it is permanent); the error is empty if the courier has it."""
    if record.key is None:
        return "no-key", True
    request = urllib.request.Request(
        f"{E['COURIER_URL']}/shipments/{record.key.decode()}",
        data=record.value,
        method="PUT" if record.value is not None else "DELETE",
        headers={"Idempotency-Key": origin, "Content-Type": "application/octet-stream"},
    )
    try:
        with urllib.request.urlopen(request, timeout=int(E["COURIER_TIMEOUT_MS"]) / 1000):
            return "", False
    except urllib.error.HTTPError as e:
        return f"http-{e.code}", not (e.code in (408, 429) or e.code >= 500)
    except TimeoutError:
        return "timeout", False
    except urllib.error.URLError as e:
        return ("timeout" if isinstance(e.reason, TimeoutError) else "connection"), False
    except OSError:
        return "connection", False


def state_of(record) -> dict:
    for name, value in record.headers:
        if name == STATE:
            return json.loads(value)
    return {
        "origin": [record.topic, record.partition, record.offset],
        "attempts": 0,
        "due": 0,
        "timestamp": record.timestamp,
    }


def handle(record, state, producer) -> None:
    error, permanent = ask(record, "/".join(map(str, state["origin"])))
    if not error:
        return
    state["attempts"] += error != "no-key"
    topic, delay = (E["DEAD_LETTERS_TOPIC"], 0.0) if permanent else NEXT[record.topic]
    headers = [h for h in record.headers if h[0] != STATE]
    timestamp = None
    if topic == E["DEAD_LETTERS_TOPIC"]:
        texts = dict(zip(("dlq-topic", "dlq-partition", "dlq-offset"), state["origin"], strict=True))
        texts |= {"dlq-error": error, "dlq-attempts": state["attempts"]}
        headers += [(name, str(text).encode()) for name, text in texts.items()]
        timestamp = state["timestamp"]
    else:
        state["due"] = time.time() + delay
        headers.append((STATE, json.dumps(state).encode()))
    producer.send(topic, record.value, record.key, headers, timestamp_ms=timestamp).get(30)
    if topic == E["DEAD_LETTERS_TOPIC"]:
        dead.inc()


class Forget(ConsumerRebalanceListener):
    """What waits here of partitions that go is read again by whoever has them then."""

    def __init__(self, waiting: dict) -> None:
        self.waiting = waiting

    def on_partitions_revoked(self, revoked) -> None:
        for place in revoked:
            self.waiting.pop(place, None)

    def on_partitions_assigned(self, assigned) -> None:
        pass  # those that stayed go on where they were: the group moves only what it must


def serve(topic: str, group: str, producer) -> None:
    waiting: dict[TopicPartition, deque] = {}
    consumer = KafkaConsumer(
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        **common(),
    )
    consumer.subscribe([topic], listener=Forget(waiting))
    while not stop.is_set():
        for place, records in consumer.poll(timeout_ms=100).items():
            waiting.setdefault(place, deque()).extend(records)
        # One of each partition a turn, so that the group hears from us in between.
        for place, records in list(waiting.items()):
            if not records or stop.is_set():
                continue
            state = state_of(records[0])
            if state["due"] <= time.time():
                record = records.popleft()
                handle(record, state, producer)
                consumer.commit({place: OffsetAndMetadata(record.offset + 1, "", -1)})
    consumer.close(autocommit=False)


def work() -> None:
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    start_http_server(int(E["METRICS_PORT"]), "127.0.0.1", registry)
    producer = KafkaProducer(acks="all", linger_ms=0, **common())

    def guarded(*arguments) -> None:
        try:
            serve(*arguments)
        except Exception:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)

    groups = [E["GROUP_ID"], E["GROUP_ID"] + "-retry-1", E["GROUP_ID"] + "-retry-2"]
    threads = [
        threading.Thread(target=guarded, args=(topic, group, producer))
        for topic, group in zip(NEXT, groups, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    producer.close(timeout=5)


def everything(topic: str) -> list:
    consumer = KafkaConsumer(isolation_level="read_committed", **common())
    places = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic)]
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    ends = consumer.end_offsets(places)
    found = []
    while any(consumer.position(place) < ends[place] for place in places):
        for records in consumer.poll(timeout_ms=200).values():
            found += records
    consumer.close()
    return found


def last(letter, name: str) -> str:
    return {k: v for k, v in letter.headers}[name].decode()


def selection() -> list:
    error, key = E.get("SELECT_ERROR", ""), E.get("SELECT_KEY", "")
    return [
        letter
        for letter in everything(E["DEAD_LETTERS_TOPIC"])
        if error in ("", last(letter, "dlq-error")) and (not key or letter.key == key.encode())
    ]


def name_of(letter) -> bytes:
    return json.dumps([letter.partition, letter.offset]).encode()


def inspect() -> None:
    noted = {note.value for note in everything(E["REPROCESSED_TOPIC"])}
    for letter in selection():
        line = {
            "reprocessed": name_of(letter) in noted,
            "key": letter.key.decode() if letter.key is not None else None,
            "error": last(letter, "dlq-error"),
            "topic": last(letter, "dlq-topic"),
        }
        for name in ("attempts", "partition", "offset"):
            line[name] = int(last(letter, f"dlq-{name}"))
        print(json.dumps(line))


def reprocess() -> None:
    noted = {note.value for note in everything(E["REPROCESSED_TOPIC"])}
    producer = KafkaProducer(acks="all", linger_ms=0, **common())
    for letter in selection():
        if name_of(letter) in noted:
            continue
        origin = [
            last(letter, "dlq-topic"),
            int(last(letter, "dlq-partition")),
            int(last(letter, "dlq-offset")),
        ]
        state = {"origin": origin, "attempts": 1, "due": 0, "timestamp": letter.timestamp}
        headers = [h for h in letter.headers if not h[0].startswith("dlq-")]
        headers.append((STATE, json.dumps(state).encode()))
        producer.send(E["RETRY_1_TOPIC"], letter.value, letter.key, headers).get(15)
        producer.send(E["REPROCESSED_TOPIC"], name_of(letter)).get(15)
    producer.close(timeout=5)


{"work": work, "inspect": inspect, "reprocess": reprocess}[E["MODE"]]()
