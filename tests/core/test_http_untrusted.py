"""Fetching what users name: how a call is made, followed, capped and refused."""

import time
from datetime import timedelta

import pytest

from chatboost.core.http import untrusted
from chatboost.core.http.errors import NotSent, OutcomeUnknown, Refused, TooLarge
from chatboost.core.http.response import Response
from tests.fakes.peers import Network, Peer, Script, Talk, always, answer, once, redirect

URL = "http://shop.example/hook"


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    return Network(monkeypatch)


def fetch(url: str = URL, **kwargs: object) -> Response:
    options: dict[str, object] = {"deadline": timedelta(seconds=5), "max_bytes": 10_000, **kwargs}
    return untrusted.fetch(url, **options)  # type: ignore[arg-type]


def test_fetch_of_a_public_name_goes_to_its_address_and_returns_the_answer(network: Network) -> None:
    with Peer(always(answer(b"hi", "404 Not Found"))) as peer:
        network.route("shop.example", peer)
        response = fetch("http://Shop.Example./a?q=کراچی#part")

    assert (response.status, response.body) == (404, b"hi")
    assert network.connects == [("93.184.216.34", 80)]
    assert peer.requests[0].startswith(
        b"GET /a?q=%DA%A9%D8%B1%D8%A7%DA%86%DB%8C HTTP/1.1\r\nhost: shop.example\r\n"
    )
    assert b"\r\nconnection: close\r\n" in peer.requests[0]


def test_fetch_posts_body_and_headers(network: Network) -> None:
    with Peer(always(answer())) as peer:
        network.route("shop.example", peer)
        fetch(method="post", body=b"{}", headers={"X-Name": "José", "Content-Type": "application/json"})

    assert peer.requests[0].startswith(b"POST /hook HTTP/1.1\r\n")
    assert "\r\nx-name: José\r\n".encode() in peer.requests[0]
    assert peer.requests[0].endswith(b"content-length: 2\r\n\r\n{}")


def test_fetch_of_a_public_address_as_such_works(network: Network) -> None:
    with Peer(always(answer(b"hi"))) as peer:
        network.routes["93.184.216.34", 80] = peer.port
        assert fetch("http://93.184.216.34/").body == b"hi"


def test_fetch_to_an_extra_port_works_when_it_is_allowed(network: Network) -> None:
    with Peer(always(answer(b"hi"))) as peer:
        network.route("shop.example", peer, port=8443)
        assert fetch("http://shop.example:8443/", allowed_ports=(8443,)).body == b"hi"


@pytest.mark.parametrize("entry", ["127.0.0.1", "127.0.0.1:{port}"])
def test_fetch_of_an_allowed_private_host_reaches_it(entry: str, network: Network) -> None:
    with Peer(always(answer(b"hi"))) as peer:
        assert fetch(peer.url, allowed_private_hosts=[entry.format(port=peer.port)]).body == b"hi"


def test_fetch_of_an_allowed_private_name_reaches_it(network: Network) -> None:
    network.name("demo", ["127.0.0.1"])
    with Peer(always(answer(b"hi"))) as peer:
        assert fetch(f"http://demo:{peer.port}/", allowed_private_hosts=["Demo"]).body == b"hi"


@pytest.mark.parametrize(
    "entry", ["127.0.0.1:1", "localhost", "127.0.0.2", "127.0.0", "", "*", "127.0.0.1/8"]
)
def test_fetch_of_a_private_host_that_another_entry_allows_is_refused(entry: str, network: Network) -> None:
    with Peer(always(answer())) as peer:
        with pytest.raises(Refused):
            fetch(peer.url, allowed_ports=(peer.port,), allowed_private_hosts=[entry])
        assert network.connects == []


def test_fetch_led_elsewhere_than_the_checked_address_is_refused_before_a_byte(network: Network) -> None:
    network.claims_outside = False
    with Peer(always(answer())) as peer:
        network.route("shop.example", peer)
        with pytest.raises(Refused) as caught:
            fetch()
        assert peer.hung_up.acquire(timeout=5)

    assert (caught.value.code, peer.requests) == ("url_address_refused", [])


@pytest.mark.parametrize("left", [1, 2, 3])
def test_fetch_follows_redirects_up_to_the_limit(left: int, network: Network) -> None:
    def script(talk: Talk) -> None:
        number = int(talk.read().split(b" ")[1].removeprefix(b"/"))
        talk.send(redirect(f"/{number - 1}") if number else answer(b"end"))

    with Peer(script) as peer:
        network.route("shop.example", peer)
        assert fetch(f"http://shop.example/{left}", max_redirects=left).body == b"end"
        with pytest.raises(Refused) as caught:
            fetch(f"http://shop.example/{left + 1}", max_redirects=left)

    assert (caught.value.code, caught.value.is_sent) == ("too_many_redirects", True)


