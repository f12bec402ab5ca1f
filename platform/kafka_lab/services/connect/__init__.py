"""Kafka Connect: workers, their plugins, and a client of their REST interface."""
