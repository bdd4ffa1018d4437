"""Calls over TLS: whose certificate counts, and the same deadlines as without."""

import datetime
import ipaddress
import ssl
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chatboost.core.http import untrusted
from chatboost.core.http.client import NotSent, OutcomeUnknown, Refused, VendorClient
from tests.fakes.peers import Network, Peer, Script, Talk, always, answer, redirect

SHORT = timedelta(seconds=0.3)
LONG = timedelta(seconds=5)


@pytest.fixture(scope="module")
def server_tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """Return a server's context, its certificate good for vendor.example and 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vendor.example")])
    today = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("vendor.example"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    plain = serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    context.certificate_path = path  # type: ignore[attr-defined]
    return context


@pytest.fixture
def trusting(server_tls: ssl.SSLContext) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server_tls.certificate_path)  # type: ignore[attr-defined]


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    network = Network(monkeypatch)
    network.name("vendor.example", ["127.0.0.1"])
    network.name("other.example", ["127.0.0.1"])
    return network


def vendor(
    peer: Peer, tls: ssl.SSLContext | None, host: str = "vendor.example", deadline: timedelta = LONG
) -> VendorClient:
    return VendorClient(f"https://{host}:{peer.port}", deadline, 1 << 20, tls=tls)


@pytest.mark.parametrize("host", ["vendor.example", "127.0.0.1"])
def test_call_to_a_trusted_certificate_succeeds_on_one_connection(
    host: str, network: Network, server_tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    with Peer(always(answer(b"yes")), tls=server_tls) as peer:
        client = vendor(peer, trusting, host)
        bodies = [client.request("POST", "/", json={}).body for _ in range(4)]

        assert (bodies, peer.connection_count) == ([b"yes"] * 4, 1)


def test_call_to_an_unknown_authority_is_not_sent(network: Network, server_tls: ssl.SSLContext) -> None:
    with Peer(always(answer()), tls=server_tls) as peer:
        with pytest.raises(NotSent, match="self-signed"):
            vendor(peer, None).request("POST", "/", json={})
        assert peer.requests == []


def test_call_to_a_certificate_of_another_name_is_not_sent(
    network: Network, server_tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    with Peer(always(answer()), tls=server_tls) as peer:
        with pytest.raises(NotSent, match="mismatch"):
            vendor(peer, trusting, "other.example").request("POST", "/", json={})
        assert peer.requests == []


@pytest.mark.parametrize(
    "script",
    [Talk.hang, lambda talk: talk.trickle(b"\x16\x03\x03\x00\x7a\x02"), lambda talk: talk.reset()],
    ids=["silent", "trickles", "resets"],
)
def test_handshake_that_does_not_end_is_not_sent_by_the_deadline(
    script: Script, network: Network, trusting: ssl.SSLContext
) -> None:
    with Peer(script) as peer:
        started = time.monotonic()
        with pytest.raises(NotSent):
            vendor(peer, trusting, deadline=SHORT).request("POST", "/", json={})
        assert time.monotonic() - started < 1.3


def test_answer_that_trickles_over_tls_is_left_at_the_deadline(
    network: Network, server_tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    def script(talk: Talk) -> None:
        talk.read()
        talk.trickle(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 9000)

    with Peer(script, tls=server_tls) as peer:
        started = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            vendor(peer, trusting, deadline=SHORT).request("POST", "/", json={})
        assert 0.25 < time.monotonic() - started < 1.3


def test_large_body_over_tls_that_nobody_reads_is_left_at_the_deadline(
    network: Network, server_tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    with Peer(Talk.hang, tls=server_tls) as peer:
        started = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            vendor(peer, trusting, deadline=SHORT).request("POST", "/", data=b"x" * 12_000_000)
        assert time.monotonic() - started < 1.3


def test_kept_connection_closed_over_tls_is_replaced(
    network: Network, server_tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    def script(talk: Talk) -> None:
        talk.read()
        talk.send(answer())

    with Peer(script, tls=server_tls) as peer:
        client = vendor(peer, trusting)
        for _ in range(2):
            client.request("POST", "/", json={})
            assert peer.hung_up.acquire(timeout=5)
        assert peer.connection_count == 2


def test_fetch_over_tls_names_the_host_and_connects_to_its_checked_address(
    network: Network, server_tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    with Peer(always(answer(b"yes")), tls=server_tls) as peer:
        network.route("vendor.example", peer, port=443)
        response = untrusted.fetch("https://vendor.example/a", deadline=LONG, max_bytes=99, tls=trusting)

    assert response.body == b"yes"
    assert b"\r\nhost: vendor.example\r\n" in peer.requests[0]
    assert network.connects == [("93.184.216.34", 443)]


def test_fetch_redirected_from_tls_to_plain_loses_credentials(
    network: Network, server_tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    with (
        Peer(always(answer())) as plain,
        Peer(always(redirect("http://vendor.example/")), tls=server_tls) as peer,
    ):
        network.route("vendor.example", peer, port=443)
        network.route("vendor.example", plain, port=80)
        untrusted.fetch(
            "https://vendor.example/",
            deadline=LONG,
            max_bytes=99,
            max_redirects=1,
            headers={"Authorization": "Bearer a"},
            tls=trusting,
        )

    assert b"authorization" in peer.requests[0]
    assert b"authorization" not in plain.requests[0]


def test_fetch_body_redirected_from_tls_to_plain_is_refused(
    network: Network, server_tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    with Peer(always(redirect("http://vendor.example/", 308)), tls=server_tls) as peer:
        network.route("vendor.example", peer, port=443)
        with pytest.raises(Refused) as caught:
            untrusted.fetch(
                "https://vendor.example/",
                method="POST",
                body=b"secret",
                deadline=LONG,
                max_bytes=99,
                max_redirects=1,
                tls=trusting,
            )

    assert (caught.value.code, caught.value.is_sent) == ("redirect_body_refused", True)
