from __future__ import annotations

import pytest

from kafka_lab.api import CheckResult, Finding, Outcome, Verdict


@pytest.fixture
def failed() -> Verdict:
    """An attempt with a check of every outcome but *error*."""
    lost = Finding(
        "lost",
        "transfer t-000017 (transfers-1@42, key 'alice') has no debit in any partition of debits "
        "after the crash before EndTxn. Look at where your service goes on after an abort.",
        {"expected": "1 debit for t-000017", "seen": 0},
    )
    twice = [
        Finding("duplicate", f"transfer t-00002{n} has two credits: credits-0@{n} and credits-1@3.")
        for n in range(7)
    ]
    return Verdict(
        exercise="transactions",
        language="python",
        outcome=Outcome.FAILED,
        checks=(
            CheckResult(
                "transfers_become_debit_and_credit",
                "Every valid transfer becomes one debit and one credit.",
                Outcome.PASSED,
                15,
                seconds=3.21,
            ),
            CheckResult(
                "survives_crashes",
                "Killed at the worst moments and started again, the service books\n"
                "    every transfer exactly once.",
                Outcome.FAILED,
                20,
                (lost, *twice),
                hint=2,
                seconds=12.04,
            ),
            CheckResult(
                "frees_readers_after_a_crash",
                "What a dead instance left open is ended by its successor.",
                Outcome.NOT_REACHED,
                5,
                needs=("survives_crashes",),
            ),
            CheckResult(
                "stops_on_sigterm",
                "On SIGTERM it exits with code 0.",
                Outcome.PASSED,
                5,
                seconds=0.02,
            ),
        ),
        seed=4711,
        backend="embedded",
        kafka_version="4.3.1",
        attempt="a1b2c3",
        started=1_767_323_045.25,
        seconds=23.37,
        notes=("evicted the dead member service-1 from group g",),
    )
