"""A running sandbox, seen from the harness: it hands out sockets, and starts the program."""

from __future__ import annotations

import array
import base64
import contextlib
import json
import os
import queue
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from kafka_lab.programs.sandbox import cgroups, seccomp
from kafka_lab.programs.sandbox.kinds import Kind
from kafka_lab.programs.sandbox.layout import RUN, View, mounts, refuse_wide
from kafka_lab.programs.sandbox.limits import Limits
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.leases import Lease, Leases

_STARTED = 30.0
"""Seconds that a sandbox has to come up, on a busy machine too."""
_PACKET = 1 << 18
_IDENTITIES = range(1_900_000_000, 2_000_000_000)
"""User ids that no system gives to anybody, for sandboxes that root starts."""


class Inmate:
    """One start of the program. What ``subprocess.Popen`` has that a ``Program`` needs.

    ``pid`` is the program's own as the machine knows it, and leads its process group: signals go
    to it directly. It is not used again before the next start.
    """

    def __init__(self, pid: int, stdout: IO[bytes]) -> None:
        self.pid = pid
        self.stdout = stdout
        self._code: int | None = None
        self._ended = threading.Event()

    def end(self, code: int) -> None:
        """It has ended so; the first word counts."""
        if self._code is None:
            self._code = code
            self._ended.set()

    def poll(self) -> int | None:
        """Exit code; a death by signal n is -n; ``None`` while it runs."""
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Raises ``subprocess.TimeoutExpired``."""
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired("the program", timeout or 0.0)
        assert self._code is not None
        return self._code


class Box:
    """A sandbox with everything that lives as long as it: its network, its scratch folders.

    ``exceeded`` is called with the name of a limit for which the program was ended.
    """

    def __init__(
        self,
        kind: Kind,
        view: View,
        limits: Limits,
        leases: Leases,
        ports: Sequence[int] = (),
        exceeded: Callable[[str], None] = lambda what: None,
    ) -> None:
        self.kind = kind
        self.limits = limits
        self._view = view
        self._leases = leases
        self._ports = list(ports)
        self._exceeded = exceeded
        self._control: socket.socket | None = None
        self._launcher: subprocess.Popen[bytes] | None = None
        self._inmate: Inmate | None = None
        self._heard: queue.Queue[tuple[dict[str, Any], int, list[int]]] = queue.Queue()
        self._dialled: queue.Queue[tuple[str, list[int]]] = queue.Queue()
        self._dialling = threading.Lock()
        self._group: cgroups.Group | None = None
        self._held: list[Lease] = []
        self._folder: Path | None = None
        self._name = ""
        self._gone = False

    def open(self) -> list[socket.socket]:
        """Start it. Returns sockets that listen inside, on 127.0.0.1 at the ports, in order.

        Raises:
            LabError: when it does not come up; nothing is left behind then.
        """
        refuse_wide(self._view)
        try:
            return self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> list[socket.socket]:
        folder = self._folder = Path(tempfile.mkdtemp(prefix="kafka-lab-box-"))
        self._held.append(self._leases.tree(folder))
        folder.chmod(0o755)  # what lies in it is shown inside, where another user looks
        identity = secrets.choice(_IDENTITIES) if os.geteuid() == 0 else 0
        for output in self._view.outputs:
            if identity:
                os.chown(output, identity, identity)
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)) as door:
            door.bind(str(folder / "control"))
            (folder / "control").chmod(0o600)
            door.listen(1)
            door.settimeout(0.1)
            self._launch(folder)
            self._control = self._accept(door)
        # Nobody inside connects any more: the socket's name leads nowhere now.
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        if self._peer()[1] != os.geteuid():
            raise LabError(
                f"the sandbox ({self.kind.name}) runs as another user: no fault could reach in",
                "let Docker run without userns-remap and not rootless, or use bubblewrap",
            )
        self._confine()
        copies = [[f"{RUN}/copy-{n}", place] for n, place in enumerate(self._view.copies)]
        config = {
            "identity": identity,
            "limits": self.limits.to_json(),
            "ports": self._ports,
            "copies": copies,
            "scratch": ["/tmp", *self._view.scratch, *self._view.copies],
            "filter": base64.b64encode(seccomp.program()).decode(),
        }
        self._control.send(json.dumps(config).encode())
        threading.Thread(target=self._listen, name="sandbox", daemon=True).start()
        _, _, fds = self._expect("ports")
        return [socket.socket(fileno=fd) for fd in fds]

    def _launch(self, folder: Path) -> None:
        laid = mounts(self._view, self.limits, folder)
        self._name = f"kafka-lab-box-{os.getpid()}-{secrets.token_hex(4)}"
        argv, held = self.kind.prepare(laid, self.limits, self._name, self._leases)
        self._held += held
        with (folder / "launcher.log").open("wb") as log:
            self._launcher = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,
            )
        self._held.append(self._leases.process(self._launcher.pid))

    def _accept(self, door: socket.socket) -> socket.socket:
        assert self._launcher is not None
        end = time.monotonic() + _STARTED
        while True:
            with contextlib.suppress(TimeoutError):
                control, _ = door.accept()
                control.settimeout(None)
                return control
            if self._launcher.poll() is not None or time.monotonic() > end:
                raise LabError(
                    f"the sandbox ({self.kind.name}) does not start: {self._words()}",
                    "kafka-lab doctor says what works here",
                )

    def _words(self) -> str:
        if self._folder is None:
            return ""
        with contextlib.suppress(OSError):
            return (self._folder / "launcher.log").read_text(errors="replace")[-1000:].strip()
        return ""

    def _confine(self) -> None:
        """Put the first process, and so all that come from it, into a control group."""
        if not self.kind.limits_memory:
            self._group = cgroups.create(self.limits)
            if self._group is not None:
                self._held += [self._leases.group(f) for f in self._group.folders]
                self._group.add(self._peer()[0])

    def _peer(self) -> tuple[int, int]:
        """Process id and user id of the sandbox's first process, as this machine knows them."""
        assert self._control is not None
        raw = self._control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        pid, user, _ = struct.unpack("3i", raw)
        return pid, user

    # -- messages -------------------------------------------------------------------------

    def _listen(self) -> None:
        control = self._control
        assert control is not None
        room = socket.CMSG_SPACE(12) + socket.CMSG_SPACE(4 * 64)
        while True:
            try:
                data, ancillary, _, _ = control.recvmsg(_PACKET, room)
            except OSError:
                data, ancillary = b"", []
            if not data:
                break
            sender, fds = 0, array.array("i")
            for level, kind, raw in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                    sender = struct.unpack("3i", raw[:12])[0]
                elif level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds.frombytes(raw[: len(raw) - len(raw) % 4])
            message = json.loads(data)
            if message["op"] == "exit":
                if self._inmate is not None:
                    self._inmate.end(int(message["code"]))
            elif message["op"] == "limit":
                self._exceeded(str(message["what"]))
            elif message["op"] == "dialled":
                self._dialled.put((str(message.get("why", "")), list(fds)))
            else:
                self._heard.put((message, sender, list(fds)))
        self._gone = True
        if self._inmate is not None:
            self._inmate.end(-signal.SIGKILL)  # all in it died with its first process
        self._heard.put(({"op": "gone"}, 0, []))
        self._dialled.put(("the sandbox is gone", []))

    def _expect(self, op: str) -> tuple[dict[str, Any], int, list[int]]:
        try:
            found = self._heard.get(timeout=_STARTED)
        except queue.Empty:
            found = ({"op": "silence"}, 0, [])
        if found[0]["op"] != op:
            raise LabError(
                f"the sandbox ({self.kind.name}) broke: {found[0].get('why') or found[0]['op']} "
                f"{self._words()}",
                "kafka-lab doctor says what works here",
            )
        return found

    def _say(self, fds: Sequence[int] = (), **message: Any) -> None:
        assert self._control is not None
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        try:
            self._control.sendmsg([json.dumps(message).encode()], rights)
        except OSError as e:
            raise LabError(
                f"the sandbox ({self.kind.name}) is gone: {self._words()}",
                "kafka-lab doctor says what works here",
            ) from e

    # -- the program ----------------------------------------------------------------------

    def spawn(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> Inmate:
        """Start the program; one at a time.

        Raises:
            LabError: when the sandbox is gone.
            RuntimeError: when the last one still runs.
        """
        if self._inmate is not None:
            if self._inmate.poll() is None:
                raise RuntimeError("a program is already running in this sandbox")
            self._say(op="reap")
        output, write_end = os.pipe()
        try:
            self._say([write_end], op="start", argv=list(argv), env=dict(env), cwd=str(cwd))
            _, pid, _ = self._expect("self")
        except BaseException:
            os.close(output)
            raise
        finally:
            os.close(write_end)
        inmate = self._inmate = Inmate(pid, os.fdopen(output, "rb"))
        self._say(op="go")
        return inmate

    def dial(self, port: int) -> socket.socket:
        """A connection to a port of 127.0.0.1 inside. Threads may call it.

        Raises:
            ConnectionRefusedError: when nobody listens there, or the sandbox is gone.
        """
        with self._dialling:
            if not self.lives:
                raise ConnectionRefusedError("the sandbox is gone")
            try:
                self._say(op="dial", port=port)
                why, fds = self._dialled.get(timeout=_STARTED)
            except (LabError, queue.Empty) as e:
                raise ConnectionRefusedError("the sandbox does not answer") from e
        if not fds:
            raise ConnectionRefusedError(why)
        return socket.socket(fileno=fds[0])

    @property
    def lives(self) -> bool:
        return self._control is not None and not self._gone

    def close(self) -> None:
        """End everything in it. Idempotent."""
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)
            self._control.close()
        if self._launcher is not None:
            try:
                self._launcher.wait(10)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._launcher.pid, signal.SIGKILL)
                self._launcher.wait(10)
        if self._name:
            self.kind.remove(self._name)
        if self._inmate is not None:
            self._inmate.end(-signal.SIGKILL)
        if self._group is not None:
            self._group.remove()
            self._group = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        for lease in self._held:
            lease.release()
        self._held.clear()
