"""The first process inside a sandbox: it starts the program, and sees to its limits.

Runs isolated, by the standard library alone: nothing of kafka-lab can be imported here. It is
process 1 of its own PID namespace, so that when it ends the kernel ends everything in it; and it
ends when the harness's end of the control socket closes. Messages are JSON, one a packet.

    harness → inside   config: identity, limits, ports, folders to copy     (once)
                       start: argv, env, cwd, with the descriptor for output
                       go: the program may run now; reap: its process id may be used again
                       dial: a port on which the program may listen
    inside → harness   ports: listening sockets, as descriptors             (once)
                       self: from the program's own process, whose id the kernel tells
                       exit: how it ended; failed: it could not be run; limit: it was ended for it
                       dialled: a connection to the port, as a descriptor; or why there is none

Listening sockets are made here, in the sandbox's own network, and handed out: the harness accepts
the program's connections itself, and no byte waits in a process in between.
"""

from __future__ import annotations

import array
import base64
import contextlib
import ctypes
import json
import os
import resource
import select
import shutil
import signal
import socket
import stat
import sys
import time
from typing import Any

_DUMPABLE, _SECCOMP, _NO_NEW_PRIVILEGES = 4, 22, 38
_WATCH = 0.1
_DIAL = 0.25
"""Seconds for a connection within the sandbox: it is taken at once, or nobody takes it."""
_PAGE = resource.getpagesize()


def _prctl(option: int, value: int, more: Any = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), more, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


