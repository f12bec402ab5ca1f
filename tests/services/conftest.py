"""Services that this machine may lack."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from kafka_lab.services.base import Service


@pytest.fixture(scope="session")
def needs() -> Callable[[type[Service]], None]:
    """Skip what needs a service that cannot be had here; on CI, which installs it, fail."""

    def see(service: type[Service]) -> None:
        missing = service.unavailable()
        if missing and os.environ.get("KAFKA_LAB_REQUIRE_DOCKER"):
            pytest.fail(missing)
        if missing:
            pytest.skip(missing)

    return see
