"""Compare a folder of schemas with a registry or a folder baseline, for CI.

    python schema_check.py --schemas schemas --baseline baseline --junit report.xml

The options are read, and a report is written. What is missing: everything in between.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import junit_report
from junit_report import Case

FINE, BREAKS, NO_VERDICT = 0, 1, 2


def main() -> int:
    options = read_options()
    cases = [judge(path, options) for path in sorted(options.schemas.glob("*.avsc"))]
    for case in cases:
        print(case)
    junit_report.write(options.junit, cases)
    if any(case.error for case in cases):
        return NO_VERDICT
    return BREAKS if any(case.direction for case in cases) else FINE


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schemas", type=Path, required=True)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--registry", help="URL of a schema registry")
    where.add_argument("--baseline", type=Path, help="a folder with earlier versions")
    parser.add_argument("--junit", type=Path, required=True)
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds for one answer")
    return parser.parse_args()


def judge(path: Path, options: argparse.Namespace) -> Case:
    """One proposed schema. TODO: a test case for each version that the level is about."""
    subject = path.name.removesuffix(".avsc")
    # TODO: the subject's level and earlier versions, from options.baseline or options.registry.
    # TODO: can the proposed schema read data of the earlier one (backward)? The other way round
    #       (forward)? Which of the two does the level ask for?
    return Case(subject, "none", error="not written yet: nothing was compared")


if __name__ == "__main__":
    sys.exit(main())
