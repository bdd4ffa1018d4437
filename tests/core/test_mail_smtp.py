"""Handing a mail to a server: what is taken, what is not, and what nobody can know."""

import datetime
import ipaddress
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chatboost.core.mail import smtp
from chatboost.core.mail.smtp import Envelope, NotTaken, Refused, Server, Taken, Unclear
from tests.fakes.smtp import Action, Fault, SmtpServer, Step

MAIL = Envelope(
    "noreply@chat.example", "ada@example.com", b"Subject: Hi\r\nMessage-ID: <1@chat.example>\r\n\r\nHello\r\n"
)


def to(server: SmtpServer, **fields: object) -> Server:
    return replace(
        Server(host="127.0.0.1", port=server.port, deadline=timedelta(seconds=5), name="chat.example"),
        **fields,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a self-signed certificate of 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example")])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "mail.pem"
    plain = serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_mail_that_is_answered_with_250_is_taken_once() -> None:
    with SmtpServer() as server:
        assert smtp.send(to(server), MAIL) == Taken()
    (taken,) = server.taken
    assert (taken.sender, taken.recipients, taken.raw) == (MAIL.sender, (MAIL.recipient,), MAIL.message)
    assert "EHLO chat.example" in server.commands


@pytest.mark.parametrize("body", [b".\r\n", b"..\r\n.a\r\n", b"a\r\n.\r\nb\r\n"])
def test_dots_at_line_starts_arrive_as_they_were(body: bytes) -> None:
    mail = replace(MAIL, message=b"Subject: Hi\r\n\r\n" + body)
    with SmtpServer() as server:
        assert smtp.send(to(server), mail) == Taken()
    assert server.taken[0].raw == mail.message


@pytest.mark.parametrize("step", [Step.MAIL, Step.RCPT, Step.DATA, Step.BODY])
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("550 5.1.1 No such user", Refused),
        ("554 5.7.1 Looks like spam", Refused),
        ("421 4.3.2 Shutting down", NotTaken),
        ("451 4.7.1 Greylisted, come back later", NotTaken),
    ],
)
def test_no_is_final_or_for_now_by_its_first_digit(step: Step, reply: str, kind: type) -> None:
    with SmtpServer(Fault(step=step, reply=reply)) as server:
        outcome = smtp.send(to(server), MAIL)
    assert isinstance(outcome, kind)
    assert outcome.reason == reply  # type: ignore[attr-defined]
    assert server.taken == []


@pytest.mark.parametrize("step", [Step.CONNECT, Step.HELLO, Step.MAIL, Step.RCPT, Step.DATA])
def test_connection_lost_before_the_mail_was_handed_over_is_not_taken(step: Step) -> None:
    with SmtpServer(Fault(step=step, action=Action.DROP)) as server:
        assert isinstance(smtp.send(to(server), MAIL), NotTaken)
    assert server.taken == []


@pytest.mark.parametrize("action", [Action.DROP, Action.ACCEPT_THEN_DROP, Action.ACCEPT_THEN_RESET])
def test_connection_lost_after_the_mail_was_handed_over_is_unclear(action: Action) -> None:
    with SmtpServer(Fault(step=Step.BODY, action=action)) as server:
        assert isinstance(smtp.send(to(server), MAIL), Unclear)


def test_answer_that_is_none_is_unclear() -> None:
    with SmtpServer(Fault(step=Step.BODY, reply="hello there")) as server:
        assert isinstance(smtp.send(to(server), MAIL), Unclear)


@pytest.mark.parametrize(
    ("step", "action", "kind"),
    [
        (Step.CONNECT, Action.HANG, NotTaken),
        (Step.CONNECT, Action.TRICKLE, NotTaken),
        (Step.RCPT, Action.HANG, NotTaken),
        (Step.RCPT, Action.TRICKLE, NotTaken),
        (Step.BODY, Action.ACCEPT_THEN_HANG, Unclear),
        (Step.BODY, Action.TRICKLE, Unclear),
    ],
)
def test_server_that_does_not_answer_is_left_by_the_deadline(step: Step, action: Action, kind: type) -> None:
    with SmtpServer(Fault(step=step, action=action)) as server:
        began = time.monotonic()
        outcome = smtp.send(to(server, deadline=timedelta(seconds=0.5)), MAIL)
        took = time.monotonic() - began
    assert isinstance(outcome, kind)
    assert took < 1.5


def test_port_that_nobody_listens_on_is_not_taken() -> None:
    with SmtpServer() as server:
        gone = to(server)
    assert isinstance(smtp.send(gone, MAIL), NotTaken)


@pytest.mark.parametrize("reply", ["421 Too busy", "554 No service"])
def test_greeting_that_turns_away_is_not_taken(reply: str) -> None:
    with SmtpServer(Fault(step=Step.CONNECT, reply=reply)) as server:
        assert smtp.send(to(server), MAIL) == NotTaken(reply)


def test_credentials_are_used() -> None:
    with SmtpServer(credentials=("mailer", "fish & chips")) as server:
        assert smtp.send(to(server, user="mailer", password="fish & chips"), MAIL) == Taken()
    assert server.taken[0].user == "mailer"


@pytest.mark.parametrize("fields", [{}, {"user": "mailer", "password": "hunter"}])
def test_credentials_that_are_wrong_or_missing_are_ours_to_put_right(fields: dict[str, str]) -> None:
    with SmtpServer(credentials=("mailer", "right")) as server:
        outcome = smtp.send(to(server, **fields), MAIL)
    assert isinstance(outcome, NotTaken)
    assert "Authentication" in outcome.reason
    assert "hunter" not in outcome.reason


def test_starttls_encrypts_towards_a_trusted_certificate(
    server_tls: ssl.SSLContext, certificate: Path
) -> None:
    trusting = ssl.create_default_context(cafile=certificate)
    with SmtpServer(tls=server_tls) as server:
        assert smtp.send(to(server, use_tls=True, tls=trusting), MAIL) == Taken()
    assert server.taken[0].is_encrypted


def test_certificate_of_an_unknown_authority_gets_no_mail(server_tls: ssl.SSLContext) -> None:
    with SmtpServer(tls=server_tls) as server:
        outcome = smtp.send(to(server, use_tls=True), MAIL)
    assert isinstance(outcome, NotTaken)
    assert "self-signed" in outcome.reason
    assert server.taken == []


def test_server_without_the_wanted_encryption_gets_no_mail() -> None:
    with SmtpServer() as server:
        assert isinstance(smtp.send(to(server, use_tls=True), MAIL), NotTaken)
    assert not any(command.startswith("MAIL") for command in server.commands)


def test_encryption_from_the_first_byte_towards_a_plain_server_is_not_taken() -> None:
    with SmtpServer() as server:
        outcome = smtp.send(to(server, use_ssl=True, deadline=timedelta(seconds=1)), MAIL)
    assert isinstance(outcome, NotTaken)


@pytest.mark.parametrize("make", [lambda: b"x" * 3_000_000, lambda: b"line\r\n" * 200_000])
def test_large_mail_is_taken_whole(make: Callable[[], bytes]) -> None:
    mail = replace(MAIL, message=b"Subject: Hi\r\n\r\n" + make() + b"\r\n")
    with SmtpServer() as server:
        assert smtp.send(to(server), mail) == Taken()
    assert server.taken[0].raw.rstrip() == mail.message.rstrip()
