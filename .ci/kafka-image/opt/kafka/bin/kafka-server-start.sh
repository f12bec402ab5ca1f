#!/bin/sh
# Run a broker with this server.properties.
export KAFKA_LOG4J_OPTS="${KAFKA_LOG4J_OPTS:--Dlog4j2.configurationFile=/opt/kafka/config/log4j2.yaml}"
export KAFKA_HEAP_OPTS="${KAFKA_HEAP_OPTS:--Xms1G -Xmx1G}"
exec /opt/kafka/bin/kafka-run-class.sh kafka.Kafka "$@"
