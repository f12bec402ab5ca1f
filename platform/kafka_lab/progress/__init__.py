"""Progress: every attempt, which hints were shown, which solutions were revealed."""

from kafka_lab.progress.store import Attempt, Store

__all__ = ["Attempt", "Store"]
