"""Attacks that need no cluster: on files, processes, the network, and the machine's resources."""

from __future__ import annotations

import hashlib
import os
import socket

import psutil
import pytest

from kafka_lab.runtime.paths import bundled, data_dir

from .scene import Run, Scene, Try, attack, pid_exists

ABSENT = "FileNotFoundError"
READ_ONLY = "Read-only file system"
UNSEEN = "^victims: 0$"
KILLED = "ended with -9"
NOWHERE = "Connection refused|Network is unreachable"

# -- files ----------------------------------------------------------------------------------------


def _hash_of(scene: Scene, path: object) -> Try:
    """Tells a file's hash: that of this very file, and not of another of the name."""
    with open(str(path), "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    code = f"import hashlib\nprint(hashlib.sha256(open({str(path)!r}, 'rb').read()).hexdigest())"
    return Try(code, lambda run: digest in run.output, ABSENT)


@attack("read a shipped grader", "mount namespace")
def reads_a_grader(scene: Scene) -> Try:
    return _hash_of(scene, bundled("graders") / "transactions" / "test_transactions.py")


@attack("read a reference solution", "mount namespace")
def reads_a_solution(scene: Scene) -> Try:
    return _hash_of(scene, next((bundled("solutions") / "transactions" / "python").glob("*.py")))


@attack("read another student's submission", "mount namespace")
def reads_another_submission(scene: Scene) -> Try:
    path = scene.file("submissions/bob/main.py")
    return Try(f"print(open({str(path)!r}).read())", scene.told, ABSENT)


@attack("walk from the own folder up and read whatever is there", "mount namespace")
def walks_up(scene: Scene) -> Try:
    scene.file("ada/attempt/grader.log")
    # From the program's own place, as far up as the scene reaches undefended.
    code = (
        "import os, pathlib\n"
        f"root = pathlib.Path({str(scene.folder)!r})\n"
        "for folder, _, files in os.walk(root):\n"
        "    for name in files:\n"
        "        try: print(open(os.path.join(folder, name)).read())\n"
        "        except (OSError, ValueError): pass\n"
        "print('there are', sorted(os.listdir(root.parent)))\n"
    )
    return Try(code, scene.told, r"^there are \['ada', 'home'\]$")


@attack("read keys from the home of who grades", "mount namespace")
def reads_the_home(scene: Scene) -> Try:
    path = data_dir() / f"key-{scene.secret[:8]}"
    path.write_text(scene.secret)
    scene.clean.append(lambda: path.unlink(missing_ok=True))
    return Try(f"print(open({str(path)!r}).read())", scene.told, ABSENT)


@attack("overwrite the verdict of the attempt", "mount namespace")
def overwrites_the_verdict(scene: Scene) -> Try:
    path = scene.file("attempt/verdict.json")
    code = f"open({str(path)!r}, 'w').write('forged')"
    return Try(code, lambda run: path.read_text() == "forged", ABSENT)


@attack("poison the cache of builds that all share", "mount namespace")
def poisons_the_cache(scene: Scene) -> Try:
    path = scene.file("cache/builds/java/0123/program.jar")
    code = (
        "import os\n"
        f"os.makedirs({str(path.parent)!r}, exist_ok=True)\n"
        f"open({str(path)!r}, 'w').write('poisoned')\n"
    )
    return Try(code, lambda run: path.read_text() == "poisoned", "PermissionError|Read-only")


@attack("patch the interpreter: a sitecustomize in the shared environment", "read-only mounts")
def patches_the_interpreter(scene: Scene) -> Try:
    folder = scene.environment()
    code = (
        "import sys, pathlib\n"
        "place = next(pathlib.Path(sys.prefix, 'lib').glob('python3*')) / 'site-packages'\n"
        "(place / 'sitecustomize.py').write_text('print(1)')\n"
    )

    def effect(run: Run) -> bool:
        return bool(list(folder.rglob("sitecustomize.py")))

    return Try(code, effect, READ_ONLY, python=str(folder / "bin" / "python"))


@attack("replace a module of the interpreter that runs the sandbox", "read-only mounts")
def replaces_a_module(scene: Scene) -> Try:
    folder = scene.environment()
    code = (
        "import os, sys\n"
        "link = os.path.join(sys.prefix, 'bin', 'python')\n"
        "os.rename(link, link + '.old'); open(link, 'w').write('#!/bin/sh\\n')\n"
    )
    link = folder / "bin" / "python"
    return Try(code, lambda run: not link.is_symlink(), READ_ONLY, python=str(link))


# -- processes ------------------------------------------------------------------------------------

_FIND = (
    "import ctypes, os, signal\n"
    "def found():\n"
    "    for name in filter(str.isdigit, os.listdir('/proc')):\n"
    "        try:\n"
    "            if MARK in open(f'/proc/{name}/cmdline').read(): yield int(name)\n"
    "        except OSError: pass\n"
    "victims = list(found())\n"
    "print('victims:', len(victims))\n"
)


def _find(scene: Scene) -> str:
    return _FIND.replace("MARK", repr(f"victim-{scene.secret[:8]}"))


@attack("read the environment of the grader's process", "PID namespace")
def reads_the_environment(scene: Scene) -> Try:
    scene.victim()
    code = _find(scene) + "for v in victims: print(open(f'/proc/{v}/environ').read())"
    return Try(code, scene.told, UNSEEN)


@attack("find the grader's process and kill it", "PID namespace")
def kills_the_grader(scene: Scene) -> Try:
    process = scene.victim()
    code = _find(scene) + "for v in victims: os.kill(v, signal.SIGKILL)"

    def effect(run: Run) -> bool:
        return process.poll() is not None

    return Try(code + "\nimport time; time.sleep(0.2)", effect, UNSEEN)


@attack("kill everything that one may", "PID namespace")
def kills_by_number(scene: Scene) -> Try:
    process = scene.victim()
    # Only the number that is ours: undefended, the others are somebody's.
    code = f"import os\nos.kill({process.pid}, 9)\nimport time; time.sleep(0.2)"
    return Try(code, lambda run: process.poll() is not None, "ProcessLookupError")


@attack("attach to the grader with ptrace", "PID namespace, seccomp")
def attaches(scene: Scene) -> Try:
    scene.victim()
    code = _find(scene) + (
        "for v in victims:\n"
        "    print('attached' if ctypes.CDLL(None).ptrace(16, v, 0, 0) == 0 else 'refused')\n"
        "    os.waitpid(v, 0x40000000); ctypes.CDLL(None).ptrace(17, v, 0, 0)\n"
    )
    return Try(code, lambda run: run.says("attached"), UNSEEN)


@attack("read the grader's memory", "PID namespace")
def reads_memory(scene: Scene) -> Try:
    scene.victim()
    code = _find(scene) + (
        "for v in victims:\n"
        "    with open(f'/proc/{v}/maps') as maps, open(f'/proc/{v}/mem', 'rb') as memory:\n"
        "        for line in maps:\n"
        "            if '[heap]' in line or '[stack]' in line:\n"
        "                a, b = (int(x, 16) for x in line.split()[0].split('-'))\n"
        "                memory.seek(a); data = memory.read(b - a)\n"
        "                at = data.find(b'SECRET='); print(data[at:at + 60])\n"
    )
    return Try(code, scene.told, UNSEEN)


@attack("ptrace its own keeper, the sandbox's first process", "it is not dumpable; seccomp")
def attaches_to_its_parent(scene: Scene) -> Try:
    # In the throwaway container, process 1 is what tries the attacks: it stands for a harness.
    code = "import os\nprint('opened', os.open('/proc/1/mem', os.O_RDWR) > 0)\n"
    return Try(code, lambda run: run.says("opened True"), "PermissionError")


@attack("leave a daemon that outlives the run", "PID namespace, swept at each exit")
def leaves_a_daemon(scene: Scene) -> Try:
    mark = f"daemon-{scene.secret[:8]}"
    code = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', "
        f"{mark!r}], start_new_session=True)\n"
    )

    def daemons() -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter(["cmdline"]):
            if mark in (process.info["cmdline"] or ()):
                found.append(process)
        return found

    def effect(run: Run) -> bool:
        left = [p for p in daemons() if pid_exists(p.pid)]
        for process in left:
            process.kill()
        return bool(left)

    return Try(code, effect, "ended with 0")


