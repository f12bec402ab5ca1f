"""How to reach the cluster, from the environment. You need not change this file."""

import os


def client_settings() -> dict[str, str]:
    """Settings that every client of this program needs, in librdkafka's keys."""
    settings = {
        "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        "security.protocol": os.environ.get("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT"),
        # Come back quickly after a broker was away; the default waits up to 10 s between tries.
        "reconnect.backoff.max.ms": "500",
    }
    for variable, key in {
        "KAFKA_SASL_MECHANISM": "sasl.mechanism",
        "KAFKA_SASL_USERNAME": "sasl.username",
        "KAFKA_SASL_PASSWORD": "sasl.password",
        "KAFKA_SSL_CA_LOCATION": "ssl.ca.location",
    }.items():
        if os.environ.get(variable):
            settings[key] = os.environ[variable]
    return settings
