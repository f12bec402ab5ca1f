"""What the official image is told: which image, and a broker's properties as its variables.

The image's own set-up (``kafka.docker.KafkaDockerWrapper``) turns every ``KAFKA_…`` variable
back into a property; a few names mean the JVM instead (docker/examples/README.md of Kafka).
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from kafka_lab.clusters.embedded.java import COMMON_FLAGS
from kafka_lab.clusters.logging_flags import LOGGING
from kafka_lab.runtime.errors import LabError, UsageError

DEFAULT_IMAGE = "apache/kafka:{version}"
DATA_PATH = "/var/lib/kafka/data"
"""A volume of the image, its own for each container: it outlives a stop, and goes with it."""

# Names that the set-up keeps for itself (its constant ExcludeServerPropsEnv).
_RESERVED = {
    "KAFKA_VERSION",
    "KAFKA_HEAP_OPTS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_OPTS",
    "KAFKA_JMX_OPTS",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_LOG4J_ROOT_LOGLEVEL",
    "KAFKA_LOG4J_LOGGERS",
    "KAFKA_TOOLS_LOG4J_LOGLEVEL",
    "KAFKA_JMX_HOSTNAME",
}


def image_name(version: str) -> str:
    """The image of a Kafka version: ``KAFKA_LAB_KAFKA_IMAGE``, else the official one.

    Raises:
        UsageError: when the setting holds a placeholder other than ``{version}``.
    """
    chosen = os.environ.get("KAFKA_LAB_KAFKA_IMAGE") or DEFAULT_IMAGE
    try:
        return chosen.format(version=version)
    except (KeyError, IndexError, ValueError) as e:
        raise UsageError(
            f"KAFKA_LAB_KAFKA_IMAGE is {chosen!r}", "the only placeholder there is: {version}"
        ) from e


def variable(key: str) -> str:
    """The variable that stands for a property: dots, underscores and dashes are ``_ __ ___``.

    Raises:
        LabError: for a property that no variable stands for.
    """
    name = "KAFKA_" + key.replace("_", "__").replace("-", "___").replace(".", "_").upper()
    if name in _RESERVED or _property(name) != key:
        raise LabError(
            f"the property {key} cannot be given to a broker in a container",
            "leave it out, or set KAFKA_LAB_BACKEND=embedded",
        )
    return name


def _property(name: str) -> str:
    """What the image's set-up makes of a variable."""
    key = name.removeprefix("KAFKA_").lower().replace("_", ".")
    return key.replace("...", "-").replace("..", "_")


def environment(config: Mapping[str, str], cluster_id: str) -> dict[str, str]:
    """Everything that a broker's container is told.

    Raises:
        LabError: for a property that cannot be told.
    """
    heap = [flag for flag in COMMON_FLAGS if flag.startswith("-Xm")]
    # An empty value would make the set-up write a line without a value, which is what is meant;
    # backslashes and line breaks are escaped because the set-up writes values as they are.
    told = {
        variable(key): value.replace("\\", "\\\\").replace("\n", "\\n")
        for key, value in config.items()
    }
    return told | {
        "CLUSTER_ID": cluster_id,
        "KAFKA_HEAP_OPTS": " ".join(heap),
        "KAFKA_JVM_PERFORMANCE_OPTS": " ".join(f for f in COMMON_FLAGS if f not in heap),
        # Left empty, the start script asks a JVM of its own for its version to set up GC logs.
        "KAFKA_GC_LOG_OPTS": "-Xlog:disable -Xlog:all=error:stderr",
        # Left empty, each JVM starts a JMX agent.
        "KAFKA_JMX_OPTS": "-Djava.awt.headless=true",
        "KAFKA_LOG4J_OPTS": " ".join(LOGGING),
    }
