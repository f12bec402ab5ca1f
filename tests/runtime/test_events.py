from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from kafka_lab.runtime.events import EventLog, read_events

WRITER = """
import sys
from pathlib import Path
from kafka_lab.runtime.events import EventLog
log = EventLog(Path(sys.argv[1]), float(sys.argv[3]))
print("ready", flush=True)
sys.stdin.readline()
for i in range(2000):
    log.write("note", who=sys.argv[2], n=i, text="x" * (i % 300))
"""


def test_two_processes_append_without_mixing_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), who, str(log.origin)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for who in "ab"
    ]
    for w in writers:
        assert w.stdout is not None
        assert w.stdout.readline() == "ready\n"
    for w in writers:
        assert w.stdin is not None
        w.stdin.write("\n")
        w.stdin.flush()
    own = [
        threading.Thread(target=lambda: [log.write("note", who="t", n=i) for i in range(500)])
        for _ in range(2)
    ]
    for t in own:
        t.start()
    for t in own:
        t.join()
    for w in writers:
        w.communicate()
        assert w.returncode == 0
    events = read_events(path)
    assert Counter(e["who"] for e in events) == {"a": 2000, "b": 2000, "t": 1000}
    for who in "ab":
        mine = [e for e in events if e["who"] == who]
        assert [e["n"] for e in mine] == list(range(2000))
        assert all(len(e["text"]) == e["n"] % 300 for e in mine)
        assert [e["t"] for e in mine] == sorted(e["t"] for e in mine)
    assert all(0 <= e["t"] < 60 for e in events)  # one clock for all


def test_a_line_cut_short_by_a_crash_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log.write("first", n=1)
    log.write("second", text='ü\n"')
    log.close()
    whole = path.read_bytes()
    for cut in range(1, len(whole.splitlines()[1])):
        path.write_bytes(whole[: -cut - 1])
        assert [e["kind"] for e in read_events(path)] == ["first"]
    path.write_bytes(whole)
    assert [e["kind"] for e in read_events(path)] == ["first", "second"]


def test_values_that_json_has_not_are_written_as_text(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "e.jsonl")
    t = log.write("odd", path=Path("a/b"), raw=b"\xff")
    (event,) = read_events(tmp_path / "e.jsonl")
    assert event == {"t": t, "kind": "odd", "path": "a/b", "raw": "b'\\xff'"}
    log.close()
    log.close()  # twice is no harm
