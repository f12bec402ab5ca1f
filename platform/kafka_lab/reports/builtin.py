"""The report formats that come with kafka-lab, registered the way an outside plugin's are."""

from __future__ import annotations

from kafka_lab.api import API_VERSION, ReportFormat, hookimpl
from kafka_lab.reports import json_, junit

KAFKA_LAB_API = API_VERSION


@hookimpl
def kafka_lab_report_formats() -> dict[str, ReportFormat]:
    return {"json": json_.render, "junit": junit.render}
