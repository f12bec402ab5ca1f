"""One submission, in a process of its own: ``python -m kafka_lab.batch.one``.

Reads an order (a JSON line) from standard input, prints the verdict as JSON. When standard input
ends before that, whoever gave the order is gone: it clears up everything and exits.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

_PATIENCE = 60.0
"""Seconds for the clearing up when the one who gave the order is gone."""


def grade(order: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The verdict of one order; ``folder`` is a scratch folder.

    Raises:
        LabError: when this installation is not the one that the order was made for.
    """
    from kafka_lab import wiring
    from kafka_lab.batch.order import exercise_digest, grader_digest, lay_out
    from kafka_lab.batch.sandboxing import options
    from kafka_lab.grading.attempt import check
    from kafka_lab.runtime.errors import LabError

    exercise = wiring.catalog().get(order["exercise"])
    grader = folder / "grader"
    if order["grader"] is None:
        grader = exercise.grader()
    else:
        lay_out(order["grader"], grader)
    here = (exercise_digest(exercise), grader_digest(grader))
    if here != (order["exercise_digest"], order["grader_digest"]):
        raise LabError(
            f"this worker has another version of {exercise.slug} than who gave the order",
            "install the same kafka-lab, and the same packages with exercises, on all machines",
        )
    source = folder / "submission"
    lay_out(order["files"], source)
    request = wiring.request_for(
        exercise, order["language"], source, backend=order["backend"], seed=order["seed"]
    )
    confined = options(order["sandbox"], order["language"])
    return check(replace(request, grader=grader, **confined)).to_json()


def _watch(done: threading.Event) -> None:
    while sys.stdin.buffer.read(1 << 16):
        pass
    if done.is_set():
        return
    os.kill(os.getpid(), signal.SIGTERM)
    done.wait(_PATIENCE)
    os._exit(70)


def main() -> None:
    from kafka_lab.runtime.errors import LabError
    from kafka_lab.runtime.interrupts import ENDING, held
    from kafka_lab.runtime.leases import Leases

    for number in ENDING:  # whichever comes, the attempt clears up
        signal.signal(number, signal.default_int_handler)
    done = threading.Event()
    try:
        leases = Leases.open()
        try:
            order = json.loads(sys.stdin.buffer.readline())
            threading.Thread(target=_watch, args=(done,), daemon=True).start()
            with held():
                folder = Path(tempfile.mkdtemp(prefix="kafka-lab-grade-"))
                leases.tree(folder)
            said: dict[str, Any] = {"verdict": grade(order, folder)}
        except LabError as e:
            said = {"broken": f"{e.what} {e.fix}".strip()}
        finally:
            with held():
                leases.clear()
        print(json.dumps(said), flush=True)
        code = 0
    except KeyboardInterrupt:
        code = 130
    done.set()
    os._exit(code)  # the watching thread may still sit in its read


if __name__ == "__main__":
    main()
