"""What travels with an order through the retry topics and into the dead letter queue.

Key, value and timestamp of a record are never touched. What we have to remember is in headers:
``retry-…`` on the way, ``dlq-…`` at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

from confluent_kafka import Message

OURS = ("retry-", "dlq-")
Headers = list[tuple[str, bytes | None]]


@dataclass
class Journey:
    """Where an order came from, and how often it was tried."""

    topic: str
    partition: int
    offset: int
    attempts: int = 0
    due: int = 0
    """Not to be tried before this moment, in milliseconds since the epoch."""

    @property
    def origin(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    def retry_headers(self, due: int) -> Headers:
        return _headers(
            "retry-",
            topic=self.topic,
            partition=self.partition,
            offset=self.offset,
            attempts=self.attempts,
            due=due,
        )

    def dead_headers(self, error: str) -> Headers:
        return _headers(
            "dlq-",
            topic=self.topic,
            partition=self.partition,
            offset=self.offset,
            error=error,
            attempts=self.attempts,
        )


def _headers(prefix: str, **values: object) -> Headers:
    return [(prefix + name, str(value).encode()) for name, value in values.items()]


def header(message: Message, name: str) -> str:
    """The last header of this name, as text; empty if there is none."""
    values = [value for key, value in message.headers() or [] if key == name and value]
    return values[-1].decode() if values else ""


def own_headers(message: Message) -> Headers:
    """The headers that the order itself had: without ours, nothing else left out."""
    return [(k, v) for k, v in message.headers() or [] if not k.startswith(OURS)]


def journey(message: Message) -> Journey:
    """Of a record of the orders topic, of a retry topic, or of a dead letter."""
    for prefix in OURS:
        if topic := header(message, f"{prefix}topic"):
            return Journey(
                topic,
                int(header(message, f"{prefix}partition")),
                int(header(message, f"{prefix}offset")),
                int(header(message, f"{prefix}attempts")),
                int(header(message, "retry-due") or 0),
            )
    # It has not been anywhere yet: this is where it came from.
    return Journey(message.topic(), message.partition(), message.offset())
