"""A class of submissions: how many an hour, and what a killed worker costs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil
from stock_cluster import as_shipped

from kafka_lab import wiring
from kafka_lab.batch.course import load_course
from kafka_lab.batch.intake import take_in
from kafka_lab.grading.attempt import check
from kafka_lab.proof.jobs import read_mutants
from kafka_lab.proof.runner import apply_patch

COURSE = 'title = "Benchmark"\nsecret_seed = "benchmark-benchmark"\nbackend = "embedded"\n'


def lay_class(root: Path, slug: str, count: int) -> Path:
    """``count`` submissions in Python: solution, starter and mutants in turn, none the same."""
    exercise = wiring.catalog().get(slug)
    mutants = [m for m in read_mutants(exercise) if m.track == "python"]
    for number in range(count):
        folder = root / "submissions" / f"s{number:03}" / slug
        kind = number % 4
        source = exercise.starter("python") if kind == 3 else exercise.solution("python")
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
        if kind in (1, 2):
            wrong = apply_patch(mutants[(number // 4 * 2 + kind) % len(mutants)].patch, folder)
            assert not wrong, wrong
    course = root / "kafka_lab.toml"
    course.write_text(f'{COURSE}\n[[exercises]]\nslug = "{slug}"\nlanguages = ["python"]\n')
    return course


def begin(root: Path, out: str, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "kafka_lab", "grade", str(root / "submissions")]
    command += ["--course", str(root / "kafka_lab.toml"), "--out", str(root / out), "--no-sandbox"]
    return subprocess.Popen([*command, *more], stdout=subprocess.PIPE, env=os.environ)


def outcomes(root: Path, out: str) -> dict[str, tuple[str, int]]:
    found = {}
    for path in (root / out / "results").glob("*/*.json"):
        raw = json.loads(path.read_text())
        found[path.parent.name] = (raw["outcome"], raw["earned"])
    return found


def stock(root: Path, slug: str) -> dict[str, tuple[str, int]]:
    """Each submission on a cluster as Kafka ships it, one after another."""
    exercise = wiring.catalog().get(slug)
    course = load_course(root / "kafka_lab.toml", wiring.catalog())
    found = {}
    with as_shipped():
        for submission in take_in(root / "submissions", course).submissions:
            request = wiring.request_for(
                exercise,
                submission.language,
                root / "submissions" / submission.student / slug,
                backend="embedded",
                seed=course.seed(slug),
            )
            verdict = check(request)
            found[submission.student] = (verdict.outcome.value, verdict.earned)
    return found


def grade(runs: int, slug: str = "transactions") -> None:
    """``runs`` submissions: stock clusters, the lab's, the lab's on two workers."""
    with tempfile.TemporaryDirectory(prefix="kafka-lab-bench-") as scratch:
        root = Path(scratch)
        lay_class(root, slug, runs)
        warm = wiring.catalog().get(slug)
        check(wiring.request_for(warm, "python", warm.solution("python"), backend="embedded"))
        taken: dict[str, float] = {}
        seen: dict[str, dict[str, tuple[str, int]]] = {}
        began = time.monotonic()
        seen["stock config, one after another"] = stock(root, slug)
        taken["stock config, one after another"] = time.monotonic() - began
        for name, workers in (("grade, 1 worker", 1), ("grade, 2 workers", 2)):
            began = time.monotonic()
            process = begin(root, f"out-{workers}", "--workers", str(workers))
            process.communicate()
            taken[name] = time.monotonic() - began
            seen[name] = outcomes(root, f"out-{workers}")
        print(f"\ngrading {runs} submissions of {slug} (Python) on {os.cpu_count()} processors")
        base = taken["stock config, one after another"]
        for name, seconds in taken.items():
            counts = Counter(outcome for outcome, _ in seen[name].values())
            said = ", ".join(f"{n} {o}" for o, n in sorted(counts.items()))
            rate = 3600 * runs / seconds
            print(
                f"  {name:<34} {rate:6.0f} an hour  ({seconds:6.1f} s, {said})"
                f"  ×{base / seconds:.1f}"
            )
        same = seen["grade, 1 worker"] == seen["grade, 2 workers"]
        print(f"  1 and 2 workers give the same points: {'yes' if same else 'NO'}")
        _killed(root, runs)


def _killed(root: Path, runs: int) -> None:
    """Two workers in processes of their own, one killed in the middle."""
    process = begin(root, "out-killed", "--workers", "2")
    end = time.monotonic() + 3600
    while len(outcomes(root, "out-killed")) < runs // 2 and time.monotonic() < end:
        time.sleep(0.2)  # a condition, with a deadline
    workers = [
        p for p in psutil.Process(process.pid).children() if "kafka_lab.batch.worker" in p.cmdline()
    ]
    busy = [w for w in workers if w.children()]
    os.kill(busy[0].pid, signal.SIGKILL)
    out = process.communicate()[0].decode()
    lines = Counter(line.split(": ")[0].split("  ")[-1] for line in out.splitlines() if "/" in line)
    found = outcomes(root, "out-killed")
    doubled = [name for name, count in lines.items() if count > 1 and name.startswith("s")]
    print(f"  one of 2 workers killed (SIGKILL) after {runs // 2} of {runs}:")
    print(f"    {len(found)} results, {runs - len(found)} lost, {len(doubled)} doubled")
    same = found == outcomes(root, "out-2")
    print(f"    the same points as without the kill: {'yes' if same else 'NO'}")
    if "died (SIGKILL)" not in out:
        raise SystemExit("no worker was killed while it worked: nothing was shown")
