"""Calls to vendors: what is sent, what comes back, what stays connected."""

import contextlib
import gzip
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from chatboost.core.http.client import BadBody, HttpError, Refused, Response, VendorClient
from tests.fakes.peers import Peer, Talk, always, answer, once, redirect

DEADLINE = timedelta(seconds=5)


def client_of(peer: Peer, prefix: str = "", **kwargs: object) -> VendorClient:
    return VendorClient(peer.url + prefix, DEADLINE, 1 << 20, **kwargs)  # type: ignore[arg-type]


def fields_of(request: bytes) -> dict[str, str]:
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines)


def test_request_with_json_reaches_the_peer_whole() -> None:
    with Peer(always(answer(b'{"id":"wamid.1"}', "201 Created"))) as peer:
        response = client_of(peer, "/v21.0/").request("POST", "/42/messages", json={"to": "کراچی"})

    head, _, body = peer.requests[0].partition(b"\r\n\r\n")
    assert (response.status, response.json()) == (201, {"id": "wamid.1"})
    assert head.startswith(b"POST /v21.0/42/messages HTTP/1.1\r\n")
    assert json.loads(body) == {"to": "کراچی"}
    assert fields_of(peer.requests[0]) == {
        "host": f"127.0.0.1:{peer.port}",
        "user-agent": "ChatBoost",
        "accept": "*/*",
        "accept-encoding": "gzip",
        "content-type": "application/json",
        "content-length": str(len(body)),
    }


def test_request_with_fields_sends_a_form() -> None:
    with Peer(always(answer())) as peer:
        client_of(peer).request("POST", "/Messages.json", data={"To": "+15550100", "MediaUrl": ["a", "b"]})

    assert parse_qs(peer.requests[0].partition(b"\r\n\r\n")[2].decode()) == {
        "To": ["+15550100"],
        "MediaUrl": ["a", "b"],
    }


def test_request_with_bytes_sends_them_as_they_are() -> None:
    with Peer(always(answer())) as peer:
        client_of(peer).request("PUT", "/file", data=b"\x00\xff", headers={"Content-Type": "image/jpeg"})

    assert peer.requests[0].endswith(b"\r\n\r\n\x00\xff")
    assert fields_of(peer.requests[0])["content-type"] == "image/jpeg"


def test_request_params_join_the_query_of_the_path() -> None:
    with Peer(always(answer())) as peer:
        client_of(peer).request("GET", "/contacts?limit=5", params={"search": "a&b", "ids": [1, 2]})

    query = urlsplit(peer.requests[0].split(b" ")[1].decode()).query
    assert parse_qs(query) == {"limit": ["5"], "search": ["a&b"], "ids": ["1", "2"]}


def test_request_headers_of_the_call_win_over_the_clients() -> None:
    with Peer(always(answer())) as peer:
        client = client_of(peer, headers={"Authorization": "Bearer shared", "X-App": "one"})
        client.request("GET", "/", headers={"authorization": "Bearer channel"})

    fields = fields_of(peer.requests[0])
    assert (fields["authorization"], fields["x-app"]) == ("Bearer channel", "one")


@pytest.mark.parametrize(
    "path", ["/a\r\nX: y", "/a b", "/a\x00", "/a#b", "/a HTTP/1.1\r\n\r\nGET /b", "/\ud800"]
)
def test_request_path_with_anything_stays_one_request_line(path: str) -> None:
    with Peer(always(answer())) as peer:
        client_of(peer).request("GET", path)

    line = peer.requests[0].split(b"\r\n")[0]
    assert line.startswith(b"GET /")
    assert line.count(b" ") == 2
    assert set(fields_of(peer.requests[0])) == {"host", "user-agent", "accept", "accept-encoding"}


@pytest.mark.parametrize("path", ["//127.0.0.2/x", "http://127.0.0.2/x", "@127.0.0.2/x"])
def test_request_path_cannot_change_the_host(path: str) -> None:
    with Peer(always(answer())) as peer:
        client_of(peer).request("GET", path)

    assert fields_of(peer.requests[0])["host"] == f"127.0.0.1:{peer.port}"


def test_request_with_lone_surrogate_in_json_is_sent_escaped() -> None:
    with Peer(always(answer())) as peer:
        client_of(peer).request("POST", "/", json={"text": "\ud83d"})

    assert peer.requests[0].endswith(b'{"text":"\\ud83d"}')


def test_request_with_line_end_in_header_is_refused_unsent() -> None:
    with Peer(always(answer())) as peer, pytest.raises(Refused) as caught:
        client_of(peer).request("GET", "/", headers={"Authorization": "Bearer a\r\nX: y"})

    assert (caught.value.code, caught.value.is_sent, peer.connection_count) == ("header_refused", False, 0)


@pytest.mark.parametrize("status", ["302 Found", "400 Bad", "429 Slow Down", "500 Oops", "999 Odd"])
def test_answer_with_any_status_is_a_response(status: str) -> None:
    with Peer(always(answer(b"why", status))) as peer:
        response = client_of(peer).request("GET", "/")

    assert (response.status, response.body, response.is_success) == (int(status[:3]), b"why", False)


def test_answer_that_redirects_is_not_followed() -> None:
    with Peer(always(answer())) as other, Peer(always(redirect(other.url))) as peer:
        response = client_of(peer).request("POST", "/", json={})

    assert (response.status, response.headers["location"], other.connection_count) == (302, other.url, 0)


