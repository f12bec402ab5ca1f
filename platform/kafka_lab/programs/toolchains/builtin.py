"""The toolchains that come with kafka-lab, registered the way an outside plugin's are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafka_lab.api import API_VERSION, hookimpl

KAFKA_LAB_API = API_VERSION


def _python() -> Any:
    from kafka_lab.programs.toolchains.python import PythonToolchain

    return PythonToolchain()


def _java() -> Any:
    from kafka_lab.programs.toolchains.java import JavaToolchain

    return JavaToolchain()


def _go() -> Any:
    from kafka_lab.programs.toolchains.golang import GoToolchain

    return GoToolchain()


def _config() -> Any:
    from kafka_lab.programs.toolchains.config import ConfigToolchain

    return ConfigToolchain()


@hookimpl
def kafka_lab_toolchains() -> Mapping[str, Any]:
    """Language → loader; a toolchain's module is imported when it is used."""
    return {"python": _python, "java": _java, "go": _go, "config": _config}
