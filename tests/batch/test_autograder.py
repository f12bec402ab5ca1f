"""Gradescope's recipe: the real ``run_autograder``, in a folder that stands for its container.

The script runs as root in a mount namespace of its own, in which another user can reach Python; the
student's program and its build run as ``nobody``.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import kafka_lab
from kafka_lab import wiring
from kafka_lab.batch.course import Course, load_course
from kafka_lab.batch.gradescope import make
from kafka_lab.programs import own_user
from kafka_lab.runtime.errors import UsageError
from kafka_lab.runtime.paths import cache_dir

from .test_outputs import errors

PLUGIN = Path(__file__).parents[1] / "cli" / "plugin"
PLATFORM = Path(kafka_lab.__file__).parents[1]
ECHO = 'title = "T"\nsecret_seed = "seed-of-the-autograder"\n[[exercises]]\nslug = "echo"\n'
USER = "nobody"

# Whoever makes the container makes its places readable. Here, Python may lie in root's home.
NAMESPACE = """\
set -e
stage=$1; shut=$2; shift 2
mount -t tmpfs none "$stage"
n=0
for place in "$@"; do n=$((n + 1)); mkdir "$stage/$n"; mount --bind "$place" "$stage/$n"; done
mount -t tmpfs -o mode=755 none "$shut"
n=0
for place in "$@"; do n=$((n + 1)); mkdir -p "$place"; mount --bind "$stage/$n" "$place"; done
exec "$AUTOGRADER_ROOT/run_autograder"
"""

SPY = """\
import os, pathlib, sys

def tried(what, action):
    try:
        action()
    except OSError as e:
        print("SPY", what, type(e).__name__, flush=True)
    else:
        print("SPY", what, "DONE", flush=True)

root, home = pathlib.Path("ROOT"), pathlib.Path("HOME")
print("SPY user", os.getuid(), flush=True)
tried("course", (root / "source" / "kafka_lab.toml").read_text)
tried("result", lambda: (root / "results" / "results.json").write_text("{}"))
tried("attempts", lambda: os.listdir(home / "attempts"))
tried("events", (pathlib.Path.cwd().parent / "events.jsonl").read_text)
tried("attempt", lambda: os.listdir(pathlib.Path.cwd().parent))
tried("kill", lambda: os.kill(os.getppid(), 9))
tried("environment", pathlib.Path(f"/proc/{os.getppid()}/environ").read_bytes)
"""


def lacks() -> str:
    """Why this cannot be tried here."""
    if os.geteuid() != 0:
        return "only root can run programs under another user"
    for tool in ("unshare", "setpriv", "prlimit"):
        if shutil.which(tool) is None:
            return f"there is no {tool}: install util-linux"
    done = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    return "" if done.returncode == 0 else f"no mount namespaces: {done.stderr.decode()}"


@pytest.fixture
def container(course: Course) -> Iterator[Path]:
    """ROOT as Gradescope lays it out, with the recipe for ``echo`` in it."""
    reason = lacks()
    if reason and os.environ.get("KAFKA_LAB_REQUIRE_DOCKER") == "1":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="kafka-lab-container-"))
    folder.chmod(0o755)
    (folder / "course.toml").write_text(ECHO)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(PLUGIN)
        for cached in (wiring.plugins, wiring.catalog):
            cached.cache_clear()
        echo = load_course(folder / "course.toml", wiring.catalog())
    for cached in (wiring.plugins, wiring.catalog):
        cached.cache_clear()
    root = folder / "autograder"
    make(echo, "echo", root / "source")
    shutil.copy(root / "source" / "run_autograder", root)
    (root / "results").mkdir(mode=0o700)
    (root / "submission").mkdir()
    (folder / "stage").mkdir()
    yield root
    shutil.rmtree(folder)


def autograde(root: Path, scratch: Path) -> subprocess.CompletedProcess[str]:
    """What Gradescope's harness does."""
    home = root.parent / "home"
    places = {Path(sys.base_prefix), cache_dir(), Path(sys.prefix).resolve(), PLATFORM.parent}
    closed = sorted(
        {
            parent
            for place in places
            for parent in place.parents
            if not parent.stat().st_mode & 0o001
        }
    )
    env = os.environ | {
        "AUTOGRADER_ROOT": str(root),
        "AUTOGRADER_HOME": str(home),
        "AUTOGRADER_PYTHON": sys.executable,
        "AUTOGRADER_USER": USER,
        "KAFKA_LAB_CACHE": str(cache_dir()),
        "KAFKA_LAB_SCRATCH": str(scratch),
        "PYTHONPATH": f"{PLATFORM}{os.pathsep}{PLUGIN}",
    }
    command = [str(root / "run_autograder")]
    if closed:
        inside = [str(p) for p in places if p.is_relative_to(closed[0])]
        command = ["unshare", "--mount", "sh", "-c", NAMESPACE, "sh"]
        command += [str(root.parent / "stage"), str(closed[0]), *inside]
    return subprocess.run(
        command, env=env, cwd=root, capture_output=True, text=True, timeout=300, check=False
    )


