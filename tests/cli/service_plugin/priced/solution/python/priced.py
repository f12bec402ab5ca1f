"""Asks for prices until there is an answer, and writes each with its schema's id."""

import json
import os
import struct
import time
import urllib.error
import urllib.request
from pathlib import Path

from confluent_kafka import Consumer, Producer

schema = json.dumps({"type": "object", "properties": {"price": {"type": "string"}}})


def get(url: str) -> str:
    while True:
        try:
            return urllib.request.urlopen(url, timeout=10).read().decode()
        except urllib.error.HTTPError:
            time.sleep(0.05)


def schema_id(topic: str) -> int:
    request = urllib.request.Request(
        f"{os.environ['SCHEMA_REGISTRY_URL']}/subjects/{topic}-value/versions",
        json.dumps({"schema": schema, "schemaType": "JSON"}).encode(),
        {"Content-Type": "application/json"},
    )
    return json.load(urllib.request.urlopen(request, timeout=20))["id"]


lines = Path(os.environ["KAFKA_CONFIG"]).read_text().splitlines()
config = dict(line.split("=", 1) for line in lines if line)
consumer = Consumer({**config, "group.id": os.environ["GROUP_ID"], "auto.offset.reset": "earliest"})
producer = Producer(config)
target = os.environ["OUT_TOPIC"]
number = schema_id(target)
currency = get(os.environ["SHELF_URL"] + "/currency")
consumer.subscribe([os.environ["IN_TOPIC"]])
while True:
    message = consumer.poll(0.2)
    if message is None or message.error():
        continue
    name = message.value().decode()
    price = get(f"{os.environ['PRICES_URL']}/{name}")
    value = json.dumps({"price": price + currency}).encode()
    producer.produce(target, struct.pack(">bI", 0, number) + value, name)
    producer.flush()
