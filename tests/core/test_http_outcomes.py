"""How calls to vendors fail: inside the deadline, under the cap, and with the right conclusion."""

import contextlib
import gzip
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from chatboost.core.http.client import NotSent, OutcomeUnknown, TooLarge, VendorClient
from tests.fakes.peers import Network, Peer, Script, Talk, always, answer, once

SHORT = timedelta(seconds=0.3)
LONG = timedelta(seconds=5)
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def after_reading(*steps: Script) -> Script:
    def script(talk: Talk) -> None:
        talk.read()
        for step in steps:
            step(talk)

    return script


def post(peer: Peer, deadline: timedelta = LONG, max_bytes: int = 1 << 20, body: bytes = b"{}") -> object:
    return VendorClient(peer.url, deadline, max_bytes).request("POST", "/secret-path?key=1", data=body)


@contextlib.contextmanager
def full_listener() -> Iterator[int]:
    """Give a port where connects hang: its queue has one place, that is taken, and nobody accepts."""
    with socket.socket() as listener, socket.socket() as filler:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        filler.connect(listener.getsockname())
        yield listener.getsockname()[1]


SLOW: dict[str, Script] = {
    "never answers": after_reading(Talk.hang),
    "never reads": Talk.hang,
    "head byte by byte": after_reading(lambda t: t.trickle(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 9000)),
    "fields without end": after_reading(
        lambda t: t.send(b"HTTP/1.1 200 OK\r\n"), lambda t: t.trickle(b"x: y\r\n")
    ),
    "interim answers": after_reading(lambda t: t.trickle(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "body byte by byte": after_reading(lambda t: t.send(answer(b"x" * 9000)[:60]), lambda t: t.trickle(b"x")),
    "body to the end": after_reading(lambda t: t.send(b"HTTP/1.1 200 OK\r\n\r\n"), lambda t: t.trickle(b"x")),
    "tiny chunks": after_reading(lambda t: t.send(CHUNKED), lambda t: t.trickle(b"1\r\nx\r\n")),
    "trailer": after_reading(lambda t: t.send(CHUNKED + b"0\r\n"), lambda t: t.trickle(b"t: x\r\n")),
    "stops inside the body": after_reading(lambda t: t.send(answer(b"x" * 900)[:300]), Talk.hang),
}


def test_slow_peers_are_each_left_at_the_deadline_with_unknown_outcome() -> None:
    def call(script: Script) -> tuple[float, str]:
        with Peer(script) as peer:
            started = time.monotonic()
            with pytest.raises(OutcomeUnknown) as caught:
                post(peer, timedelta(seconds=0.5))
            return time.monotonic() - started, str(caught.value)

    with ThreadPoolExecutor(3 * len(SLOW)) as pool:
        ends = list(zip(3 * list(SLOW), pool.map(call, 3 * list(SLOW.values())), strict=True))

    assert [name for name, (seconds, _) in ends if not 0.45 < seconds < 1.5] == []
    assert [name for name, (_, reason) in ends if "deadline passed" not in reason] == []


def test_peer_that_stops_taking_a_large_body_is_left_at_the_deadline() -> None:
    with Peer(Talk.hang) as peer:
        started = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            post(peer, SHORT, body=b"x" * 12_000_000)
        assert time.monotonic() - started < 1.3


def test_slow_peers_do_not_slow_calls_to_another() -> None:
    def trickle(talk: Talk) -> None:
        talk.read()
        talk.trickle(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 9000)

    with Peer(trickle) as slow, Peer(always(answer())) as good, ThreadPoolExecutor(24) as pool:
        client = VendorClient(good.url, LONG, 1000)
        held = [pool.submit(post, slow, SHORT) for _ in range(20)]
        started = time.monotonic()
        answers = [client.request("GET", "/") for _ in range(20)]
        took = time.monotonic() - started

        assert all(a.status == 200 for a in answers)
        assert took < 1
        assert all(isinstance(call.exception(timeout=2), OutcomeUnknown) for call in held)


BROKEN: dict[str, Script] = {
    "closed before the answer": once(b""),
    "reset before the answer": after_reading(Talk.reset),
    "closed inside the head": once(answer()[:20]),
    "reset inside the head": after_reading(lambda t: t.send(answer()[:20]), Talk.reset),
    "closed inside the body": once(answer(b"x" * 100)[:-1]),
    "reset inside the body": after_reading(lambda t: t.send(answer(b"x" * 100)[:-1]), Talk.reset),
    "closed inside a chunk": once(CHUNKED + b"5\r\nabc"),
    "closed before the last chunk": once(CHUNKED + b"3\r\nabc\r\n"),
    "no HTTP": once(b"220 mail.example ESMTP\r\n"),
    "truncated gzip": once(answer(gzip.compress(b"x" * 1000)[:-5], content_encoding="gzip")),
}


@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN.keys())
def test_broken_answer_is_an_unknown_outcome_and_never_retried(script: Script) -> None:
    with Peer(script) as peer:
        with pytest.raises(OutcomeUnknown):
            post(peer)
        assert (peer.connection_count, len(peer.requests)) == (1, 1)


def test_kept_connection_that_breaks_under_a_request_is_not_retried() -> None:
    def script(talk: Talk) -> None:
        talk.read()
        talk.send(answer())
        talk.read()
        talk.reset()

    with Peer(script) as peer:
        client = VendorClient(peer.url, LONG, 1000)
        client.request("POST", "/", json={})
        with pytest.raises(OutcomeUnknown):
            client.request("POST", "/", json={})
        assert (peer.connection_count, len(peer.requests)) == (1, 2)


def test_early_answer_to_a_body_the_peer_does_not_want_is_the_answer() -> None:
    def script(talk: Talk) -> None:
        talk.read_head_only()
        talk.send(answer(b"too big", "413 Content Too Large"))
        talk.reset()

    with Peer(script) as peer:
        response = VendorClient(peer.url, LONG, 1000).request("POST", "/", data=b"x" * 12_000_000)

    assert (response.status, response.body) == (413, b"too big")


def test_refused_connect_is_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotSent, match=r"127\.0\.0\.1"):
        VendorClient(f"http://127.0.0.1:{port}", LONG, 1000).request("POST", "/", json={})


