from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

# Run apart: the test's own process must not adopt or reap anything of the other tests.
SCENE = """
import os, subprocess, sys, time
import psutil
from kafka_lab.runtime.reaper import adopt_orphans, descendants, reap_descendants
adopt_orphans()
nap = [sys.executable, "-c", "import time; time.sleep(600)"]
spared = subprocess.Popen(nap)
before = descendants()
assert before == {spared.pid}
# A daemon: its parent ends at once, and it leads a session of its own.
apart = "start_new_session=True, stdout=-3, stderr=-3"
code = "import subprocess; print(subprocess.Popen(%r, %s).pid)" % (nap, apart)
daemon = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
assert psutil.Process(daemon).ppid() == os.getpid()
assert daemon in descendants()
assert reap_descendants(before) == 1
assert not psutil.pid_exists(daemon)
assert spared.poll() is None
assert reap_descendants() == 1
assert reap_descendants() == 0
print("done")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
def test_orphans_are_adopted_and_ended() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCENE], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "done\n", done.stderr
    assert psutil.Process(os.getpid()).is_running()
