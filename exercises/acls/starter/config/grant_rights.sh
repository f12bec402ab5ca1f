#!/usr/bin/env bash
# Sets the rights of the company's users. It runs, and it is not right yet: see README.md.
#
# Kafka's own tools are on the PATH: kafka-acls.sh, kafka-topics.sh and others, and in your folder as
# kafka-tools/ once you have run `kafka-lab check`. `kafka-acls.sh --help` says what it can do.

acls() {
    kafka-acls.sh --bootstrap-server "$KAFKA_BOOTSTRAP_SERVERS" --command-config "$KAFKA_CONFIG" "$@"
}

# The shop can write its orders. Can it do anything else now? And who is still missing?
acls --add --allow-principal "User:$SHOP_USER" --producer --topic "$ORDERS_TOPIC" \
    --resource-pattern-type prefixed
