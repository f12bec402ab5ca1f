#!/bin/sh
# Format a data folder.
exec /opt/kafka/bin/kafka-run-class.sh kafka.tools.StorageTool "$@"
