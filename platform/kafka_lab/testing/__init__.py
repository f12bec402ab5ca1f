"""A pytest plugin for who writes exercises: a grader is tested with ``pytest`` alone.

Every pytest run in an environment with kafka-lab loads this module: it imports nothing that pytest
has not imported, and unless there is an exercise's manifest near it adds nothing. Graders
themselves never see it, they run in a child without plugins.
"""

from __future__ import annotations

from pathlib import Path

import pytest

_PLACES = ("exercise.toml", "*/exercise.toml", "src/*/*/exercise.toml")


def pytest_configure(config: pytest.Config) -> None:
    """Add the fixtures where the folder of the run holds an exercise."""
    root: Path = config.rootpath
    if not any(next(root.glob(place), None) for place in _PLACES):
        return
    from kafka_lab.testing.fixtures import ExercisePlugin

    config.pluginmanager.register(ExercisePlugin(root), "kafka-lab-exercise")