def test_answer_in_gzip_is_plain() -> None:
    data = answer(gzip.compress(b'{"ok": true}'), content_encoding="gzip")
    with Peer(always(data)) as peer:
        assert client_of(peer).request("GET", "/").json() == {"ok": True}


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{", b"\xff\xfe\xfd", b"NaN", b'{"a": Infinity}', b"[" * 100_000]
)
def test_json_of_another_body_is_a_bad_body(body: bytes) -> None:
    with pytest.raises(BadBody):
        Response(status=200, headers={}, body=body).json()


def test_proxy_in_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    with Peer(always(answer())) as proxy, Peer(always(answer())) as peer:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        client_of(peer).request("GET", "/")

    assert (proxy.connection_count, len(peer.requests)) == (0, 1)


def test_cookie_of_an_answer_is_not_sent_back() -> None:
    with Peer(always(answer(set_cookie="session=1"))) as peer:
        client = client_of(peer)
        client.request("GET", "/")
        client.request("GET", "/")

    assert b"cookie" not in peer.requests[1].lower()


def test_second_call_uses_the_same_connection() -> None:
    with Peer(always(answer())) as peer:
        client = client_of(peer)
        for _ in range(5):
            client.request("POST", "/", json={})

        assert (peer.connection_count, len(peer.requests)) == (1, 5)


def test_second_call_after_close_of_the_client_connects_again() -> None:
    with Peer(always(answer())) as peer:
        client = client_of(peer)
        client.request("GET", "/")
        client.close()
        client.request("GET", "/")

        assert peer.connection_count == 2


@pytest.mark.parametrize(
    "first",
    [
        answer(connection="close"),
        answer(b"x", content_encoding="br"),
        answer(b"x" * (1 << 21)),
        answer() + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
        answer() + b"H",
    ],
    ids=["close", "unreadable", "too large", "answer nobody asked for", "stray byte"],
)
def test_second_call_after_an_unclean_first_gets_its_own_answer(first: bytes) -> None:
    answers = iter([first, answer(b"mine")])

    def script(talk: Talk) -> None:
        talk.read()
        talk.send(next(answers))
        talk.hang()

    with Peer(script) as peer:
        client = client_of(peer)
        with contextlib.suppress(HttpError):
            client.request("GET", "/")
        assert client.request("GET", "/").body == b"mine"
        assert peer.connection_count == 2


def test_second_call_after_the_peer_closed_connects_again() -> None:
    """A connection that died while idle must not turn the next send into an unknown outcome."""
    with Peer(once(answer())) as peer:
        client = client_of(peer)
        for _ in range(3):
            client.request("POST", "/", json={})
            assert peer.hung_up.acquire(timeout=5)

        assert (peer.connection_count, len(peer.requests)) == (3, 3)


@pytest.mark.parametrize(
    ("call_times", "opened", "closed"), [([5], 4, 3), ([3, 6], 3, 2)], ids=["all unused", "one in use"]
)
def test_connections_idle_for_long_are_closed(
    call_times: list[int], opened: int, closed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting = threading.Barrier(3, timeout=5)

    def script(talk: Talk) -> None:
        while True:
            if talk.read().startswith(b"GET /meet"):
                meeting.wait()
            talk.send(answer())

    with Peer(script) as peer, ThreadPoolExecutor(3) as pool:
        client = client_of(peer)
        list(pool.map(lambda _: client.request("GET", "/meet"), range(3)))
        now = time.monotonic
        for seconds in call_times:
            monkeypatch.setattr(time, "monotonic", lambda ahead=seconds: now() + ahead)
            client.request("GET", "/")

        assert peer.connection_count == opened
        assert all(peer.hung_up.acquire(timeout=5) for _ in range(closed))


def test_second_call_in_a_forked_child_opens_its_own_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with Peer(always(answer())) as peer:
        client = client_of(peer)
        client.request("GET", "/")
        monkeypatch.setattr(os, "getpid", lambda: 0)
        client.request("GET", "/")

        assert peer.connection_count == 2


def test_calls_from_many_threads_each_get_their_own_answer() -> None:
    def echo(talk: Talk) -> None:
        while True:
            talk.send(answer(talk.read().split(b" ")[1]))

    with Peer(echo) as peer, ThreadPoolExecutor(8) as pool:
        client = client_of(peer)
        paths = [f"/{number}" for number in range(200)]
        answers = list(pool.map(lambda path: client.request("GET", path).body.decode(), paths))

        assert answers == paths
        assert peer.connection_count <= 8


def test_calls_at_once_do_not_wait_for_each_other() -> None:
    meeting = threading.Barrier(8, timeout=5)

    def script(talk: Talk) -> None:
        talk.read()
        meeting.wait()
        talk.send(answer())

    with Peer(script) as peer, ThreadPoolExecutor(8) as pool:
        client = client_of(peer)
        assert all(r.is_success for r in pool.map(lambda _: client.request("GET", "/"), range(8)))


@pytest.mark.parametrize("url", ["ftp://vendor.example", "vendor.example", "https://a:b@vendor.example", ""])
def test_base_url_that_is_no_plain_http_url_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        VendorClient(url, DEADLINE, 1)