def result(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "results" / "results.json").read_text())
    assert errors("gradescope", found) == []
    return found


def test_run_autograder_grades_a_submission_of_another_user(
    container: Path, tmp_path: Path
) -> None:
    solution = (PLUGIN / "echo" / "solution" / "python" / "echo.py").read_text()
    spy = SPY.replace("ROOT", str(container)).replace("HOME", str(container.parent / "home"))
    (container / "submission" / "echo.py").write_text(spy + solution)
    shutil.copy(PLUGIN / "echo/solution/python/requirements.txt", container / "submission")
    done = autograde(container, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (result(container)["score"], len(result(container)["tests"])) == (10, 2)
    (attempt,) = (container.parent / "home" / "attempts").iterdir()
    (output,) = (p for p in attempt.rglob("*.log") if "SPY user" in p.read_text())
    said = dict(line.split()[1:3] for line in output.read_text().splitlines() if "SPY" in line)
    assert said.pop("user") == str(pwd.getpwnam(USER).pw_uid)
    assert said == dict.fromkeys(
        ("course", "result", "attempts", "events", "attempt", "kill", "environment"),
        "PermissionError",
    )
    # Its libraries were installed by that user, too: build scripts are code.
    builds = container.parent / "home" / f"build-cache-{USER}" / "builds"
    assert builds.stat().st_uid == pwd.getpwnam(USER).pw_uid
    assert not list((container.parent / "home" / "running").iterdir())
    assert not [p for p in psutil.process_iter() if str(container.parent) in " ".join(_words(p))]

    # The next submission is refused, and gets a result of its own.
    (container / "submission" / "more.py").symlink_to("/etc/shadow")
    refused = autograde(container, tmp_path)
    assert refused.returncode == 0, refused.stdout + refused.stderr
    assert result(container)["score"] == 0
    assert "symbolic link" in result(container)["tests"][0]["output"]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_when_the_lab_breaks_there_is_no_result(container: Path, tmp_path: Path) -> None:
    grader = container / "source" / "graders" / "echo"
    grader.mkdir(parents=True)
    (grader / "test_x.py").write_text("raise RuntimeError('the grader is broken')\n")
    course = container / "source" / "kafka_lab.toml"
    course.write_text(course.read_text().replace("[[", 'graders = "graders"\n[[', 1))
    (container / "results" / "results.json").write_text("{}")  # of an earlier run
    (container / "submission" / "echo.py").write_text("print('hello')\n")
    done = autograde(container, tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "no score" in done.stderr
    assert not (container / "results" / "results.json").exists()


def test_the_recipe_is_complete_and_keeps_the_course(course: Course, tmp_path: Path) -> None:
    folder = tmp_path / "recipe"
    make(course, "transactions", folder)
    names = {p.name for p in folder.iterdir()}
    assert names == {"Dockerfile", "README.md", "kafka_lab.toml", "run_autograder", "setup.sh"}
    for script in ("run_autograder", "setup.sh"):
        assert os.access(folder / script, os.X_OK)
        subprocess.run(["bash", "-n", str(folder / script)], check=True)
    text = "".join(p.read_text() for p in folder.iterdir())
    for placeholder in ("SLUG", "TITLE", "PACKAGES", "LANGUAGES"):
        assert placeholder not in text
    assert f"kafka-lab=={kafka_lab.__version__}" in text
    assert "golang-go" in text
    assert '"java python go".split()' in text or '"python java go".split()' in text
    own = load_course(folder, wiring.catalog())
    assert [e.slug for e in own.entries] == ["transactions"]
    assert own.seed("transactions") == course.seed("transactions")
    assert own.deadline("x", "transactions") is None
    with pytest.raises(UsageError, match="is not empty"):
        make(course, "transactions", folder)
    with pytest.raises(UsageError, match="not in this course"):
        make(course, "serializers", tmp_path / "other")


def test_nothing_of_the_student_is_run_or_read_as_root() -> None:
    """The environment is set by ``env``, behind ``setpriv``: LD_PRELOAD in it harms nobody."""
    command = own_user.command(USER, ["program"], {"LD_PRELOAD": "evil.so"})
    tools = [Path(word).name for word in command]
    assert tools.index("setpriv") < tools.index("env") < command.index("LD_PRELOAD=evil.so")
    assert "--no-new-privs" in command