@attack("make a user namespace and be root in it", "seccomp")
def makes_a_namespace(scene: Scene) -> Try:
    code = (
        "import ctypes, os\n"
        "if os.fork() == 0:\n"
        "    print('made' if ctypes.CDLL(None).unshare(0x10000000) == 0 else 'refused')\n"
        "    os._exit(0)\n"
        "os.wait()\n"
    )
    return Try(code, lambda run: run.says("made"), "^refused$")


# -- network --------------------------------------------------------------------------------------


def _dial(family: int, address: object) -> str:
    return (
        "import socket\n"
        f"s = socket.socket({int(family)}); s.settimeout(5); s.connect({address!r})\n"
        "print(s.recv(99).decode())\n"
    )


@attack("reach a server on this machine's loopback interface", "network namespace")
def reaches_loopback(scene: Scene) -> Try:
    server = scene.listener(socket.AF_INET, ("127.0.0.1", 0))
    return Try(_dial(socket.AF_INET, server.getsockname()), scene.told, NOWHERE)


@attack("reach another address", "network namespace")
def reaches_another_address(scene: Scene) -> Try:
    found = [
        a.address
        for name, addresses in psutil.net_if_addrs().items()
        for a in addresses
        if a.family == socket.AF_INET and name != "lo"
    ]
    if not found:
        pytest.skip("this machine has no other address")
    server = scene.listener(socket.AF_INET, (found[0], 0))
    return Try(_dial(socket.AF_INET, server.getsockname()), scene.told, NOWHERE)


