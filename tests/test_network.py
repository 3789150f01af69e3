"""The ground the tests stand on."""

import socket

import httpx
import pytest


@pytest.mark.parametrize("address", ["192.0.2.1", "8.8.8.8", "2001:db8::1", "example.com"])
def test_nothing_leaves_this_machine(address: str, network: list[str]) -> None:
    with pytest.raises(OSError, match="closed to tests"):
        socket.create_connection((address, 443), timeout=1)
    assert len(network) == 1
    network.clear()


def test_a_datagram_does_not_leave_either(network: list[str]) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        pytest.raises(OSError, match="closed to tests"),
    ):
        sender.sendto(b"?", ("192.0.2.1", 53))
    network.clear()


async def test_an_attempt_that_a_library_swallows_is_still_seen(network: list[str]) -> None:
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("http://xero.example.com/")
    assert "xero.example.com" in network[0]
    network.clear()


def test_this_machine_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=1).close()
