from __future__ import annotations

import os
import socket

import pytest

from kafka_lab.clusters import ports
from kafka_lab.clusters.ports import free_ports, listening_socket
from kafka_lab.runtime.errors import LabError


def test_ports_are_free_and_handed_out_once() -> None:
    first, second = free_ports(20), free_ports(20)
    assert len({*first, *second}) == 40
    for port in first:
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_they_are_outside_what_the_kernel_gives_to_clients() -> None:
    low, high = ports._RANGE
    assert all(low <= port < high for port in free_ports(20))
    # Linux's own default begins at 32768 (ip(7), ip_local_port_range).
    assert high <= 32768


def test_taken_ports_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    (free, taken) = free_ports(2)
    monkeypatch.setattr(ports, "_recent", set())
    monkeypatch.setattr(ports, "_RANGE", (min(free, taken), min(free, taken) + 1))
    squatter = socket.create_server(("127.0.0.1", min(free, taken)))
    with squatter, pytest.raises(LabError, match="no free ports"):
        free_ports(1)
    assert free_ports(1) == [min(free, taken)]


def test_a_listening_socket_survives_exec() -> None:
    with listening_socket() as door:
        assert os.get_inheritable(door.fileno())
        with socket.create_connection(door.getsockname()):
            pass
