import os

from confluent_kafka import Consumer, Producer


def settings(prefix=""):
    def told(name):
        return os.environ[f"{prefix}KAFKA_{name}"]

    config = {
        "bootstrap.servers": told("BOOTSTRAP_SERVERS"),
        "security.protocol": told("SECURITY_PROTOCOL"),
        "sasl.mechanism": told("SASL_MECHANISM"),
        "sasl.username": told("SASL_USERNAME"),
        "sasl.password": told("SASL_PASSWORD"),
        "reconnect.backoff.max.ms": 200,
    }
    if "SSL_CA_LOCATION" in "".join(os.environ) and config["security.protocol"].endswith("SSL"):
        config["ssl.ca.location"] = told("SSL_CA_LOCATION")
    return config


consumer = Consumer(
    settings() | {"group.id": os.environ["GROUP_ID"], "auto.offset.reset": "earliest"}
)
producer = Producer(settings("TARGET_"))
consumer.subscribe([os.environ["IN_TOPIC"]])
while True:
    message = consumer.poll(0.1)
    producer.poll(0)
    if message is None or message.error():
        continue
    producer.produce(os.environ["OUT_TOPIC"], message.value(), message.key())
