"""What a sandbox may use up."""

from __future__ import annotations

from dataclasses import asdict, dataclass

MB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Of one sandbox: an instance of a program with all its starts, or one build.

    Sizes are bytes, times seconds. ``memory``: of all processes together. ``cpu``: of each
    process. ``processes``: with threads. ``scratch``: each of its writable folders;
    ``entries``: files and folders in each of these. ``file``: the size of one file.
    ``connections``: at once, to the cluster and services. ``sent``: bytes, and ``requests``, to all
    of them together, in all. ``wall``: from the sandbox's start
    to its end.
    """

    memory: int = 1024 * MB
    cpu: int = 600
    processes: int = 256
    open_files: int = 1024
    scratch: int = 128 * MB
    entries: int = 20_000
    file: int = 64 * MB
    connections: int = 200
    sent: int = 128 * MB
    requests: int = 200_000
    wall: int = 3600

    def to_json(self) -> dict[str, int]:
        return asdict(self)


PROGRAM = Limits()
BUILD = Limits(
    memory=3072 * MB,
    cpu=600,
    processes=512,
    open_files=4096,
    scratch=1024 * MB,
    entries=100_000,
    file=512 * MB,
    wall=900,
)
