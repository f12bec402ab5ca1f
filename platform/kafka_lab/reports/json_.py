"""The verdict as JSON, for other programs."""

from __future__ import annotations

import json

from kafka_lab.api import Verdict
from kafka_lab.reports.escape import plain


def render(verdict: Verdict) -> str:
    """One JSON object, ASCII only, ending in a line feed; ``schema`` states its version."""
    # ASCII: nothing that a learner's program wrote reaches a terminal as it is.
    return json.dumps(plain(verdict.to_json()), indent=2, allow_nan=False) + "\n"
