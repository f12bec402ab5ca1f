"""A broker as Kafka ships it: its own server.properties and JVM flags, jars side by side.

The measure that the lab's clusters are held against, in the same run, on the same machine.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from kafka_lab.clusters.embedded import image
from kafka_lab.clusters.embedded.java import java
from kafka_lab.clusters.nodeconfig import kafka_uuid
from kafka_lab.clusters.ports import free_ports
from kafka_lab.runtime import maven

# The values of Kafka's config/server.properties; everything else is Kafka's default.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{client}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs={data}
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
"""
# In short: what config/log4j2.yaml makes of Kafka's messages, on the standard output.
LOG4J = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d{ISO8601}] %p %m (%c)%n%throwable
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
"""
# bin/kafka-run-class.sh and bin/kafka-server-start.sh.
FLAGS = [
    "-Xmx1G",
    "-Xms1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
]


class Stock:
    """Formatted ahead (as a user does once); ``start`` only starts the broker."""

    def __init__(self, version: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="kafka-lab-stock-"))
        controller, client = free_ports(2)
        self.bootstrap = f"127.0.0.1:{client}"
        config = self._folder / "server.properties"
        config.write_text(
            PROPERTIES.format(controller=controller, client=client, data=self._folder / "data")
        )
        jars = ":".join(str(p) for p in maven.fetch(image.jars(version)))
        log = self._folder / "log4j2.properties"
        log.write_text(LOG4J)
        self._java = [str(java()), *FLAGS, f"-Dlog4j2.configurationFile={log}", "-cp", jars]
        subprocess.run(
            [*self._java, "kafka.tools.StorageTool", "format"]
            + ["-t", kafka_uuid(), "-c", str(config)],
            check=True,
            capture_output=True,
        )
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "broker.log").open("wb") as out:
            self._process = subprocess.Popen(
                [*self._java, "kafka.Kafka", str(self._config)],
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
