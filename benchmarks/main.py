"""Side by side in one run: medians, and ratios to the stock broker of the same run."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import measures
from components import services
from grading import grade
from stock import Stock
from stress import stress

from kafka_lab import wiring
from kafka_lab.clusters.admin import Acl, Admin
from kafka_lab.clusters.registry import backends
from kafka_lab.clusters.spec import DEFAULT_VERSION, ClusterSpec
from kafka_lab.faults.relay import Relay, doors
from kafka_lab.grading.attempt import check
from kafka_lab.grading.sandbox_cluster import stand_up
from kafka_lab.programs.contract import kafka_variables
from kafka_lab.runtime.leases import Leases


def _lab(name: str, spec: ClusterSpec) -> Callable[[], float]:
    backend = backends()[name]
    backend.prepare(spec.version)

    def once() -> float:
        leases = Leases.open()
        try:
            began = time.monotonic()
            cluster = backend.start(spec, (), leases)
            return measures.first_group_record(cluster.harness_client_config(), began)
        finally:
            leases.clear()

    return once


def _stock() -> float:
    broker = Stock(DEFAULT_VERSION)
    try:
        began = time.monotonic()
        broker.start()
        return measures.first_group_record({"bootstrap.servers": broker.bootstrap}, began)
    finally:
        broker.close()


def starts(runs: int) -> None:
    """Start to first group record, interleaved."""
    kinds: dict[str, Callable[[], float]] = {
        "stock config, plain": _stock,
        "embedded, plain": _lab("embedded", ClusterSpec(secured=False)),
        "embedded, SASL + authorizer": _lab("embedded", ClusterSpec()),
        "embedded, 3 brokers": _lab("embedded", ClusterSpec(brokers=3)),
    }
    found = backends().get("testcontainers")
    if found is not None and not found.unavailable():
        kinds["testcontainers, SASL + authorizer"] = _lab("testcontainers", ClusterSpec())
    seen: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(runs):
        for kind, once in kinds.items():
            seen[kind].append(once())
    base = statistics.median(seen["stock config, plain"])
    print(f"\nstart to first group record, medians of {runs} (s), ratio to stock")
    for kind, times in seen.items():
        middle = statistics.median(times)
        print(
            f"  {kind:<36} {middle:6.2f}  (min {min(times):.2f}, max {max(times):.2f})"
            f"  1/{base / middle:.1f}"
        )


def relay(runs: int) -> None:
    """Through the relay against direct, in turn, on one cluster."""
    standing = stand_up(backends()["embedded"], ClusterSpec(), lambda text: None)
    cluster = standing.cluster
    with Admin(cluster) as admin:
        admin.create_topics({"bench": 4})
        admin.allow([Acl("program-0", "TOPIC", "bench", "WRITE")])
    through = Relay(standing.sockets, doors(cluster)).start()
    variables = kafka_variables(cluster, "program-0")
    ways = {
        "direct": cluster.harness_client_config(),
        "by relay": {
            "bootstrap.servers": variables["KAFKA_BOOTSTRAP_SERVERS"],
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": variables["KAFKA_SASL_USERNAME"],
            "sasl.password": variables["KAFKA_SASL_PASSWORD"],
        },
    }
    try:
        rates: dict[str, list[float]] = {w: [] for w in ways}
        trips: dict[str, list[float]] = {w: [] for w in ways}
        for _ in range(runs):
            for way, config in ways.items():
                rates[way].append(measures.throughput(config, "bench"))
                trips[way].append(measures.round_trip(config, "bench"))
    finally:
        through.stop()
        standing.close()
    print(f"\nrelay, medians of {runs}")
    for way in ways:
        print(
            f"  {way:<10} {statistics.median(rates[way]):7.1f} MB/s"
            f"  {statistics.median(trips[way]):6.2f} ms a record"
        )
    rate = statistics.median(rates["by relay"]) / statistics.median(rates["direct"])
    trip = statistics.median(trips["by relay"]) - statistics.median(trips["direct"])
    print(f"  relay/direct throughput {rate:.2f}, added latency {trip:.2f} ms")


def checks(runs: int) -> None:
    """Whole ``check --solution`` with all faults, warm."""
    exercise = wiring.catalog().get("transactions")
    print(f"\nwhole check of the solution of {exercise.slug}, warm, medians of {runs} (s)")
    for language in exercise.languages:
        if wiring.toolchain(language).missing():
            print(f"  {language:<8} not on this machine")
            continue
        times, waits = [], []
        for number in range(runs + 1):
            request = wiring.request_for(
                exercise, language, exercise.solution(language), backend="embedded"
            )
            verdict = check(request)
            if verdict.outcome != "passed":
                raise SystemExit(f"{language}: {verdict.outcome} {verdict.error}")
            if number:  # the first one warms the build cache
                times.append(verdict.seconds)
                waits.append(sum(c.seconds for c in verdict.checks))
        whole, waited = statistics.median(times), statistics.median(waits)
        print(f"  {language:<8} {whole:6.1f}  (outside the checks: {whole - waited:.1f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--clusters", type=int, default=200, help="of the part stress")
    parser.add_argument("--submissions", type=int, default=12, help="of the part grade")
    parser.add_argument(
        "--part",
        choices=["starts", "relay", "checks", "services", "grade", "stress"],
        action="append",
    )
    options = parser.parse_args()
    if options.part == ["stress"]:  # only when asked for: it takes half an hour
        raise SystemExit(not stress(options.clusters, options.clusters // 8))
    parts = {"starts": starts, "relay": relay, "services": services, "checks": checks}
    for name, part in parts.items():
        if not options.part or name in options.part:
            part(options.runs if name != "checks" else min(options.runs, 3))
    if not options.part or "grade" in options.part:
        grade(options.submissions)


if __name__ == "__main__":
    main()
