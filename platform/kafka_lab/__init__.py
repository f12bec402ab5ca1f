"""kafka-lab: learn Apache Kafka by doing, graded on a real cluster under faults."""

__version__ = "0.1.0"
