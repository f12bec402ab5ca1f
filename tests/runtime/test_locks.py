from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from kafka_lab.runtime.locks import locked

ADD = """
import sys
from pathlib import Path
from kafka_lab.runtime.locks import locked
counter = Path(sys.argv[2])
for _ in range(150):
    with locked(Path(sys.argv[1])):
        seen = int(counter.read_text())
        counter.write_text(str(seen + 1))
"""
HOLD = """
import sys
from pathlib import Path
from kafka_lab.runtime.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_at_a_time_between_processes(tmp_path: Path) -> None:
    lock, counter = tmp_path / "deep" / "lock", tmp_path / "counter"
    counter.write_text("0")
    both = [
        subprocess.Popen([sys.executable, "-c", ADD, str(lock), str(counter)]) for _ in range(3)
    ]
    assert [p.wait(60) for p in both] == [0, 0, 0]
    assert counter.read_text() == "450"


def test_a_killed_holder_frees_it(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    holder.kill()
    holder.communicate()
    with locked(tmp_path / "lock"):
        pass
