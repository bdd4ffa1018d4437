"""The loopback peers and the network of these tests do what the tests rest on."""

import socket

import pytest

from tests.fakes.peers import Network, Peer, always, answer


def test_peer_connected_to_counts_it() -> None:
    with Peer(always(answer())) as peer:
        with socket.create_connection(("127.0.0.1", peer.port), timeout=5) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert sock.recv(100).startswith(b"HTTP/1.1 200")
        assert peer.connection_count == 1


@pytest.mark.parametrize("spelling", ["2130706433", "0x7f.1", "①②⑦.0.0.1", "127。0。0。1"])
def test_network_odd_spelling_of_loopback_reaches_a_listener(
    spelling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bad-URL corpus means something only while a careless client would arrive."""
    Network(monkeypatch)
    with Peer(always(answer())) as peer:
        found = socket.getaddrinfo(spelling, peer.port, type=socket.SOCK_STREAM)
        with socket.socket() as sock:
            sock.connect(found[0][4])
            assert sock.getpeername() == ("127.0.0.1", peer.port)


def test_network_outside_address_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    Network(monkeypatch)
    with socket.socket() as sock, pytest.raises(OSError, match="would have left"):
        sock.connect(("93.184.216.34", 80))
