"""Transfers with kafka-python, written from the brief alone.

Whatever goes wrong ends the process; the next start repairs it. Up to five transfers share a
transaction.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

E = os.environ
stopping = False


def stop(*_):
    global stopping
    stopping = True


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


def parse(value):
    try:
        t = json.loads(value)
        if not all(isinstance(t[name], str) and t[name] for name in ("id", "from", "to")):
            return None, "names"
        if t["from"] == t["to"]:
            return None, "same account"
        if type(t["amount"]) is not int or not 1 <= t["amount"] <= 10**9:
            return None, "amount"
        return t, ""
    except Exception as e:
        return None, f"not a transfer: {type(e).__name__}"


class Invalid(Exception):
    pass


def line(t, account):
    return json.dumps({"amount": t["amount"], "account": account, "transfer_id": t["id"]}).encode()


def main():
    signal.signal(signal.SIGTERM, stop)
    producer = KafkaProducer(transactional_id=E["TRANSACTIONAL_ID"], acks="all", **common())
    producer.init_transactions()
    consumer = KafkaConsumer(
        E["TRANSFERS_TOPIC"],
        group_id=E["GROUP_ID"],
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        **common(),
    )

    def offsets(record):
        tp = TopicPartition(record.topic, record.partition)
        return {tp: OffsetAndMetadata(record.offset + 1, "", -1)}

    def send(topic, value, key, headers=()):
        sent.append(producer.send(topic, value=value, key=key, headers=list(headers)))

    while not stopping:
        polled = consumer.poll(timeout_ms=500, max_records=20)
        for records in polled.values():
            at = 0
            while at < len(records):
                # As many as are valid, up to five, in one transaction.
                sent = []
                producer.begin_transaction()
                upto = at
                try:
                    for record in records[at : at + 5]:
                        t, why = parse(record.value)
                        if t is None:
                            raise Invalid(why)
                        send(E["DEBITS_TOPIC"], line(t, t["from"]), t["from"].encode())
                        send(E["CREDITS_TOPIC"], line(t, t["to"]), t["to"].encode())
                        upto += 1
                except Invalid as bad:
                    producer.abort_transaction()
                    if upto > at:
                        # Book the ones before it once more; the bad one comes first next time.
                        sent = []
                        producer.begin_transaction()
                        for record in records[at:upto]:
                            t, _ = parse(record.value)
                            send(E["DEBITS_TOPIC"], line(t, t["from"]), t["from"].encode())
                            send(E["CREDITS_TOPIC"], line(t, t["to"]), t["to"].encode())
                    else:
                        sent = []
                        producer.begin_transaction()
                        record = records[at]
                        head = [*record.headers, ("reason", str(bad).encode())]
                        send(E["REJECTS_TOPIC"], record.value, record.key, head)
                        upto = at + 1
                for future in sent:
                    future.get(timeout=30)
                producer.send_offsets_to_transaction(
                    offsets(records[upto - 1]), consumer.group_metadata()
                )
                producer.commit_transaction()
                at = upto
    consumer.close(autocommit=False)
    producer.close(timeout=5)


try:
    main()
except Exception:
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)  # at once: closing the clients could only wait for a cluster that is away
