#!/bin/sh
# Run a Java class with Kafka's jar, with the options that Kafka's own script of this name takes.
home=/opt/kafka
# One merged jar first: the start-up caches were made with it there. The rest in a fixed order.
jars="$home/libs/kafka.jar"
for jar in "$home"/libs/*.jar; do
  [ "$jar" = "$home/libs/kafka.jar" ] || jars="$jars:$jar"
done
log="${KAFKA_LOG4J_OPTS:--Dlog4j2.configurationFile=$home/config/tools-log4j2.yaml}"
# Options are lists of words on purpose.
# shellcheck disable=SC2086
exec "${JAVA_HOME:-/opt/java}/bin/java" ${KAFKA_HEAP_OPTS:--Xmx256M} \
  ${KAFKA_JVM_PERFORMANCE_OPTS-} ${KAFKA_GC_LOG_OPTS-} ${KAFKA_JMX_OPTS-} \
  -Dkafka.logs.dir="$home/logs" $log -cp "$jars" ${KAFKA_OPTS-} "$@"