def test_fetch_without_redirects_returns_the_redirect(network: Network) -> None:
    with Peer(always(redirect("http://127.0.0.1/"))) as peer:
        network.route("shop.example", peer)
        assert fetch().status == 302


@pytest.mark.parametrize(
    "data", [answer(b"", "304 Not Modified"), answer(b"", "302 Found"), answer(b"", "300 Many")]
)
def test_fetch_of_a_3xx_that_leads_nowhere_returns_it(data: bytes, network: Network) -> None:
    with Peer(always(data)) as peer:
        network.route("shop.example", peer)
        assert fetch(max_redirects=3).status // 100 == 3


@pytest.mark.parametrize("location", ["/a\tb", "/a b", "/a\\b", "http://shop.example\t/", "/\udcff"])
def test_redirect_with_characters_that_parsers_drop_is_refused(location: str, network: Network) -> None:
    with Peer(always(redirect(location))) as peer:
        network.route("shop.example", peer)
        with pytest.raises(Refused) as caught:
            fetch(max_redirects=1)

    assert (caught.value.code, len(peer.requests)) == ("url_malformed", 1)


def test_fetch_with_more_redirects_than_any_call_may_have_is_an_error() -> None:
    with pytest.raises(ValueError, match="max_redirects"):
        fetch(max_redirects=4)


@pytest.mark.parametrize(("location", "is_kept"), [("/b", True), ("http://other.example/", False)])
def test_redirect_carries_credentials_only_to_the_same_host(
    location: str, is_kept: bool, network: Network
) -> None:
    secrets = {"Authorization": "Bearer a", "Cookie": "a=b", "X-Api-Key": "c"}
    with Peer(always(answer())) as last, Peer(once(redirect(location))) as peer:
        network.names = {"shop.example": [["93.184.216.34"], ["1.1.1.1"]], "other.example": [["1.1.1.1"]]}
        network.routes = {("93.184.216.34", 80): peer.port, ("1.1.1.1", 80): last.port}
        fetch(max_redirects=1, headers={**secrets, "Accept": "image/png"})

    assert [name.lower().encode() in last.requests[0] for name in secrets] == [is_kept] * 3
    assert b"accept: image/png" in last.requests[0]


@pytest.mark.parametrize("location", ["http://shop.example:8080/", "http://www.shop.example/"])
def test_redirect_to_another_port_or_subdomain_is_another_host(location: str, network: Network) -> None:
    with Peer(always(answer())) as last, Peer(once(redirect(location))) as peer:
        network.names = {"shop.example": [["93.184.216.34"], ["1.1.1.1"]], "www.shop.example": [["1.1.1.1"]]}
        network.routes = {("93.184.216.34", 80): peer.port}
        network.routes |= {("1.1.1.1", 80): last.port, ("1.1.1.1", 8080): last.port}
        fetch(max_redirects=1, headers={"Authorization": "Bearer a"}, allowed_ports=(80, 8080))

    assert b"authorization" not in last.requests[0]


@pytest.mark.parametrize(
    ("status", "line", "body"),
    [
        (301, b"GET /b", b""),
        (302, b"GET /b", b""),
        (303, b"GET /b", b""),
        (307, b"PUT /b", b"data"),
        (308, b"PUT /b", b"data"),
    ],
)
def test_redirect_on_the_same_host_keeps_the_body_by_its_status(
    status: int, line: bytes, body: bytes, network: Network
) -> None:
    answers = iter([redirect("/b", status), answer()])

    def script(talk: Talk) -> None:
        talk.read()
        talk.send(next(answers))

    with Peer(script) as peer:
        network.route("shop.example", peer)
        fetch(method="PUT", body=b"data", headers={"Content-Type": "text/plain"}, max_redirects=1)

    head, _, sent = peer.requests[1].partition(b"\r\n\r\n")
    assert (head.startswith(line), sent, b"content-type" in head) == (True, body, bool(body))


@pytest.mark.parametrize("status", [307, 308])
def test_redirect_of_a_body_to_another_host_is_refused(status: int, network: Network) -> None:
    with Peer(always(redirect("http://other.example/", status))) as peer:
        network.route("shop.example", peer)
        network.name("other.example", ["1.1.1.1"])
        with pytest.raises(Refused) as caught:
            fetch(method="POST", body=b"secret", max_redirects=1)

    assert (caught.value.code, caught.value.is_sent) == ("redirect_body_refused", True)
    assert network.connects == [("93.184.216.34", 80)]