@attack("reach a server by an abstract Unix socket", "network namespace")
def reaches_an_abstract_socket(scene: Scene) -> Try:
    name = f"\0kafka-lab-{scene.secret[:8]}"
    scene.listener(socket.AF_UNIX, name)
    return Try(_dial(socket.AF_UNIX, name), scene.told, NOWHERE)


@attack("use the Docker socket", "mount namespace")
def uses_the_docker_socket(scene: Scene) -> Try:
    path = f"/tmp/docker-{scene.secret[:8]}.sock"
    scene.listener(socket.AF_UNIX, path)
    scene.clean.append(lambda: os.unlink(path))
    code = _dial(socket.AF_UNIX, path) + (
        "for real in ('/var/run/docker.sock', '/run/docker.sock'):\n"
        "    if __import__('os').path.exists(real): print('there is')\n"
    )
    return Try(code, lambda run: scene.told(run) or run.says("there is"), ABSENT)


@attack("leave a virtual machine by a socket of another family (AF_VSOCK)", "seccomp")
def opens_vsock(scene: Scene) -> Try:
    try:
        socket.socket(40, socket.SOCK_STREAM).close()
    except OSError:
        pytest.skip("this kernel has no AF_VSOCK")
    code = "import socket\nsocket.socket(40, socket.SOCK_STREAM); print('open')"
    return Try(code, lambda run: run.says("open"), "Address family not supported")


@attack("hold the port of a service", "the sandbox's first process holds it already")
def holds_a_port(scene: Scene) -> Try:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = (
        "import socket\n"
        "s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
        f"s.bind(('127.0.0.1', {port})); s.listen(); print('held')\n"
    )
    return Try(code, lambda run: run.says("held"), "Address already in use", ports=(port,))


# -- resources: each is bounded by itself, a little above the limit that it is given ---------------

MB = 1 << 20


