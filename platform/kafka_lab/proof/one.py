"""One run of a proof, in a process of its own: ``python -m kafka_lab.proof.one``.

Reads what to run as JSON from standard input, prints the verdict as JSON. A process of its own
so that runs side by side cannot take each other's children for orphans.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any


def run(raw: dict[str, Any]) -> dict[str, Any]:
    """The verdict of one run; ``raw`` has parts, language, source, backend, seed, neutral, only.

    ``parts`` are the folders of an ``ExerciseSource``: an author's need not be installed.
    """
    from kafka_lab import wiring
    from kafka_lab.api import ExerciseSource
    from kafka_lab.exercises.exercise import Exercise
    from kafka_lab.grading.attempt import check

    exercise = Exercise.load(ExerciseSource(*map(Path, raw["parts"])))
    request = wiring.request_for(
        exercise,
        raw["language"],
        Path(raw["source"]),
        backend=raw["backend"],
        seed=raw.get("seed"),
        neutral=bool(raw.get("neutral")),
        only=tuple(raw.get("only", ())),
        report=None,  # nobody looks at a hundred of them
    )
    return check(request).to_json()


def main() -> None:
    from kafka_lab.runtime.errors import LabError
    from kafka_lab.runtime.interrupts import ENDING

    for number in ENDING:  # whichever comes, the attempt clears up
        signal.signal(number, signal.default_int_handler)
    try:
        print(json.dumps(run(json.load(sys.stdin))))
    except KeyboardInterrupt:
        sys.exit(130)
    except LabError as e:
        print(json.dumps({"broken": f"{e.what} {e.fix}".strip()}))


if __name__ == "__main__":
    main()