def test_redirect_to_a_peer_that_cannot_be_reached_is_an_unknown_outcome(network: Network) -> None:
    """The first peer has had the request: "not sent" would invite a second one."""
    with Peer(always(redirect("http://gone.example/", 303))) as peer:
        network.route("shop.example", peer)
        with pytest.raises(OutcomeUnknown):
            fetch(method="POST", body=b"order", max_redirects=1)


def test_redirects_share_one_deadline(network: Network) -> None:
    def script(talk: Talk) -> None:
        talk.read()
        talk.peer.stopped.wait(0.15)
        talk.send(redirect("/again"))

    with Peer(script) as peer:
        network.route("shop.example", peer)
        started = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            fetch(max_redirects=3, deadline=timedelta(seconds=0.25))
        assert time.monotonic() - started < 1.25


@pytest.mark.parametrize(
    ("kind", "allowed", "is_fine"),
    [
        ("image/png", ["image/png"], True),
        ("IMAGE/PNG; charset=x", ["image/png"], True),
        ("image/webp", ["image/*"], True),
        ("text/html", ["image/*"], False),
        ("imagex/png", ["image/*"], False),
        ("", ["image/*"], False),
        ("text/html", None, True),
    ],
)
def test_fetch_takes_only_accepted_content_types(
    kind: str, allowed: list[str] | None, is_fine: bool, network: Network
) -> None:
    with Peer(always(answer(b"data", content_type=kind))) as peer:
        network.route("shop.example", peer)
        if is_fine:
            assert fetch(allowed_content_types=allowed).body == b"data"
            return
        with pytest.raises(Refused) as caught:
            fetch(allowed_content_types=allowed)
    assert (caught.value.code, caught.value.is_sent) == ("content_type_refused", True)


def test_fetch_of_an_error_page_has_any_content_type(network: Network) -> None:
    with Peer(always(answer(b"no", "403 Forbidden", content_type="text/html"))) as peer:
        network.route("shop.example", peer)
        assert fetch(allowed_content_types=["image/*"]).status == 403


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (always(answer(b"x" * 10_001)), TooLarge),
        (once(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 20_000_000), TooLarge),
        (once(b""), OutcomeUnknown),
        (Talk.hang, OutcomeUnknown),
        (lambda talk: talk.trickle(b"HTTP/1.1 200 OK\r\nx: y"), OutcomeUnknown),
    ],
    ids=["over the cap", "endless", "closed", "hangs", "trickles"],
)
def test_fetch_from_a_hostile_peer_ends_soon_with_its_error(
    script: Script, error: type[Exception], network: Network
) -> None:
    with Peer(script) as peer:
        network.route("shop.example", peer)
        started = time.monotonic()
        with pytest.raises(error):
            fetch(deadline=timedelta(seconds=0.3))
        assert time.monotonic() - started < 1.3


def test_fetch_of_an_unknown_name_is_not_sent(network: Network) -> None:
    with pytest.raises(NotSent):
        fetch("http://nobody.example/")


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "GET /evil HTTP/1.1\r\nX:", "", "get\n"])
def test_fetch_with_another_method_is_refused(method: str, network: Network) -> None:
    with pytest.raises(Refused) as caught:
        fetch(method=method)
    assert (caught.value.code, network.looked_up) == ("method_refused", [])


BAD_HEADERS = [
    *[
        (name, "x")
        for name in ("Host", "HOST", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive")
    ],
    *[
        (name, "x")
        for name in ("TE", "Trailer", "Upgrade", "Expect", "Proxy-Authorization", "Proxy-Connection")
    ],
    *[
        (name, "x")
        for name in ("", " ", "X Y", "X:", "X\r\n", "X\n", "X\x00", "\tX", "Ⅹ", "X-é", "Host ", " Host")
    ],
    *[(name, "x") for name in ("X(", "X@", "X,", 'X"', "X/", "X[", "X{", "X\x7f", "Content-Length\u200b")],
    *[("X", value) for value in ("\r", "\n", "a\r\nHost: b", "a\nb", "a\rb", "a\x00b", "\x00", "a\x1b[0m")],
    *[
        ("X", value)
        for value in ("a\x0bb", "a\x0cb", "a\x7f", "a\x85\r\n", "\ud800", "a\r\n\r\nGET / HTTP/1.1")
    ],
]


@pytest.mark.parametrize(("name", "value"), BAD_HEADERS)
def test_fetch_with_a_header_that_could_break_out_is_refused(name: str, value: str, network: Network) -> None:
    with pytest.raises(Refused) as caught:
        fetch(headers={"Accept": "*/*", name: value})
    assert (caught.value.code, caught.value.is_sent, network.looked_up) == ("header_refused", False, [])
