"""The system calls that a sandboxed program has no business with, as a seccomp filter.

A classic BPF program (seccomp(2), "Seccomp filters"). It is a second wall: namespaces hide, this
refuses what could dig into the kernel (new user namespaces, bpf, keyrings), into another process
(ptrace), out of the machine (sockets of other families than Internet and Unix: a virtual machine
reaches its host by AF_VSOCK whatever the network namespace), or hold memory that no limit counts.
"""

from __future__ import annotations

import platform
import struct

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_KILL = 0x80000000
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97

_LOAD, _EQUAL, _SET, _ATLEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_NEW_NAMESPACES = 0x7E020000
"""CLONE_NEW… but NEWTIME, which is a bit of the exit signal in clone(2)."""

_FAMILIES = (1, 2, 10, 16)
"""Unix, Internet 4 and 6, and netlink, by which libraries ask for the interfaces."""

# name: (x86-64, AArch64), from the kernel's tables
_REFUSED = {
    "acct": (163, 89), "add_key": (248, 217), "bpf": (321, 280), "delete_module": (176, 106),
    "fanotify_init": (300, 262), "finit_module": (313, 273), "fsmount": (432, 432),
    "fsopen": (430, 430), "fspick": (433, 433), "init_module": (175, 105),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "io_uring_setup": (425, 425),
    "kcmp": (312, 272), "kexec_file_load": (320, 294), "kexec_load": (246, 104),
    "keyctl": (250, 219), "memfd_create": (319, 279),
    "memfd_secret": (447, 447), "mount": (165, 40), "mount_setattr": (442, 442),
    "move_mount": (429, 429), "mq_open": (240, 180), "msgget": (68, 186),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "open_tree": (428, 428),
    "perf_event_open": (298, 241), "pidfd_getfd": (438, 438), "pivot_root": (155, 41),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ptrace": (101, 117),
    "quotactl": (179, 60), "reboot": (169, 142), "request_key": (249, 218), "semget": (64, 190),
    "setns": (308, 268), "shmget": (29, 194), "swapoff": (168, 225), "swapon": (167, 224),
    "syslog": (103, 116), "umount2": (166, 39), "unshare": (272, 97), "userfaultfd": (323, 282),
}  # fmt: skip
_SOCKET, _SOCKETPAIR = (41, 198), (53, 199)
_CLONE, _CLONE3 = (56, 220), (435, 435)
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


def program() -> bytes:
    """The filter for this machine's processor; empty where its numbers are not known here."""
    if platform.machine() not in _ARCHITECTURES:
        return b""
    column, audit = _ARCHITECTURES[platform.machine()]
    code = [
        _step(_LOAD, 4),
        _step(_EQUAL, audit, 1, 0),
        _step(_RETURN, _KILL),  # calls of another architecture have other numbers
        _step(_LOAD, 0),
        _step(_ATLEAST, 0x40000000, 0, 1),
        _step(_RETURN, _KILL),  # x32's numbers
    ]
    for name in sorted(_REFUSED):
        refusal = _ENOSYS if name in ("memfd_create", "io_uring_setup") else _EPERM
        code += [
            _step(_EQUAL, _REFUSED[name][column], 0, 1),
            _step(_RETURN, _ERRNO | refusal),
        ]
    # glibc falls back to clone, whose flags can be looked at.
    code += [_step(_EQUAL, _CLONE3[column], 0, 1), _step(_RETURN, _ERRNO | _ENOSYS)]
    code += [
        _step(_EQUAL, _CLONE[column], 0, 3),
        _step(_LOAD, 16),
        _step(_SET, _NEW_NAMESPACES, 0, 3),
        _step(_RETURN, _ERRNO | _EPERM),
    ]
    # Not clone: the number is still loaded. A clone without them jumps to the permission.
    families = [_step(_LOAD, 16)]
    for family in _FAMILIES:
        families += [_step(_EQUAL, family, 0, 1), _step(_RETURN, _ALLOW)]
    families += [_step(_RETURN, _ERRNO | _EAFNOSUPPORT)]
    code += [
        _step(_EQUAL, _SOCKET[column], 2, 0),
        _step(_EQUAL, _SOCKETPAIR[column], 1, 0),
        _step(_RETURN, _ALLOW),
    ]
    return b"".join(code + families)


def _step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("HBBI", code, then, otherwise, value)
