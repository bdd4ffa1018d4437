"""URLs that must lead nowhere: no lookup of a private name, no connect, no byte to the canary."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatboost.core.http import untrusted, urls
from chatboost.core.http.errors import HttpError, Refused
from chatboost.core.http.response import Response
from tests.fakes.peers import Network, Peer, always, answer, redirect

# `P` is the canary's port, which the policy of these tests opens: only the rule under test stands before it.
SPELLINGS = """
    127.0.0.1 127.0.0.2 127.1 127.0.1 127.255.255.254 127.0.0.1. 2130706433 017700000001 0x7f000001
    0x7F000001 0x7f.0.0.1 0x7f.1 0177.0.0.1 0177.1 0177.0.0.01 127.0.0.01 127.000.000.001
    00127.0.0.1 127.0x0.0.1 2130706433. 0x7f000001. 0 0. 0.0.0.0 0x0 00 000.000.000.000
    127.0.0.1.0x7f ①②⑦.0.0.1 127。0。0。1 127．0．0．1 １２７.0.0.1 127.0.0.１ ⑫7.0.0.1 127｡0｡0｡1 ①②⑦。⓪。⓪。①
    ⓛocalhost localhost LOCALHOST localhost. a.localhost localhost.localdomain printer.local
    vault.internal metadata.google.internal router.home.arpa redis
    kubernetes.default.svc.cluster.local metadata metadata. [::1] [::] [0:0:0:0:0:0:0:1]
    [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] [::7f00:1] [::ffff:0:127.0.0.1]
    [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2002:7f00:1::1]
    [2001:0:7f00:1::] [2001::80ff:fffe] [fe80::1] [fc00::1] [fd00:ec2::254] [fec0::1] [ff02::1]
    [100::1] [2001:10::1] [2001:20::1] [2001:db8::1] [3fff::1] [5f00::1] [fe80::1%25lo] [fe80::1%lo]
    [v1.127.0.0.1] [127.0.0.1] [::1]x [::1 ::1 1.2.3 10.0.0.1 10.255.255.255 172.16.0.1
    172.31.255.255 192.168.0.1 192.168.1.254 169.254.169.254 169.254.170.2 2852039166 0xa9fea9fe
    0251.0376.0251.0376 168.63.129.16 100.100.100.200 100.64.0.1 100.127.255.255 192.0.0.192
    192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1
    239.255.255.250 240.0.0.1 255.255.255.255 256.0.0.1 1.2.3.4.5 127.0.0.1%00.example 127.0.0.1%2e
    127%2e0%2e0%2e1 %6c%6f%63alhost -a.example a..example .example xn--.1
    """.split()  # noqa: SIM905 - as text it reads as the table it is
URLS = [
    *(f"http://{spelling}:P/" for spelling in SPELLINGS),
    *(
        f"http://127.0.0.1:{port}/"
        for port in (22, 25, 110, 143, 6379, 11211, 3306, 5432, 9200, 2375, 0, 65536)
    ),
    *(
        f"http://shop.example:{port}/"
        for port in (22, 25, 6379, 11211, 8080, 0, 65536, 99999999, "+80", "8 0", "٨٠")
    ),
    *(
        f"{scheme}://127.0.0.1:P/"
        for scheme in ("gopher", "file", "ftp", "dict", "ldap", "tftp", "ws", "jar", "data")
    ),
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:text/plain,hi",
    "http:127.0.0.1:P/",
    "http:/127.0.0.1:P/",
    "http:///127.0.0.1:P/",
    "//127.0.0.1:P/",
    "127.0.0.1:P/",
    "http://",
    "http://:P/",
    "",
    "http://user@127.0.0.1:P/",
    "http://shop.example@127.0.0.1:P/",
    "http://127.0.0.1:P@shop.example/",
    "http://a:b@shop.example/",
    "http://shop.example%40127.0.0.1:P/",
    "http://shop.example\\@127.0.0.1:P/",
    "http://127.0.0.1:P\\@shop.example/",
    "http:\\\\127.0.0.1:P/",
    "http://shop.example:80@127.0.0.1:P#@shop.example/",
    "http://127.0.0.1:P#.shop.example/",
    "http://127.0.0.1:P?.shop.example/",
    "http://[::ffff:127.0.0.1]shop.example:P/",
    " http://127.0.0.1:P/",
    "http://127.0.0.1:P/ ",
    "ht\ttp://127.0.0.1:P/",
    "http://127.0.0.1\t:P/",
    "http://127.0.0\n.1:P/",
    "http://shop.example/\r\nHost: 127.0.0.1:P",
    "http://shop.example/ HTTP/1.1\r\nHost: a\r\n\r\nGET /",
    "http://shop.example/\x00",
    "http://127.0.0.1\x00.shop.example:P/",
    "http://shop.example\u2028:P/",
    "http://\ud800.example:P/",
    "http://shop.example/" + "a" * 9000,
    f"http://{'a.' * 200}example:P/",
    f"http://{'a' * 64}.example:P/",
]
# Every fourth of those that a field can carry and that don't lead back to the same host.
REDIRECTS = [url for url in URLS if re.match("[a-z]+://[^/]", url) and not re.search(r"[\n\0]", url)][::4]
PRIVATE = """
    127.0.0.1 0.0.0.0 10.0.0.1 172.16.0.1 192.168.0.1 169.254.169.254 100.64.0.1 168.63.129.16
    198.18.0.1 224.0.0.1 255.255.255.255 ::1 :: ::ffff:127.0.0.1 ::7f00:1 64:ff9b::7f00:1
    2002:7f00:1:: 2001::80ff:fffe fd00:ec2::254 fe80::1%lo
    """.split()  # noqa: SIM905 - as text it reads as the table it is
PUBLIC = "93.184.216.34"


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    return Network(monkeypatch)


def fetch(url: str, port: int, **kwargs: object) -> Response:
    options: dict[str, object] = {"deadline": timedelta(seconds=2), "max_bytes": 1000, **kwargs}
    return untrusted.fetch(url, allowed_ports=(80, 443, port), **options)  # type: ignore[arg-type]


def test_corpus_is_large_enough() -> None:
    assert len(set(URLS)) >= 120


@pytest.mark.parametrize("url", URLS)
def test_bad_url_is_refused_without_a_connect(url: str, network: Network) -> None:
    for host in ("localhost", "redis", "metadata", "printer.local", "a.localhost", "shop.example"):
        network.name(host, ["127.0.0.1"])
    with Peer(always(answer())) as canary:
        with pytest.raises(Refused) as caught:
            fetch(url.replace(":P", f":{canary.port}"), canary.port)

        assert (network.connects, canary.connection_count, caught.value.is_sent) == ([], 0, False)


@pytest.mark.parametrize("url", REDIRECTS)
def test_redirect_to_a_bad_url_is_refused_without_a_connect(url: str, network: Network) -> None:
    with Peer(always(answer())) as canary:
        with Peer(always(redirect(url.replace(":P", f":{canary.port}"), 307))) as peer:
            network.route("start.example", peer)
            network.name("shop.example", ["127.0.0.1"])
            with pytest.raises(Refused) as caught:
                fetch("http://start.example/", canary.port, max_redirects=3)

        assert (network.connects, canary.connection_count) == ([(PUBLIC, 80)], 0)
        assert caught.value.is_sent


@pytest.mark.parametrize("ip", PRIVATE)
def test_name_that_stands_for_a_private_address_is_refused(ip: str, network: Network) -> None:
    network.name("shop.example", [ip])
    with Peer(always(answer())) as canary:
        with pytest.raises(Refused) as caught:
            fetch(f"http://shop.example:{canary.port}/", canary.port)

        assert (network.connects, caught.value.code) == ([], "url_address_refused")


@pytest.mark.parametrize("ip", PRIVATE)
@pytest.mark.parametrize("is_first", [True, False])
def test_name_with_a_private_address_among_public_ones_is_refused(
    ip: str, is_first: bool, network: Network
) -> None:
    network.name(
        "shop.example", [ip, PUBLIC] if is_first else [PUBLIC, PUBLIC, "1.1.1.1", "8.8.8.8", "9.9.9.9", ip]
    )
    with pytest.raises(Refused):
        fetch("http://shop.example/", 80)
    assert network.connects == []


@pytest.mark.parametrize("ip", PRIVATE)
def test_name_rebound_after_the_check_still_leads_to_the_checked_address(ip: str, network: Network) -> None:
    network.name("shop.example", [PUBLIC], [ip])
    with Peer(always(answer(b"public"))) as peer:
        network.routes[PUBLIC, 80] = peer.port
        assert fetch("http://shop.example/", 80).body == b"public"

    assert (network.looked_up, network.connects) == (["shop.example"], [(PUBLIC, 80)])


@pytest.mark.parametrize("ip", PRIVATE)
def test_name_rebound_between_redirects_is_refused(ip: str, network: Network) -> None:
    network.name("shop.example", [PUBLIC], [ip])
    with Peer(always(redirect("/again", 308))) as peer:
        network.routes[PUBLIC, 80] = peer.port
        with pytest.raises(Refused) as caught:
            fetch("http://shop.example/", 80, method="POST", body=b"secret", max_redirects=3)

    assert (caught.value.code, network.connects) == ("url_address_refused", [(PUBLIC, 80)])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("length", [1, 2, 3])
def test_redirect_chain_that_ends_inside_is_refused(status: int, length: int, network: Network) -> None:
    with Peer(always(answer())) as canary:
        stops = ["http://127.0.0.1:80/", *(f"http://stop{n}.example/" for n in range(length))]
        peers = []
        for number in range(length):
            peer = Peer(always(redirect(stops[number], status))).__enter__()
            peers.append(peer)
            network.route(f"stop{number}.example", peer, ip=f"93.184.216.{number + 1}")
        try:
            with pytest.raises(Refused):
                fetch(stops[-1], canary.port, method="PATCH", max_redirects=3)
        finally:
            for peer in peers:
                peer.__exit__()

    assert [peer.connection_count for peer in peers] == [1] * length
    assert len(network.connects) == length


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://shop.example/", "url_scheme_refused"),
        ("http://a:b@shop.example/", "url_credentials_refused"),
        ("http://shop.example:22/", "url_port_refused"),
        ("http://10.0.0.1/", "url_address_refused"),
        ("http://0x7f.1/", "url_host_refused"),
        ("http://①②⑦.0.0.1/", "url_host_refused"),
        ("http://localhost/", "url_host_refused"),
        ("http://shop.example/\r\n", "url_malformed"),
    ],
)
def test_refusal_has_a_stable_code(url: str, code: str, network: Network) -> None:
    with pytest.raises(Refused) as caught:
        fetch(url, 443)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("http://shop.example", "shop.example", 80, "/"),
        ("HTTPS://Shop.Example:8443/a?b=c#d", "shop.example", 8443, "/a?b=c"),
        ("http://shop.example:/", "shop.example", 80, "/"),
        ("http://shop.example?a=b", "shop.example", 80, "/?a=b"),
        ("http://my_shop.example/a%20b", "my_shop.example", 80, "/a%20b"),
        ("http://bücher.example/", "xn--bcher-kva.example", 80, "/"),
        ("http://faß.example/", "xn--fa-hia.example", 80, "/"),
        ("http://xn--bcher-kva.example/", "xn--bcher-kva.example", 80, "/"),
        ("http://8.8.8.8.example/ü", "8.8.8.8.example", 80, "/%C3%BC"),
        ("http://[2606:4700::1111]:81/", "2606:4700::1111", 81, "/"),
        ("http://shop.example/a?u=http://x@y:1/%0d%0a", "shop.example", 80, "/a?u=http://x@y:1/%0d%0a"),
    ],
)
def test_good_url_is_read_as_meant(url: str, host: str, port: int, path: str) -> None:
    target = urls.parse(url)

    assert (target.host, target.port, target.path) == (host, port, path)
    assert urls.parse(target.url) == target


@given(st.text(max_size=60) | st.from_regex(r"https?://[^/]{0,40}(/.*)?", fullmatch=True))
def test_any_text_is_a_target_or_refused(text: str) -> None:
    try:
        target = urls.parse(text)
    except HttpError:
        return
    assert urls.parse(target.url) == target
    assert target.url.isascii()
    assert target.url.isprintable()
    assert " " not in target.url
