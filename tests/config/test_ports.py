from __future__ import annotations

import os
import socket

import pytest

from config.supervisor.ports import PortRefused, check_port, free_port

HOST = "127.0.0.1"


def test_a_free_port_is_taken_as_it_is() -> None:
    port = free_port(HOST, 0)
    check_port(HOST, port)
    assert free_port(HOST, port) == port


def test_a_taken_port_is_refused_naming_who_has_it_and_another() -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortRefused, match=rf"port {port} is taken by process {os.getpid()} .*make run PORT=\d+"):
            check_port(HOST, port)
        assert free_port(HOST, port) != port


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_does_not_exist_is_refused(port: int) -> None:
    with pytest.raises(PortRefused, match="does not exist"):
        check_port(HOST, port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(PortRefused, match=r"nothing can listen at 192\.0\.2\.1:8000"):
        check_port("192.0.2.1", 8000)  # reserved for documentation, RFC 5737