class Init:
    """Process 1."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.config: dict[str, Any] = json.loads(control.recv(1 << 18))
        self.limits: dict[str, int] = self.config["limits"]
        self.main = 0
        self.over = False
        self.go = -1
        self.end = time.monotonic() + self.limits["wall"]
        self.wake, wake = os.pipe()
        for fd in (self.wake, wake):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        # From inside, process 1 only gets the signals that it handles; Python handles this one.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self.copy()
        self.listen()

    def say(self, op: str, **fields: Any) -> None:
        with contextlib.suppress(OSError):  # the harness is gone: the next read tells
            self.control.send(json.dumps({"op": op, **fields}).encode())

    def copy(self) -> None:
        """Lay out the program's own copies; whoever it runs as may change them."""
        for source, place in self.config["copies"]:
            shutil.copytree(source, place, dirs_exist_ok=True, copy_function=shutil.copy)
            os.chmod(place, 0o777)
            for folder, folders, files in os.walk(place):
                for name in folders:
                    os.chmod(os.path.join(folder, name), 0o777)
                for name in files:
                    path = os.path.join(folder, name)
                    runs = os.stat(path).st_mode & stat.S_IXUSR
                    os.chmod(path, 0o777 if runs else 0o666)

    def listen(self) -> None:
        servers = []
        for port in self.config["ports"]:
            server = socket.socket()
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("127.0.0.1", port))
            server.listen(256)
            servers.append(server)
        fds = array.array("i", [s.fileno() for s in servers])
        said = json.dumps({"op": "ports", "ports": self.config["ports"]}).encode()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)] if servers else []
        self.control.sendmsg([said], rights)
        # Kept open here too: the ports are taken for as long as the sandbox is there.
        self.servers = servers

    def run(self) -> None:
        while True:
            busy = self.main and not self.over
            ends: list[Any] = [self.control, self.wake]
            ready, _, _ = select.select(ends, [], [], _WATCH if busy else 1)
            if self.wake in ready:
                with contextlib.suppress(BlockingIOError):
                    while os.read(self.wake, 512):
                        pass
            if self.control in ready and not self.receive():
                return
            self.reap()
            if self.main and not self.over:
                self.watch()
            if time.monotonic() > self.end:
                self.exceeded("wall")
                return

    def receive(self) -> bool:
        data, rights, _, _ = self.control.recvmsg(1 << 18, socket.CMSG_SPACE(4 * 8))
        if not data:
            return False
        fds = array.array("i")
        for level, kind, raw in rights:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(raw)
        message = json.loads(data)
        if message["op"] == "start":
            self.start(message, fds[0])
        elif message["op"] == "go":
            os.write(self.go, b"g")
            os.close(self.go)
        elif message["op"] == "reap" and self.over:
            os.waitpid(self.main, 0)
            self.main = 0
        elif message["op"] == "dial":
            self.dial(int(message["port"]))
        for fd in fds:
            os.close(fd)
        return True

    def dial(self, port: int) -> None:
        """Connect to a port of the program, and hand the connection out."""
        with socket.socket() as way:
            way.settimeout(_DIAL)
            try:
                way.connect(("127.0.0.1", port))
            except OSError as e:
                self.say("dialled", why=str(e))
                return
            way.settimeout(None)
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [way.fileno()]))]
            with contextlib.suppress(OSError):
                self.control.sendmsg([json.dumps({"op": "dialled"}).encode()], rights)

    # -- the program ----------------------------------------------------------------------

    def start(self, message: dict[str, Any], output: int) -> None:
        wait, self.go = os.pipe()
        self.over = False
        self.main = os.fork()
        if self.main == 0:
            try:
                self.become(message, output, wait)
            except BaseException as e:
                self.say("failed", why=f"{type(e).__name__}: {e}")
            os._exit(127)
        os.close(wait)

    def become(self, message: dict[str, Any], output: int, wait: int) -> None:
        """Turn into the program. Never returns."""
        signal.set_wakeup_fd(-1)
        os.setsid()
        self.say("self")
        if os.read(wait, 1) != b"g":
            os._exit(127)
        _prctl(_DUMPABLE, 1)  # else its own files in /proc are not its own
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as f:
            f.write("1000")  # the program, not its keeper, when memory runs out
        for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        nothing = os.open("/dev/null", os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        limits = self.limits
        identity = self.config["identity"]
        if identity:
            os.setgroups([])
            os.setresgid(identity, identity, identity)
            os.setresuid(identity, identity, identity)
        for what, limit in (
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_CPU, limits["cpu"]),
            (resource.RLIMIT_DATA, 2 * limits["memory"]),
            (resource.RLIMIT_FSIZE, limits["file"]),
            (resource.RLIMIT_NOFILE, limits["open_files"]),
            (resource.RLIMIT_NPROC, limits["processes"]),
            (resource.RLIMIT_MEMLOCK, 1 << 16),
            (resource.RLIMIT_SIGPENDING, 1024),
        ):
            hard = resource.getrlimit(what)[1]
            if hard != resource.RLIM_INFINITY:
                limit = min(limit, hard)
            resource.setrlimit(what, (limit, limit))
        os.umask(0o022)
        os.chdir(message["cwd"])
        os.closerange(3, 1 << 20)
        _prctl(_NO_NEW_PRIVILEGES, 1)
        if self.config["filter"]:
            _refuse_calls(base64.b64decode(self.config["filter"]))
        try:
            os.execve(message["argv"][0], message["argv"], message["env"])
        except OSError as e:
            os.write(2, f"{message['argv'][0]} cannot be run: {e.strerror}\n".encode())
            os._exit(126)

    def children(self) -> list[int]:
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as f:
                    if f.read().rpartition(b")")[2].split()[1] == b"1":
                        found.append(int(name))
        return found

    def reap(self) -> None:
        """Bury what has ended. The program itself stays a zombie until the harness has no more
        use for its process id: it may still want to signal its group."""
        if self.main and not self.over:
            flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
            ended = os.waitid(os.P_PID, self.main, flags)
            if ended is not None:
                self.over = True
                self.sweep()
                exited = ended.si_code == os.CLD_EXITED
                self.say("exit", code=ended.si_status if exited else -ended.si_status)
        for pid in self.children():
            if pid != self.main:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def sweep(self) -> None:
        """Kill everything here but this process."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(-1, signal.SIGKILL)

    def exceeded(self, what: str) -> None:
        self.say("limit", what=what)
        self.sweep()

    def watch(self) -> None:
        """Limits that the kernel does not hold for all processes together."""
        memory = 0
        for name in os.listdir("/proc"):
            if name.isdigit() and name != "1":
                with contextlib.suppress(OSError, ValueError), open(f"/proc/{name}/statm") as f:
                    memory += int(f.read().split()[1]) * _PAGE
        if memory > self.limits["memory"]:
            self.exceeded("memory")
        for place in self.config["scratch"]:
            space = os.statvfs(place)
            if space.f_files - space.f_ffree > self.limits["entries"]:
                self.exceeded("entries")


def _refuse_calls(code: bytes) -> None:
    class Filter(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    held = ctypes.create_string_buffer(code, len(code))
    whole = Filter(len(code) // 8, ctypes.cast(held, ctypes.c_void_p))
    _prctl(_SECCOMP, 2, ctypes.byref(whole))


def main() -> None:
    if os.getpid() != 1:
        # It kills "every process there is": only in a PID namespace of its own is that its own.
        raise SystemExit("only to be started as the first process of a sandbox")
    _prctl(_DUMPABLE, 0)  # nobody inside looks into it, or writes into its memory
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.connect(sys.argv[1])
    Init(control).run()


if __name__ == "__main__":
    main()
