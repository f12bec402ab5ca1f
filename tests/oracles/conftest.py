"""Settings of the property tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# No time limits: a busy machine is no reason for a red test.
settings.register_profile("oracles", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("oracles")
