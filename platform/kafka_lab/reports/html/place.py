"""Where the report lies in an attempt's folder; apart, to be known without a template engine."""

from __future__ import annotations

REPORT = "report.html"