@attack("fork bomb", "process limit")
def forks(scene: Scene) -> Try:
    code = (
        "import os, signal, time\n"
        "kids = []\n"
        "try:\n"
        "    for _ in range(120):\n"
        "        pid = os.fork()\n"
        "        if pid == 0:\n"
        "            signal.alarm(10); time.sleep(10); os._exit(0)\n"
        "        kids.append(pid)\n"
        "    print('all', len(kids))\n"
        "finally:\n"
        "    for kid in kids: os.kill(kid, 9)\n"
    )
    return Try(code, lambda run: run.says("all 120"), "BlockingIOError", {"processes": 60})


@attack("memory bomb, in one process", "memory limit")
def takes_memory(scene: Scene) -> Try:
    code = (
        "held = []\n"
        "for _ in range(40):\n"
        "    held.append(bytearray(b'x' * (8 << 20)))\n"
        "    __import__('time').sleep(0.02)\n"
        "print('held', len(held))\n"
    )
    return Try(code, lambda run: run.says("held 40"), KILLED, {"memory": 128 * MB})


@attack("memory bomb, spread over processes", "memory limit of all together")
def takes_memory_by_many(scene: Scene) -> Try:
    code = (
        "import os, signal, time\n"
        "kids = []\n"
        "for _ in range(8):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        signal.alarm(8); held = bytearray(b'x' * (40 << 20)); time.sleep(1); os._exit(7)\n"
        "    kids.append(pid)\n"
        "print('ended well', sum(os.WEXITSTATUS(os.waitpid(k, 0)[1]) == 7 for k in kids))\n"
    )
    return Try(
        code,
        lambda run: run.says("ended well 8"),
        f"ended well [0-7]|{KILLED}",
        {"memory": 128 * MB},
    )


@attack("hold memory that belongs to no process (memfd)", "seccomp")
def holds_hidden_memory(scene: Scene) -> Try:
    code = "import os\nfd = os.memfd_create('x'); os.truncate(fd, 64 << 20); print('hidden')"
    return Try(code, lambda run: run.says("hidden"), "Function not implemented")


@attack("fill the disk", "size of the writable folders")
def fills_the_disk(scene: Scene) -> Try:
    code = (
        "import os\n"
        "for folder in ('.', os.environ['HOME']):\n"
        "    for n in range(6):\n"
        "        with open(f'{folder}/{n}', 'wb') as f: f.write(bytes(4 << 20))\n"
        "    print('full')\n"
        "    for n in range(6): os.unlink(f'{folder}/{n}')\n"
    )
    return Try(code, lambda run: run.says("full"), "No space left on device", {"scratch": 16 * MB})


@attack("one huge file", "size of a file")
def makes_a_huge_file(scene: Scene) -> Try:
    code = "f = open('huge', 'wb'); f.truncate(1 << 30); print('size', f.seek(0, 2))"
    return Try(code, lambda run: run.says(f"size {1 << 30}"), "File too large")


@attack("millions of empty files", "number of entries")
def makes_many_files(scene: Scene) -> Try:
    code = (
        "import os, shutil, time\n"
        "os.mkdir('many')\n"
        "for n in range(3000): open(f'many/{n}', 'w').close()\n"
        "time.sleep(0.5); print('made', len(os.listdir('many'))); shutil.rmtree('many')\n"
    )
    return Try(code, lambda run: run.says("made 3000"), KILLED, {"entries": 1000})


@attack("burn the processor for ever", "processor time")
def burns(scene: Scene) -> Try:
    code = "import time\nwhile time.process_time() < 2.5: pass\nprint('burnt')"
    return Try(code, lambda run: run.says("burnt"), f"{KILLED}|ended with -24", {"cpu": 1})


@attack("open thousands of files", "open files")
def opens_many_files(scene: Scene) -> Try:
    code = (
        "import resource\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))\n"
        "held = [open('/dev/null') for _ in range(2000)]; print('open', len(held))\n"
    )
    return Try(code, lambda run: run.says("open 2000"), "Too many open files|ValueError")
