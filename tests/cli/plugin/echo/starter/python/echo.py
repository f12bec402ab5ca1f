import os
import signal

from confluent_kafka import Consumer, Producer

running = True


def stop(*_):
    global running
    running = False


signal.signal(signal.SIGTERM, stop)
settings = {
    "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
    "security.protocol": os.environ["KAFKA_SECURITY_PROTOCOL"],
    "sasl.mechanism": os.environ["KAFKA_SASL_MECHANISM"],
    "sasl.username": os.environ["KAFKA_SASL_USERNAME"],
    "sasl.password": os.environ["KAFKA_SASL_PASSWORD"],
}
consumer = Consumer(
    settings | {"group.id": os.environ["GROUP_ID"], "auto.offset.reset": "earliest"}
)
producer = Producer(settings)
consumer.subscribe([os.environ["IN_TOPIC"]])
print("echo begins")
while running:
    message = consumer.poll(0.1)
    if message is None or message.error():
        continue
    producer.produce(os.environ["OUT_TOPIC"], "TODO")
    producer.flush()
consumer.close()