def test_unknown_name_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    Network(monkeypatch)
    with pytest.raises(NotSent, match=r"vendor\.example: no address"):
        VendorClient("http://vendor.example", LONG, 1000).request("POST", "/", json={})


def test_resolver_that_hangs_is_left_at_the_deadline_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(20) and [])
    started = time.monotonic()
    with pytest.raises(NotSent):
        VendorClient("http://vendor.example", SHORT, 1000).request("POST", "/", json={})
    released.set()
    assert 0.25 < time.monotonic() - started < 1.3


def test_connect_that_is_never_answered_is_left_at_the_deadline_not_sent() -> None:
    with full_listener() as port:
        started = time.monotonic()
        with pytest.raises(NotSent, match="timed out"):
            VendorClient(f"http://127.0.0.1:{port}", SHORT, 1000).request("POST", "/")
        assert 0.25 < time.monotonic() - started < 1.3


def test_name_whose_first_address_never_answers_reaches_the_next_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = Network(monkeypatch)
    with full_listener() as silent, Peer(always(answer())) as peer:
        network.name("vendor.example", ["93.184.216.34", "1.1.1.1"])
        network.routes = {("93.184.216.34", 80): silent, ("1.1.1.1", 80): peer.port}
        client = VendorClient("http://vendor.example", 2 * SHORT, 9)
        assert client.request("GET", "/").status == 200


def test_name_whose_first_address_is_dead_reaches_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch)
    with Peer(always(answer())) as peer:
        network.name("vendor.example", ["93.184.216.34", "127.0.0.1"])
        assert VendorClient(f"http://vendor.example:{peer.port}", LONG, 9).request("GET", "/").status == 200


def test_deadline_that_is_over_at_the_start_is_not_sent() -> None:
    with Peer(always(answer())) as peer:
        with pytest.raises(NotSent):
            post(peer, timedelta(0))
        assert peer.requests == []


ENDLESS: dict[str, Script] = {
    "announced": after_reading(lambda t: t.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2000000000\r\n\r\n")),
    "to the end": after_reading(
        lambda t: t.send(b"HTTP/1.1 200 OK\r\n\r\n"), lambda t: t.flood(b"x" * 65536)
    ),
    "chunks": after_reading(
        lambda t: t.send(CHUNKED), lambda t: t.flood(b"10000\r\n" + b"x" * 65536 + b"\r\n")
    ),
    "gzip bomb": once(answer(gzip.compress(b"\0" * 100_000_000, 1), content_encoding="gzip")),
}


@pytest.mark.parametrize("script", ENDLESS.values(), ids=ENDLESS.keys())
def test_answer_over_the_cap_is_too_large_and_not_held(script: Script) -> None:
    with Peer(script) as peer:
        tracemalloc.start()
        with pytest.raises(TooLarge) as caught:
            post(peer, max_bytes=1_000_000)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert caught.value.status == 200
    assert peak < 5_000_000


@pytest.mark.parametrize("script", [once(b""), once(answer(b"x" * 2_000_000)), Talk.hang])
def test_error_message_holds_no_path_and_no_query(script: Script) -> None:
    with Peer(script) as peer, pytest.raises((OutcomeUnknown, TooLarge)) as caught:
        post(peer, SHORT, max_bytes=1000)

    assert "secret-path" not in str(caught.value)
    assert "key=1" not in str(caught.value)
