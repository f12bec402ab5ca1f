"""The learner's folder: made by ``start``, found by where one stands, reset and updated."""

from kafka_lab.workspace.changes import Fate, FileReport, reset, update
from kafka_lab.workspace.marker import MARKER, Workspace
from kafka_lab.workspace.starting import find, start

__all__ = ["MARKER", "Fate", "FileReport", "Workspace", "find", "reset", "start", "update"]
