"""Compare a folder of schemas with a registry or a folder baseline, for CI."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import junit_report
from avro_schema import CannotJudge, Node
from baselines import Baseline, Folder, Registry, Unreachable, read, resolved
from junit_report import Case
from resolution import Problem, problems

FINE, BREAKS, NO_VERDICT = 0, 1, 2
LEVELS = {
    "NONE": (),
    "BACKWARD": ("backward",),
    "FORWARD": ("forward",),
    "FULL": ("backward", "forward"),
}


def main() -> int:
    options = _options()
    try:
        candidates = _candidates(options.schemas)
        baseline: Baseline
        if options.baseline:
            baseline = Folder(options.baseline)
        else:
            baseline = Registry(options.registry, options.timeout)
    except CannotJudge as e:
        cases = [Case("schema-compatibility", "error", error=str(e))]
    else:
        cases = _judge_all(candidates, baseline)
    for case in cases:
        _say(case)
    junit_report.write(options.junit, cases)
    if any(case.error for case in cases):
        return NO_VERDICT
    return BREAKS if any(case.direction for case in cases) else FINE


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schemas", type=Path, required=True)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--registry")
    where.add_argument("--baseline", type=Path)
    parser.add_argument("--junit", type=Path, required=True)
    parser.add_argument("--timeout", type=float, default=10.0)
    return parser.parse_args()


def _candidates(folder: Path) -> dict[str, Path]:
    found = {p.name.removesuffix(".avsc"): p for p in sorted(folder.glob("*.avsc"))}
    if not found:
        raise CannotJudge(f"there are no schemas in {folder}")
    return found


def _judge_all(candidates: dict[str, Path], baseline: Baseline) -> list[Case]:
    cases: list[Case] = []
    gone = ""
    for subject, path in candidates.items():
        if gone:
            cases.append(Case(subject, "error", error=gone))
            continue
        try:
            cases += _judge(subject, path, baseline)
        except Unreachable as e:
            gone = str(e)  # and the others need not wait for it as well
            cases.append(Case(subject, "error", error=gone))
        except CannotJudge as e:
            cases.append(Case(subject, "error", error=str(e)))
    return cases


def _judge(subject: str, path: Path, baseline: Baseline) -> list[Case]:
    new = resolved(baseline, read(path))
    level = baseline.level(subject)
    plain = level.removesuffix("_TRANSITIVE")
    if plain not in LEVELS:
        raise CannotJudge(f"there is no level {level}")
    versions = baseline.versions(subject)
    if plain == level:
        versions = versions[-1:]
    directions = LEVELS[plain]
    if not versions or not directions:
        return [Case(subject, "none")]
    cases = []
    for version in versions:
        old = resolved(baseline, baseline.written(subject, version))
        cases.append(_compare(subject, version, new, old, directions))
    return cases


def _compare(subject: str, version: int, new: Node, old: Node, directions: tuple[str, ...]) -> Case:
    found: dict[str, list[Problem]] = {}
    if "backward" in directions and (broken := problems(reader=new, writer=old)):
        found["backward"] = broken
    if "forward" in directions and (broken := problems(reader=old, writer=new)):
        found["forward"] = broken
    name = f"version {version}"
    if not found:
        return Case(subject, name)
    direction = "full" if len(found) == 2 else next(iter(found))
    words = [
        f"{one.path or 'the whole schema'}: {one.text} ({way})"
        for way, broken in found.items()
        for one in broken
    ]
    return Case(subject, name, direction, "; ".join(words))


def _say(case: Case) -> None:
    if case.error:
        print(f"ERROR {case.subject}: {case.error}")
    elif case.direction:
        print(f"BREAKS {case.subject} {case.name} [{case.direction}] {case.message}")
    else:
        print(f"ok {case.subject} {case.name}")


if __name__ == "__main__":
    sys.exit(main())
